// A password or token. It has no way into a stream, a format or a comparison with text, so it
// cannot get into a log, a page or a status by accident; reveal() is the one place to search for.
#pragma once

#include <string>
#include <utility>

namespace vc {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}

    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }

  private:
    std::string value_;
};

}  // namespace vc
