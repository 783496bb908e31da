// A password, key or token. It has no way into a stream, a format or a comparison with text, so it
// cannot get into a log, a page or a status by accident; reveal() is the one place to search for.
// Its memory is zeroed when it is let go of, so that it is not found in what reuses it.
#pragma once

#include <string.h>

#include <string>
#include <utility>

namespace vc {

// Zeroes the text and empties it; for what was made of a secret.
inline void wipe(std::string& text) {
    text.resize(text.capacity());
    explicit_bzero(text.data(), text.size());
    text.clear();
}

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) { wipe(value); }
    Secret(const Secret&) = default;
    // A short text is copied by a move, so the one that it came from is wiped.
    Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe(value_);
            value_ = other.value_;
        }
        return *this;
    }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe(value_);
            value_ = std::move(other.value_);
            wipe(other.value_);
        }
        return *this;
    }
    ~Secret() { wipe(value_); }

    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }
    // Whether two secrets are the same one.
    bool is(const Secret& other) const { return value_ == other.value_; }

  private:
    std::string value_;
};

}  // namespace vc
