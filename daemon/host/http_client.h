// One HTTP request over a connection of its own, http or https: no redirects, no proxies.
//
// The deadline covers everything from the look-up of the name to the last byte of the answer. The
// answer's body is bounded; so are its headers (8 KiB). TLS is that of tls.h: the server's
// certificate is always verified. A server that stalls, floods or breaks the
// protocol ends as an HttpError, never as an exception, a hang or growing memory.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/host/clock.h"
#include "daemon/host/tls.h"
#include "rules/base/error.h"

namespace vc {

// "http://host:port/path?query" taken apart.
struct HttpUrl {
    bool tls = false;         // https
    std::string host;         // a name, an IPv4 address, or an IPv6 address without its brackets
    std::uint16_t port = 80;  // 443 with TLS, when the text has none
    std::string target = "/";
    std::string authority;  // as the Host header wants it
};

// Refuses other schemes, user names and passwords, control characters and spaces; says which.
Result<HttpUrl> parse_http_url(std::string_view text);

struct HttpRequest {
    std::string method = "GET";  // a token such as GET or POST
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::size_t answer_limit = 1 << 20;  // bytes of body
    // Of https; the system's certificates, loaded for this request alone, when there is none.
    std::shared_ptr<TlsTrust> trust;
};

struct HttpResponse {
    unsigned status = 0;
    std::string content_type;
    std::string body;
};

struct HttpError {
    enum class Kind : std::uint8_t {
        bad_request,  // the URL, the method or a header cannot be sent at all
        unreachable,  // no name, no route, refused, no TLS: the request was not sent
        broken,       // the connection ended, or the answer is not HTTP, or is too large
        timed_out,    // no full answer by the deadline: nobody knows whether it took effect
    };
    Kind kind = Kind::broken;
    std::string message;  // one line: "connect 127.0.0.1:9300: Connection refused"
};

using HttpAnswer = tl::expected<HttpResponse, HttpError>;

// Runs on the calling coroutine's executor, which must be single-threaded.
boost::asio::awaitable<HttpAnswer> http_request(HttpRequest request, Instant deadline, Clock clock);

// The same for a program that has nothing else to do: blocks, at most for `patience`.
HttpAnswer http_fetch(HttpRequest request, Duration patience, const Clock& clock);

}  // namespace vc
