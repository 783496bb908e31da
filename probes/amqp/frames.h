// What a peer sends, looked at before Proton sees it: whole frames, well-formed values, and of the
// performatives what Proton relies on without a check of its own (it asserts in release builds
// too). Pure; holds at most one frame that is not complete yet. Owned by an engine.
//
// Encodings and performatives: AMQP 1.0, parts 1.2 to 1.6, 2.3, 2.7 and 5.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vc {

// The values that stand in `bytes`, one after another, each as its bytes. Nothing when one of them
// is not well-formed, is nested deeper than any honest message (16), or there are more than `most`.
std::optional<std::vector<std::string_view>> amqp_values(std::string_view bytes, std::size_t most);

// A message: its sections one after another, all of them well-formed.
bool is_amqp_message(std::string_view bytes);

class FrameGuard {
  public:
    explicit FrameGuard(std::size_t most_frame_bytes) : most_(most_frame_bytes) {}

    // Takes what came. What may be passed on by then is taken with take(): whole frames and
    // protocol headers. False once the stream is broken, for which words() says why.
    bool add(std::string_view bytes);
    std::string take();
    const std::string& words() const { return words_; }

  private:
    // A link, as the peer attached it.
    struct Handle {
        bool sends = false;       // the peer does
        bool unfinished = false;  // of a message only a part has come
    };

    bool broken(const char* words);
    bool check_frame(std::string_view frame);
    bool check_sasl(std::string_view body);
    bool check_performative(std::string_view body);
    bool check_idle_time(std::string_view value);
    bool check_attach(const std::vector<std::string_view>& fields);
    bool check_transfer(const std::vector<std::string_view>& fields);

    std::size_t most_;
    std::string pending_;
    std::string passed_;
    std::string words_;
    bool offered_ = false;  // the mechanisms of SASL
    bool judged_ = false;   // its outcome
    bool opened_ = false;
    bool begun_ = false;
    std::map<std::uint64_t, Handle> handles_;
};

}  // namespace vc
