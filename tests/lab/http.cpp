#include "tests/lab/http.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <charconv>
#include <optional>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::size_t body_limit = 1u << 20;
constexpr std::size_t connection_limit = 256;
constexpr Duration idle_limit = 300s;

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string found_in(const std::map<std::string, std::string>& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? "" : found->second;
}

}  // namespace

std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] == '%' && i + 2 < text.size()) {
            const auto read = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
            if (read.ec == std::errc{}) {
                out += static_cast<char>(value);
                i += 2;
                continue;
            }
        }
        out += text[i] == '+' ? ' ' : text[i];
    }
    return out;
}

void read_target(std::string given, HttpRequest& request) {
    request.target = std::move(given);
    const std::string_view target = request.target;
    const auto mark = target.find('?');
    request.path = unescaped(target.substr(0, mark));
    if (mark == std::string_view::npos) return;
    std::string_view rest = target.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        const std::string value =
            equals == std::string_view::npos ? "" : unescaped(pair.substr(equals + 1));
        request.query[unescaped(pair.substr(0, equals))] = value;
    }
}

std::string HttpRequest::header(const std::string& name) const {
    return found_in(headers, name);
}

std::string HttpRequest::argument(const std::string& name) const {
    return found_in(query, name);
}

class HttpServer::Session : public std::enable_shared_from_this<Session> {
  public:
    Session(HttpServer& server, Socket socket)
        : server_(&server), agenda_(server.agenda_), socket_(std::move(socket)) {
        server.sessions_.insert(this);
    }
    ~Session() {
        if (server_ != nullptr) server_->sessions_.erase(this);
    }

    void read_next() {
        parser_.emplace();
        parser_->body_limit(body_limit);
        idle_ = agenda_.after(idle_limit, [this] { stop(); });
        http::async_read(socket_, buffer_, *parser_,
                         [self = shared_from_this()](const Error& error, std::size_t) {
                             self->idle_.cancel();
                             if (!error && self->server_ != nullptr) self->answer();
                         });
    }

    void orphan() {
        server_ = nullptr;
        idle_.cancel();
        delayed_.cancel();
        stop();
    }

  private:
    void stop() {
        Error ignored;
        socket_.close(ignored);
    }

    void answer() {
        const auto& asked = parser_->get();
        HttpRequest request;
        request.method = std::string(asked.method_string());
        read_target(std::string(asked.target()), request);
        for (const auto& field : asked)
            request.headers[lower(field.name_string())] = std::string(field.value());
        request.key = request.header("idempotency-key");
        request.body = asked.body();
        HttpResponse answer = server_->handle_(request);
        response_ = {};
        response_.version(asked.version());
        response_.result(answer.status);
        response_.set(http::field::content_type, answer.type);
        for (const auto& [name, value] : answer.headers)
            response_.set(name, value);
        response_.keep_alive(asked.keep_alive());
        response_.body() = std::move(answer.body);
        response_.prepare_payload();
        if (answer.delay > Duration::zero()) {
            // Nothing else holds the session while it waits; orphan() ends the wait.
            delayed_ = agenda_.after(answer.delay, [self = shared_from_this()] { self->write(); });
        } else {
            write();
        }
    }

    void write() {
        http::async_write(socket_, response_,
                          [self = shared_from_this()](const Error& error, std::size_t) {
                              if (error || self->server_ == nullptr) return;
                              if (!self->response_.keep_alive()) return self->stop();
                              self->read_next();
                          });
    }

    HttpServer* server_;
    Agenda& agenda_;
    Socket socket_;
    beast::flat_buffer buffer_{body_limit + 65536};
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    Timer idle_;
    Timer delayed_;
};

HttpServer::HttpServer(Agenda& agenda, Handle handle)
    : agenda_(agenda), handle_(std::move(handle)), listener_(agenda.io(), [this](Socket socket) {
          if (sessions_.size() >= connection_limit) return;
          // Shared with its own pending reads and writes only.
          std::make_shared<Session>(*this, std::move(socket))->read_next();
      }) {}

HttpServer::~HttpServer() {
    for (Session* session : sessions_)
        session->orphan();
}

Result<HttpResponse> http_ask(std::uint16_t port, const HttpRequest& request, Duration patience) {
    boost::asio::io_context io(1);
    beast::tcp_stream stream(io);
    stream.expires_after(patience);
    beast::flat_buffer buffer;
    http::request<http::string_body> asked;
    asked.method_string(request.method);
    asked.target(request.target.empty() ? request.path : request.target);
    asked.version(11);
    asked.set(http::field::host, "127.0.0.1");
    asked.set(http::field::content_type, "application/json");
    if (!request.key.empty()) asked.set("Idempotency-Key", request.key);
    for (const auto& [name, value] : request.headers)
        asked.set(name, value);
    asked.keep_alive(false);
    asked.body() = request.body;
    asked.prepare_payload();
    http::response<http::string_body> response;
    Error result;
    stream.async_connect(
        tcp::endpoint(boost::asio::ip::address_v4::loopback(), port), [&](const Error& error) {
            result = error;
            if (error) return;
            http::async_write(stream, asked, [&](const Error& failed, std::size_t) {
                result = failed;
                if (failed) return;
                http::async_read(stream, buffer, response,
                                 [&](const Error& last, std::size_t) { result = last; });
            });
        });
    io.run();
    if (result) return failure("127.0.0.1:" + std::to_string(port) + ": " + result.message());
    HttpResponse answer;
    answer.status = response.result_int();
    answer.body = response.body();
    return answer;
}

}  // namespace vc::lab
