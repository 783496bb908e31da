#include "daemon/http/server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <set>
#include <utility>

#include "daemon/host/spawn.h"
#include "daemon/http/status_json.h"

namespace vc {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

using Code = boost::system::error_code;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto tuple_awaitable = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t body_max = 16 * 1024;
constexpr std::uint32_t header_max = 8 * 1024;

std::string_view view(beast::string_view text) {
    return {text.data(), text.size()};
}

Response respond(http::status status, std::string_view type, std::string body) {
    Response response(status, 11);
    response.set(http::field::content_type, beast::string_view(type.data(), type.size()));
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.keep_alive(false);
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
}

Response json(http::status status, std::string body) {
    return respond(status, "application/json", std::move(body));
}

Response error(http::status status, std::string_view words) {
    return json(status, error_json(words));
}

Response wrong_method(std::string_view allowed) {
    Response response =
        error(http::status::method_not_allowed, "this path only knows " + std::string(allowed));
    response.set(http::field::allow, beast::string_view(allowed.data(), allowed.size()));
    return response;
}

bool is_json(std::string_view type) {
    std::string name(type.substr(0, type.find(';')));
    while (!name.empty() && name.back() == ' ')
        name.pop_back();
    return beast::iequals(name, "application/json");
}

// Why a command is not even read; none when it is.
std::optional<Response> refuse_command(const Request& request) {
    if (request.count(http::field::origin) > 0) {
        return error(http::status::forbidden, "commands are not taken from web pages");
    }
    if (!is_json(view(request[http::field::content_type]))) {
        return error(http::status::unsupported_media_type, "a command is sent as application/json");
    }
    return std::nullopt;
}

// A command's answer, waited for. Shared with the owner, who may answer when nobody waits.
struct Verdict {
    explicit Verdict(asio::io_context& io) : ready(io) {}
    asio::steady_timer ready;
    std::optional<Result<std::string>> result;
};

}  // namespace

bool is_loopback_host(std::string_view host) {
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        if (host.substr(0, end) != "[::1") return false;
        const std::string_view after = host.substr(end + 1);
        return after.empty() || after.starts_with(':');
    }
    const std::string name(host.substr(0, host.find(':')));
    if (beast::iequals(name, "localhost")) return true;
    Code bad;
    const auto address = asio::ip::make_address_v4(name, bad);
    return !bad && address.is_loopback();
}

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
    State(asio::io_context& owner, Clock its_clock, HttpServerOptions chosen, HttpAnswers given)
        : io(owner),
          clock(its_clock),
          options(std::move(chosen)),
          answers(std::move(given)),
          acceptor(owner),
          pause(owner) {}

    void accept_next();
    static asio::awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket);
    static asio::awaitable<Response> answer(std::shared_ptr<State> state, Request request);
    static asio::awaitable<Response> command(std::shared_ptr<State> state, Request request);

    asio::io_context& io;
    Clock clock;
    HttpServerOptions options;
    HttpAnswers answers;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::set<beast::tcp_stream*> open;
    bool gone = false;
};

asio::awaitable<Response> HttpServer::State::command(std::shared_ptr<State> state,
                                                     Request request) {
    if (auto refused = refuse_command(request)) co_return std::move(*refused);
    auto given = command_from_json(request.body());
    if (!given) co_return error(http::status::bad_request, given.error().message);
    auto verdict = std::make_shared<Verdict>(state->io);
    verdict->ready.expires_after(state->clock.to_machine(state->options.command_time));
    state->answers.command(std::move(*given), [verdict](Result<std::string> result) {
        if (verdict->result) return;
        verdict->result = std::move(result);
        verdict->ready.cancel();
    });
    // An answer that is already there has cancelled a wait that had not begun.
    if (!verdict->result) co_await verdict->ready.async_wait(tuple_awaitable);
    if (!verdict->result) {
        co_return error(http::status::gateway_timeout,
                        "no answer in time; ask for the status before trying again");
    }
    if (!*verdict->result) {
        co_return error(http::status::conflict, verdict->result->error().message);
    }
    co_return json(http::status::ok, done_json(**verdict->result));
}

asio::awaitable<Response> HttpServer::State::answer(std::shared_ptr<State> state, Request request) {
    const std::string target(request.target());
    const std::string path = target.substr(0, target.find('?'));
    const bool is_get = request.method() == http::verb::get;
    if (path == "/metrics") {
        if (!is_get) co_return wrong_method("GET");
        co_return respond(http::status::ok, "text/plain; version=0.0.4; charset=utf-8",
                          state->answers.metrics());
    }
    if (path == "/healthz") {
        if (!is_get) co_return wrong_method("GET");
        const Health health = state->answers.health();
        const auto status = health.ok ? http::status::ok : http::status::service_unavailable;
        co_return respond(status, "text/plain; charset=utf-8", health.words + "\n");
    }
    if (path != "/api/status" && path != "/api/command") {
        co_return error(http::status::not_found,
                        "there are /metrics, /healthz, /api/status and /api/command");
    }
    if (!is_loopback_host(view(request[http::field::host]))) {
        co_return error(http::status::forbidden, "the Host is not this machine's loopback");
    }
    if (path == "/api/status") {
        if (!is_get) co_return wrong_method("GET");
        co_return json(http::status::ok, state->answers.status());
    }
    if (request.method() != http::verb::post) co_return wrong_method("POST");
    co_return co_await command(state, std::move(request));
}

asio::awaitable<void> HttpServer::State::serve(std::shared_ptr<State> state, tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    state->open.insert(&stream);
    stream.expires_after(state->clock.to_machine(state->options.request_time));
    beast::flat_buffer buffer(32 * 1024);
    http::request_parser<http::string_body> parser;
    parser.header_limit(header_max);
    parser.body_limit(body_max);
    const auto [code, size] = co_await http::async_read(stream, buffer, parser, tuple_awaitable);

    std::optional<Response> response;
    if (state->gone || code == beast::error::timeout || code == http::error::end_of_stream) {
        // Too slow, or nothing to answer.
    } else if (code == http::error::body_limit) {
        response = error(http::status::payload_too_large, "a command is shorter than that");
    } else if (code) {
        response = error(http::status::bad_request, "that is not HTTP: " + code.message());
    } else {
        // While the owner thinks, its own time limit holds.
        stream.expires_never();
        response = co_await answer(state, parser.release());
        stream.expires_after(state->clock.to_machine(state->options.request_time));
    }
    if (response && !state->gone) {
        co_await http::async_write(stream, *response, tuple_awaitable);
        Code ignored;
        stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
    state->open.erase(&stream);
}

void HttpServer::State::accept_next() {
    acceptor.async_accept([self = shared_from_this()](const Code& code, tcp::socket socket) {
        if (self->gone || code == asio::error::operation_aborted) return;
        if (code) {
            // Most likely out of descriptors: trying again at once would burn a processor.
            self->pause.expires_after(std::chrono::milliseconds(100));
            self->pause.async_wait([self](const Code& stopped) {
                if (!stopped && !self->gone) self->accept_next();
            });
            return;
        }
        // A connection too many is closed at once: those that are served are worth more.
        if (self->open.size() < self->options.connections_max) {
            spawn(self->io.get_executor(), "http connection", serve(self, std::move(socket)));
        }
        self->accept_next();
    });
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(asio::io_context& io, Clock clock,
                                                     HttpServerOptions options,
                                                     HttpAnswers answers) {
    const std::string where = options.host + ":" + std::to_string(options.port);
    Code code;
    const auto address = asio::ip::make_address(options.host, code);
    if (code || !address.is_loopback()) {
        return failure("cannot listen on " + where + ": " + options.host +
                       " is not a loopback address");
    }
    const tcp::endpoint endpoint(address, options.port);
    auto state = std::make_shared<State>(io, clock, std::move(options), std::move(answers));
    tcp::acceptor& acceptor = state->acceptor;
    acceptor.open(endpoint.protocol(), code);
    if (!code) acceptor.set_option(asio::socket_base::reuse_address(true), code);
    if (!code) acceptor.bind(endpoint, code);
    if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
    if (code) return failure("cannot listen on " + where + ": " + code.message());
    state->accept_next();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
    state_->gone = true;
    Code ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
    for (beast::tcp_stream* stream : state_->open)
        stream->cancel();
}

std::uint16_t HttpServer::port() const {
    Code ignored;
    return state_->acceptor.local_endpoint(ignored).port();
}

}  // namespace vc
