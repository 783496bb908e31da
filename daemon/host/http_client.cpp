#include "daemon/host/http_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <sstream>

#include "daemon/host/deadline.h"
#include "daemon/host/net.h"

namespace vc {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Kind = HttpError::Kind;
using Code = boost::system::error_code;

tl::unexpected<HttpError> fail(Kind kind, std::string message) {
    return tl::unexpected<HttpError>(HttpError{kind, std::move(message)});
}

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// RFC 9110: token.
bool is_token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               marks.find(c) != std::string_view::npos;
    });
}

bool is_header_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

// 0 for what is no port.
std::uint16_t port_of(std::string_view text) {
    if (text.empty() || text.size() > 5) return 0;
    int port = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return 0;
        port = port * 10 + (c - '0');
    }
    return port <= 65535 ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
}

using Message = http::request<http::string_body>;

tl::expected<Message, HttpError> build(HttpRequest& request, const HttpUrl& url) {
    if (!is_token(request.method)) {
        return fail(Kind::bad_request, "'" + request.method + "' is not an HTTP method");
    }
    Message message;
    message.version(11);
    message.method_string(request.method);
    message.target(url.target);
    message.set(http::field::host, url.authority);
    message.set(http::field::user_agent, "voltcanary");
    message.set(http::field::connection, "close");
    for (const auto& [name, value] : request.headers) {
        if (!is_token(name) || !is_header_value(value)) {
            return fail(Kind::bad_request, "the header '" + name + "' cannot be sent");
        }
        message.set(name, value);
    }
    message.body() = std::move(request.body);
    message.prepare_payload();
    return message;
}

// Why there is no connection.
tl::unexpected<HttpError> not_connected(const HttpUrl& url, const Connected& made) {
    std::string what = "connect " + url.authority;
    if (made.result.phase == Phase::dns) what = "look up " + url.host;
    if (made.result.phase == Phase::tls) what = "TLS with " + url.authority;
    return fail(Kind::unreachable, what + ": " + made.why);
}

// The failure of an exchange on an open connection.
tl::unexpected<HttpError> broke_off(const HttpUrl& url, const Code& error) {
    if (error == http::error::body_limit) {
        return fail(Kind::broken, url.authority + " answered with too large a body");
    }
    return fail(Kind::broken, url.authority + " broke off: " + error.message());
}

using Parser = http::response_parser<http::string_body>;

// Feeds the parser what the server sends until it has an answer.
asio::awaitable<Code> read_answer(Stream& stream, Parser& parser) {
    // What the parser has not taken yet stands at the front. It takes a header only whole.
    std::array<char, 16 * 1024> room;
    std::size_t held = 0;
    Code error;
    while (!parser.is_done()) {
        if (held == room.size()) co_return http::error::header_limit;
        const auto read =
            co_await stream.read_some(asio::mutable_buffer(&room[held], room.size() - held));
        held += read.bytes;
        if (read.error == asio::error::eof) {
            if (!parser.got_some()) co_return http::error::end_of_stream;
            parser.put_eof(error);
            co_return error;
        }
        if (read.error) co_return read.error;
        const std::size_t taken = parser.put(asio::const_buffer(room.data(), held), error);
        std::copy(room.begin() + static_cast<std::ptrdiff_t>(taken),
                  room.begin() + static_cast<std::ptrdiff_t>(held), room.begin());
        held -= taken;
        if (error && error != http::error::need_more) co_return error;
    }
    co_return Code{};
}

asio::awaitable<HttpAnswer> exchange(Stream& stream, const HttpUrl& url, const Message& message,
                                     std::size_t limit, const Deadline& deadline) {
    const auto late = [&] {
        return fail(Kind::timed_out, url.authority + " did not answer in time");
    };
    std::ostringstream text;
    text << message;
    const auto written = co_await stream.write(text.view());
    // A server may answer and close before it has read everything: its answer is what counts.
    if (deadline.passed()) co_return late();

    Parser parser;
    parser.eager(true);
    parser.header_limit(8 * 1024);
    parser.body_limit(limit);
    if (message.method() == http::verb::head) parser.skip(true);
    const Code error = co_await read_answer(stream, parser);
    if (deadline.passed()) co_return late();
    if (error) co_return broke_off(url, written.error ? written.error : error);

    HttpResponse response;
    response.status = parser.get().result_int();
    response.content_type = std::string(parser.get()[http::field::content_type]);
    response.body = std::move(parser.get().body());
    co_return response;
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
    const auto bad = [&](const std::string& why) {
        return failure("'" + std::string(text) + "' " + why);
    };
    if (!is_plain(text)) return bad("is not a URL: it has spaces or control characters");
    HttpUrl url;
    url.tls = text.starts_with("https://");
    if (!url.tls && !text.starts_with("http://")) {
        return bad("is not a URL that begins with http:// or https://");
    }
    std::string_view rest = text.substr(text.find("//") + 2);
    const auto path = rest.find_first_of("/?#");
    url.authority = std::string(rest.substr(0, path));
    if (path != std::string_view::npos) {
        std::string_view target = rest.substr(path);
        target = target.substr(0, target.find('#'));
        url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
    }
    std::string_view host = url.authority;
    if (host.find('@') != std::string_view::npos) {
        return bad("has a user name in it; credentials do not belong in a URL");
    }
    std::optional<std::string_view> port;
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        if (end == std::string_view::npos) return bad("has a '[' and no ']'");
        const std::string_view after = host.substr(end + 1);
        if (!after.empty() && after.front() != ':') return bad("has more than a port after ']'");
        if (!after.empty()) port = after.substr(1);
        host = host.substr(1, end - 1);
    } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
        port = host.substr(colon + 1);
        host = host.substr(0, colon);
    }
    if (host.empty()) return bad("has no host");
    url.port = port ? port_of(*port) : url.tls ? 443 : 80;
    if (url.port == 0) return bad("has a port that is not 1 to 65535");
    url.host = std::string(host);
    return url;
}

asio::awaitable<HttpAnswer> http_request(HttpRequest request, Instant deadline, Clock clock) {
    const auto url = parse_http_url(request.url);
    if (!url) co_return fail(Kind::bad_request, url.error().message);
    const auto message = build(request, *url);
    if (!message) co_return tl::unexpected(message.error());
    Endpoint endpoint{url->host, url->port, nullptr};
    if (url->tls) {
        endpoint.tls = request.trust;
        if (!endpoint.tls) {
            auto system = TlsTrust::load("");
            if (!system) co_return fail(Kind::unreachable, system.error().message);
            endpoint.tls = std::move(*system);
        }
    }
    const auto executor = co_await asio::this_coro::executor;
    Connector connector(executor, clock, std::move(endpoint));
    const Connected made = co_await connector.run(deadline);
    if (!made.stream) co_return not_connected(*url, made);
    const Deadline cut_off(executor, clock, deadline, [&made] { made.stream->close(); });
    auto answer = co_await exchange(*made.stream, *url, *message, request.answer_limit, cut_off);
    made.stream->close();
    co_return answer;
}

HttpAnswer http_fetch(HttpRequest request, Duration patience, const Clock& clock) {
    asio::io_context io(1);
    std::optional<HttpAnswer> answer;
    asio::co_spawn(io, http_request(std::move(request), clock.now() + patience, clock),
                   [&](const std::exception_ptr& thrown, HttpAnswer made) {
                       if (thrown) std::rethrow_exception(thrown);
                       answer = std::move(made);
                   });
    while (!answer && io.run_one() > 0) {
    }
    return std::move(*answer);
}

}  // namespace vc
