#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <optional>

#include "tests/lab/door.h"

namespace vc::lab {
namespace {

// A Transport as what Beast reads and writes. Beast finds the functions below it by its type.
class Layer {
  public:
    using executor_type = boost::asio::any_io_executor;

    explicit Layer(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
    executor_type get_executor() { return transport_->executor(); }
    Transport& transport() { return *transport_; }
    std::unique_ptr<Transport> take() { return std::move(transport_); }

    template <class Buffers, class Handler>
    auto async_read_some(const Buffers& buffers, Handler&& handler) {
        return boost::asio::async_initiate<Handler, void(boost::system::error_code, std::size_t)>(
            [this](auto done, boost::asio::mutable_buffer into) {
                transport_->read_some(into, shared(std::move(done)));
            },
            handler, first<boost::asio::mutable_buffer>(buffers));
    }
    template <class Buffers, class Handler>
    auto async_write_some(const Buffers& buffers, Handler&& handler) {
        return boost::asio::async_initiate<Handler, void(boost::system::error_code, std::size_t)>(
            [this](auto done, boost::asio::const_buffer from) {
                transport_->write(from, shared(std::move(done)));
            },
            handler, first<boost::asio::const_buffer>(buffers));
    }

  private:
    template <class Buffer, class Buffers>
    static Buffer first(const Buffers& buffers) {
        for (auto at = boost::asio::buffer_sequence_begin(buffers);
             at != boost::asio::buffer_sequence_end(buffers); ++at) {
            if (Buffer(*at).size() > 0) return *at;
        }
        return {};
    }
    // Transport takes functions that can be copied, Beast's can only be moved: shared for that.
    template <class Done>
    static Transport::Done shared(Done done) {
        auto kept = std::make_shared<Done>(std::move(done));
        return [kept](const boost::system::error_code& error, std::size_t size) {
            std::move (*kept)(error, size);
        };
    }
    std::unique_ptr<Transport> transport_;
};

[[maybe_unused]] void beast_close_socket(Layer& layer) {
    layer.transport().close();
}

[[maybe_unused]] void teardown(boost::beast::role_type, Layer& layer,
                               boost::system::error_code& error) {
    error = {};
    layer.transport().close();
}

template <class Handler>
void async_teardown(boost::beast::role_type, Layer& layer, Handler&& handler) {
    layer.transport().close();
    boost::asio::post(layer.get_executor(),
                      [done = std::forward<Handler>(handler)]() mutable { done({}); });
}

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using namespace std::chrono_literals;
using Error = boost::system::error_code;
using WebSocket = websocket::stream<Layer>;

constexpr std::size_t body_limit = 1u << 20;
constexpr Duration idle_limit = 300s;
constexpr const char* amqp_path = "/$servicebus/websocket";
constexpr const char* subprotocol = "AMQPWSB10";

class OverWebSocket : public Transport {
  public:
    explicit OverWebSocket(std::unique_ptr<WebSocket> stream) : stream_(std::move(stream)) {
        const Transport& under = stream_->next_layer().transport();
        websocket = true;
        encrypted = under.encrypted;
        certificate = under.certificate;
        stream_->binary(true);
    }
    void write(boost::asio::const_buffer all, Done done) override {
        stream_->async_write(all, std::move(done));
    }
    void close() override { stream_->next_layer().transport().close(); }
    void reset() override { stream_->next_layer().transport().reset(); }
    boost::asio::any_io_executor executor() override { return stream_->get_executor(); }

  protected:
    void read_more(boost::asio::mutable_buffer into, Done done) override {
        stream_->async_read_some(into, std::move(done));
    }

  private:
    std::unique_ptr<WebSocket> stream_;
};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

bool is_for_amqp(const http::request<http::string_body>& asked) {
    std::string path = std::string(asked.target());
    path = path.substr(0, path.find('?'));
    if (!path.empty() && path.back() == '/') path.pop_back();
    return websocket::is_upgrade(asked) && lower(path) == amqp_path;
}

}  // namespace

class HttpVisit : public Door::Guest, public std::enable_shared_from_this<HttpVisit> {
  public:
    HttpVisit(Door& door, std::unique_ptr<Transport> transport)
        : Guest(door), layer_(std::make_unique<Layer>(std::move(transport))) {}

    void read_next() {
        parser_.emplace();
        parser_->body_limit(body_limit);
        wait_ = door_->agenda_.after(idle_limit, [this] { stop(); });
        http::async_read(*layer_, buffer_, *parser_,
                         [self = shared_from_this()](const Error& error, std::size_t) {
                             if (error || self->door_ == nullptr) return;
                             self->wait_.cancel();
                             self->answer();
                         });
    }

    void stop() override {
        const auto kept = shared_from_this();  // the wait may have been the last owner
        wait_.cancel();
        if (layer_) layer_->transport().close();
        if (stream_) stream_->next_layer().transport().close();
    }

  private:
    void answer() {
        const auto& asked = parser_->get();
        if (is_for_amqp(asked)) return upgrade();
        HttpRequest request;
        request.method = std::string(asked.method_string());
        read_target(std::string(asked.target()), request);
        for (const auto& field : asked)
            request.headers[lower(field.name_string())] = std::string(field.value());
        request.key = request.header("idempotency-key");
        request.body = asked.body();
        HttpResponse answer{404, "", "text/plain"};
        if (door_->hooks_.http) answer = door_->hooks_.http(request);
        response_ = {};
        response_.version(asked.version());
        response_.result(answer.status);
        response_.set(http::field::content_type, answer.type);
        for (const auto& [name, value] : answer.headers)
            response_.set(name, value);
        response_.keep_alive(asked.keep_alive());
        response_.body() = std::move(answer.body);
        response_.prepare_payload();
        if (answer.delay <= Duration::zero()) return write();
        wait_ = door_->agenda_.after(answer.delay, [self = shared_from_this()] { self->write(); });
    }

    void write() {
        http::async_write(*layer_, response_,
                          [self = shared_from_this()](const Error& error, std::size_t) {
                              if (error || self->door_ == nullptr) return;
                              if (!self->response_.keep_alive()) return self->stop();
                              self->read_next();
                          });
    }

    void upgrade() {
        stream_ = std::make_unique<WebSocket>(layer_->take());
        layer_.reset();
        const auto& asked = parser_->get();
        const auto offered = asked[http::field::sec_websocket_protocol];
        const bool ours = http::token_list(offered).exists(subprotocol);
        stream_->set_option(websocket::stream_base::decorator([ours](auto& response) {
            if (ours) response.set(http::field::sec_websocket_protocol, subprotocol);
        }));
        stream_->async_accept(asked, [self = shared_from_this()](const Error& error) {
            if (error || self->door_ == nullptr) return;
            self->door_->hooks_.amqp(std::make_unique<OverWebSocket>(std::move(self->stream_)));
        });
    }

    std::unique_ptr<Layer> layer_;
    std::unique_ptr<WebSocket> stream_;
    beast::flat_buffer buffer_{body_limit + 65536};
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    Timer wait_;
};

void serve_http(Door& door, std::unique_ptr<Transport> transport) {
    // Shared with its own pending operations only.
    std::make_shared<HttpVisit>(door, std::move(transport))->read_next();
}

void websocket_connect(std::unique_ptr<Transport> transport,
                       std::function<void(std::unique_ptr<Transport>)> done) {
    // Shared with the handshake alone.
    auto stream = std::make_shared<std::unique_ptr<WebSocket>>(
        std::make_unique<WebSocket>(std::move(transport)));
    (*stream)->set_option(websocket::stream_base::decorator(
        [](auto& request) { request.set(http::field::sec_websocket_protocol, subprotocol); }));
    (*stream)->async_handshake("localhost", std::string(amqp_path) + "/",
                               [stream, done = std::move(done)](const Error& error) {
                                   if (error) return done(nullptr);
                                   done(std::make_unique<OverWebSocket>(std::move(*stream)));
                               });
}

}  // namespace vc::lab
