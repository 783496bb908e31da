#include "tests/lab/ws.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>
#include <optional>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Error = boost::system::error_code;

constexpr std::size_t most_waiting = 1000;
constexpr std::size_t message_limit = 64 * 1024;
constexpr Duration upgrade_patience = 10s;
constexpr Duration close_patience = 5s;
constexpr const char* subprotocol = "ocpp1.6";

class Connection : public WsConnection, public std::enable_shared_from_this<Connection> {
  public:
    Connection(Agenda& agenda, Socket socket, Events events)
        : agenda_(agenda), stream_(std::move(socket)), events_(std::move(events)) {
        stream_.read_message_max(message_limit);
        stream_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                           websocket::stream_base::none(), false});
        stream_.text(true);
    }

    void send(std::string text) override {
        if (!open_ || done_) return;
        if (out_.size() >= most_waiting) {
            reset();
            return;
        }
        out_.push_back(std::move(text));
        if (out_.size() == 1) write_next();
    }

    void close() override {
        if (done_) return;
        if (!open_) {
            finish();
            return;
        }
        open_ = false;
        const auto self = shared_from_this();
        patience_ = agenda_.after(close_patience, [this] { finish(); });
        stream_.async_close(websocket::close_code::normal,
                            [self](const Error&) { self->finish(); });
    }

    void reset() override {
        if (done_) return;
        reset_socket(stream_.next_layer());
        finish();
    }

    void abandon() override {
        events_ = {};
        finish();
    }

    void accept(WsDecide decide, std::function<void()> refused) {
        decide_ = std::move(decide);
        refused_ = std::move(refused);
        patience_ = agenda_.after(upgrade_patience, [this] { finish(); });
        http::async_read(stream_.next_layer(), buffer_, request_,
                         [self = shared_from_this()](const Error& error, std::size_t) {
                             self->answer_upgrade(error);
                         });
    }

    void connect(std::uint16_t port, std::string path, Duration patience) {
        patience_ = agenda_.after(patience, [this] { finish(); });
        const boost::asio::ip::tcp::endpoint to(boost::asio::ip::address_v4::loopback(), port);
        stream_.next_layer().async_connect(
            to, [self = shared_from_this(), path = std::move(path)](const Error& error) {
                if (error || self->done_) return self->finish();
                self->ask_upgrade(path);
            });
    }

  private:
    void answer_upgrade(const Error& error) {
        if (done_) return;
        if (error || !websocket::is_upgrade(request_)) return finish();
        auto welcome = decide_(std::string(request_.target()));
        if (!welcome.known) return answer_not_found();
        events_ = std::move(welcome.events);
        refused_ = {};
        const auto offered = request_[http::field::sec_websocket_protocol];
        const bool ours = http::token_list(offered).exists(subprotocol);
        stream_.set_option(websocket::stream_base::decorator([ours](auto& response) {
            if (ours) response.set(http::field::sec_websocket_protocol, subprotocol);
        }));
        stream_.async_accept(request_, [self = shared_from_this(), ours](const Error& failed) {
            if (failed) return self->finish();
            self->opened();
            if (!ours) self->close();
        });
    }

    void answer_not_found() {
        response_.result(http::status::not_found);
        response_.version(request_.version());
        response_.keep_alive(false);
        response_.prepare_payload();
        http::async_write(stream_.next_layer(), response_,
                          [self = shared_from_this()](const Error&, std::size_t) {
                              Error ignored;
                              self->stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
                              self->finish();
                          });
    }

    void ask_upgrade(const std::string& path) {
        Error ignored;
        stream_.next_layer().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
        stream_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
            request.set(http::field::sec_websocket_protocol, subprotocol);
        }));
        stream_.async_handshake(
            upgrade_, "127.0.0.1", path, [self = shared_from_this()](const Error& error) {
                const auto said = self->upgrade_[http::field::sec_websocket_protocol];
                if (error || said != subprotocol) return self->finish();
                self->opened();
            });
    }

    void opened() {
        if (done_) return;
        patience_.cancel();
        open_ = true;
        if (events_.on_open) events_.on_open();
        if (!done_) read_next();
    }

    void read_next() {
        stream_.async_read(buffer_, [self = shared_from_this()](const Error& error, std::size_t) {
            if (error) return self->finish();
            std::string text = beast::buffers_to_string(self->buffer_.data());
            self->buffer_.consume(self->buffer_.size());
            if (self->events_.on_text && self->open_) self->events_.on_text(std::move(text));
            if (!self->done_) self->read_next();
        });
    }

    void write_next() {
        stream_.async_write(boost::asio::buffer(out_.front()),
                            [self = shared_from_this()](const Error& error, std::size_t) {
                                if (error || self->done_) return self->finish();
                                self->out_.pop_front();
                                if (!self->out_.empty() && self->open_) self->write_next();
                            });
    }

    void finish() {
        if (done_) return;
        const auto self = shared_from_this();
        done_ = true;
        open_ = false;
        patience_.cancel();
        Error ignored;
        stream_.next_layer().close(ignored);
        const Events events = std::exchange(events_, {});
        const auto refused = std::exchange(refused_, {});
        if (refused) refused();
        if (events.on_closed) events.on_closed();
    }

    Agenda& agenda_;
    websocket::stream<Socket, false> stream_;
    Events events_;
    WsDecide decide_;
    std::function<void()> refused_;
    beast::flat_buffer buffer_{message_limit * 2};
    http::request<http::string_body> request_;
    http::response<http::string_body> response_;
    websocket::response_type upgrade_;
    std::deque<std::string> out_;
    Timer patience_;
    bool open_ = false;
    bool done_ = false;
};

}  // namespace

std::shared_ptr<WsConnection> ws_accept(Agenda& agenda, Socket socket, WsDecide decide,
                                        std::function<void()> refused) {
    auto connection =
        std::make_shared<Connection>(agenda, std::move(socket), WsConnection::Events{});
    connection->accept(std::move(decide), std::move(refused));
    return connection;
}

std::shared_ptr<WsConnection> ws_connect(Agenda& agenda, std::uint16_t port,
                                         const std::string& path, Duration patience,
                                         WsConnection::Events events) {
    auto connection = std::make_shared<Connection>(agenda, Socket(agenda.io()), std::move(events));
    connection->connect(port, path, patience);
    return connection;
}

}  // namespace vc::lab
