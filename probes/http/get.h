// One HTTP GET without IO: the request's bytes, then bytes of the answer in, status and body out.
// The only file of the layer that sees Boost.Beast, and of that only the parser. Head up to 8 KiB
// and body up to 64 KiB; more, or what is not HTTP/1.x, is `broken`. RFC 9112.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace vc {

struct GetTarget {
    std::string host;
    std::uint16_t port = 0;
    std::string path = "/";
    bool secure = false;
};

class HttpGet {
  public:
    enum class State : std::uint8_t { reading, done, broken };

    explicit HttpGet(GetTarget request);
    ~HttpGet();
    HttpGet(HttpGet&&) noexcept;

    // With the header Authorization when there is a value for it.
    std::string request_text(std::string_view authorization = {}) const;
    State receive(std::string_view bytes);
    // The peer closed its side: an answer without a length may be complete now.
    State finish();

    State state() const { return state_; }
    int status() const { return status_; }                 // 0 until the head is complete
    const std::string& body() const { return body_; }      // whole once done
    const std::string& reason() const { return reason_; }  // why it is broken

  private:
    struct Parser;
    State fail(std::string reason);
    State take_result();

    GetTarget request_;
    std::unique_ptr<Parser> parser_;
    std::string pending_;  // head bytes not yet parsed
    State state_ = State::reading;
    int status_ = 0;
    std::string body_;
    std::string reason_;
};

}  // namespace vc
