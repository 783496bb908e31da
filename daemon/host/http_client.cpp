#include "daemon/host/http_client.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <memory>
#include <optional>

namespace vc {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Kind = HttpError::Kind;
using Code = boost::system::error_code;
using Endpoints = std::vector<tcp::endpoint>;

constexpr auto tuple_awaitable = asio::as_tuple(asio::use_awaitable);

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

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5) return false;
    int port = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        port = port * 10 + (c - '0');
    }
    return port >= 1 && port <= 65535;
}

// A look-up cannot be cancelled: the system's resolver blocks a thread of Asio's. It is shared so
// that it may end after whoever asked has given up.
struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), timer(executor) {}
    tcp::resolver resolver;
    asio::steady_timer timer;
    Endpoints endpoints;
    Code error;
    bool ended = false;
};

asio::awaitable<tl::expected<Endpoints, HttpError>> look_up(HttpUrl url, Instant deadline,
                                                            Clock clock) {
    Code not_literal;
    const auto address = asio::ip::make_address(url.host, not_literal);
    if (!not_literal) {
        const auto port = static_cast<std::uint16_t>(std::stoi(url.port));
        co_return Endpoints{tcp::endpoint(address, port)};
    }
    auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
    lookup->timer.expires_after(clock.machine_time_until(deadline));
    lookup->resolver.async_resolve(
        url.host, url.port, [lookup](const Code& error, const tcp::resolver::results_type& found) {
            lookup->error = error;
            for (const auto& entry : found)
                lookup->endpoints.push_back(entry.endpoint());
            lookup->ended = true;
            lookup->timer.cancel();
        });
    co_await lookup->timer.async_wait(tuple_awaitable);
    if (!lookup->ended) {
        // If it still waits for the resolver's thread, it need not be looked up any more.
        lookup->resolver.cancel();
        co_return fail(Kind::unreachable, "look up " + url.host + ": timed out");
    }
    if (lookup->error) {
        co_return fail(Kind::unreachable, "look up " + url.host + ": " + lookup->error.message());
    }
    co_return std::move(lookup->endpoints);
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

// The failure of an exchange on an open connection.
tl::unexpected<HttpError> exchange_failed(const HttpUrl& url, const Code& error) {
    if (error == beast::error::timeout) {
        return fail(Kind::timed_out, url.authority + " did not answer in time");
    }
    if (error == http::error::body_limit) {
        return fail(Kind::broken, url.authority + " answered with too large a body");
    }
    return fail(Kind::broken, url.authority + " broke off: " + error.message());
}

asio::awaitable<HttpAnswer> exchange(beast::tcp_stream& stream, const HttpUrl& url,
                                     Message& message, std::size_t limit) {
    const auto [write_error, written] =
        co_await http::async_write(stream, message, tuple_awaitable);
    // A server may answer and close before it has read everything: its answer is what counts.
    if (write_error == beast::error::timeout) co_return exchange_failed(url, write_error);

    beast::flat_buffer buffer(64 * 1024);
    http::response_parser<http::string_body> parser;
    parser.header_limit(8 * 1024);
    parser.body_limit(limit);
    if (message.method() == http::verb::head) parser.skip(true);
    const auto [read_error, read] =
        co_await http::async_read(stream, buffer, parser, tuple_awaitable);
    if (read_error) co_return exchange_failed(url, write_error ? write_error : read_error);

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
    constexpr std::string_view scheme = "http://";
    if (!is_plain(text)) return bad("is not a URL: it has spaces or control characters");
    if (text.starts_with("https://")) return bad("is https, and only http is spoken here");
    if (!text.starts_with(scheme)) return bad("is not a URL that begins with http://");
    std::string_view rest = text.substr(scheme.size());
    HttpUrl url;
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
    if (port && !is_port(*port)) return bad("has a port that is not 1 to 65535");
    url.host = std::string(host);
    url.port = std::string(port.value_or("80"));
    return url;
}

asio::awaitable<HttpAnswer> http_request(HttpRequest request, Instant deadline, Clock clock) {
    const auto url = parse_http_url(request.url);
    if (!url) co_return fail(Kind::bad_request, url.error().message);
    auto message = build(request, *url);
    if (!message) co_return tl::unexpected(message.error());
    const auto endpoints = co_await look_up(*url, deadline, clock);
    if (!endpoints) co_return tl::unexpected(endpoints.error());

    beast::tcp_stream stream(co_await asio::this_coro::executor);
    stream.expires_after(clock.machine_time_until(deadline));
    const auto [error, peer] = co_await stream.async_connect(*endpoints, tuple_awaitable);
    if (error) {
        const bool late = error == beast::error::timeout;
        co_return fail(Kind::unreachable,
                       "connect " + url->authority + ": " + (late ? "timed out" : error.message()));
    }
    auto answer = co_await exchange(stream, *url, *message, request.answer_limit);
    stream.close();
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
