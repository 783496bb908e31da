#include "probes/websocket/websocket.h"

#include <exception>
#include <utility>
#include <websocketpp/base64/base64.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/connection.hpp>
#include <websocketpp/connection_base.hpp>
#include <websocketpp/endpoint_base.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/transport/iostream/endpoint.hpp>

#include "probes/random.h"

namespace vc {
namespace {

constexpr std::size_t most_message_bytes = 64 * 1024;

// What websocketpp is made of here: no threads, no logs, no extensions, small buffers, our own
// random numbers, and a broken protocol drops the connection.
struct ClientConfig {
    using type = ClientConfig;
    using concurrency_type = websocketpp::concurrency::none;
    using request_type = websocketpp::http::parser::request;
    using response_type = websocketpp::http::parser::response;
    using message_type =
        websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
    using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
    using endpoint_msg_manager_type =
        websocketpp::message_buffer::alloc::endpoint_msg_manager<con_msg_manager_type>;
    using elog_type = websocketpp::log::stub;
    using alog_type = websocketpp::log::stub;

    struct rng_type {
        Random random{0};
        std::uint32_t operator()() { return static_cast<std::uint32_t>(random.next() >> 32); }
    };

    struct transport_config {
        using concurrency_type = type::concurrency_type;
        using elog_type = type::elog_type;
        using alog_type = type::alog_type;
        using request_type = type::request_type;
        using response_type = type::response_type;
        static const bool enable_multithreading = false;
    };
    using transport_type = websocketpp::transport::iostream::endpoint<transport_config>;
    using endpoint_base = websocketpp::endpoint_base;
    using connection_base = websocketpp::connection_base;

    static const bool enable_multithreading = false;
    static const long timeout_open_handshake = 0;
    static const long timeout_close_handshake = 0;
    static const long timeout_pong = 0;
    static const int client_version = 13;  // RFC 6455
    static const websocketpp::log::level elog_level = websocketpp::log::elevel::none;
    static const websocketpp::log::level alog_level = websocketpp::log::alevel::none;
    static const std::size_t connection_read_buffer_size = 2048;
    static const bool drop_on_protocol_error = true;
    static const bool silent_close = false;
    static const std::size_t max_message_size = most_message_bytes;
    static const std::size_t max_http_body_size = most_message_bytes;
    // None is offered (see below); without this websocketpp refuses every answer.
    static const bool enable_extensions = true;

    struct permessage_deflate_config {
        using request_type = type::request_type;
    };
    using permessage_deflate_type =
        websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
};

using Connection = websocketpp::connection<ClientConfig>;

}  // namespace

struct WebSocket::State {
    ClientConfig::rng_type random;
    Connection::ptr connection;  // websocketpp knows its connections only by shared_ptr
    std::string bytes;
    std::vector<WebSocketEvent> events;
    bool over = false;

    void end(WebSocketEvent event) {
        if (over) return;
        over = true;
        events.push_back(std::move(event));
    }

    void fail(std::string words) { end({WebSocketEvent::Kind::failed, 0, std::move(words)}); }

    void fail_handshake() {
        const int status = connection->get_response_code();
        const std::string why = connection->get_ec().message();
        if (status != 0 && status != 101) {
            end({WebSocketEvent::Kind::failed, status,
                 "the upgrade was answered with HTTP status " + std::to_string(status)});
        } else {
            fail("the upgrade failed: " + why);
        }
    }

    // A closing handshake that the peer began or completed is not announced by websocketpp until
    // the stream ends, which may be never.
    void notice_close() {
        namespace status = websocketpp::close::status;
        if (over || connection->get_remote_close_code() == status::abnormal_close) return;
        end({WebSocketEvent::Kind::closed, connection->get_remote_close_code(),
             connection->get_remote_close_reason()});
    }

    void listen();

    // The library throws in places where a peer decides whether it does.
    template <class Call>
    void guarded(Call call) {
        try {
            call();
        } catch (const std::exception& thrown) {
            fail(std::string("websocketpp: ") + thrown.what());
        }
    }
};

void WebSocket::State::listen() {
    using Kind = WebSocketEvent::Kind;
    connection->set_write_handler(
        [this](websocketpp::connection_hdl, const char* data, std::size_t size) {
            bytes.append(data, size);
            return websocketpp::lib::error_code();
        });
    connection->set_open_handler([this](websocketpp::connection_hdl) {
        // Announced also after the extensions of the answer were found broken, and that told.
        if (over) return;
        events.push_back(
            {Kind::opened, 0, connection->get_response_header("Sec-WebSocket-Protocol")});
    });
    connection->set_message_handler(
        [this](websocketpp::connection_hdl, const Connection::message_ptr& message) {
            if (!over) events.push_back({Kind::message, 0, message->get_payload()});
        });
    connection->set_pong_handler([this](websocketpp::connection_hdl, const std::string& payload) {
        if (!over) events.push_back({Kind::pong, 0, payload});
    });
    connection->set_fail_handler([this](websocketpp::connection_hdl) { fail_handshake(); });
    connection->set_close_handler([this](websocketpp::connection_hdl) {
        notice_close();
        fail("the WebSocket broke: " + connection->get_ec().message());
    });
}

WebSocket::WebSocket(const WebSocketRequest& request, std::uint64_t seed)
    : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.random.random = Random{seed};
    state.guarded([&] {
        const auto log = std::make_shared<websocketpp::log::stub>();
        state.connection =
            std::make_shared<Connection>(false, std::string("voltcanary"), log, log, state.random);
        state.connection->set_handle(state.connection);
        state.connection->set_uri(std::make_shared<websocketpp::uri>(request.secure, request.host,
                                                                     request.port, request.path));
        state.listen();
        if (!request.subprotocol.empty()) state.connection->add_subprotocol(request.subprotocol);
        if (!request.user.empty()) {
            state.connection->append_header("Authorization",
                                            basic_authorization(request.user, request.password));
        }
        state.connection->start();
    });
}

WebSocket::~WebSocket() {
    state_->over = true;
    // Without an end of the stream an outstanding read would keep the connection alive for ever:
    // its handler owns it.
    if (state_->connection) state_->guarded([this] { state_->connection->eof(); });
}

void WebSocket::receive(std::string_view bytes) {
    if (state_->over) return;
    state_->guarded([&] {
        state_->connection->read_all(bytes.data(), bytes.size());
        state_->notice_close();
    });
}

bool WebSocket::is_open() const {
    return !state_->over && state_->connection->get_state() == websocketpp::session::state::open;
}

void WebSocket::send(std::string_view text) {
    if (!is_open()) return;
    state_->guarded([&] {
        const auto error =
            state_->connection->send(std::string(text), websocketpp::frame::opcode::text);
        if (error) state_->fail("cannot send: " + error.message());
    });
}

void WebSocket::ping(std::string_view payload) {
    if (!is_open()) return;
    state_->guarded([&] { state_->connection->ping(std::string(payload)); });
}

void WebSocket::close() {
    if (!is_open()) return;
    state_->guarded(
        [&] { state_->connection->close(websocketpp::close::status::normal, std::string()); });
}

std::string WebSocket::take_bytes() {
    return std::exchange(state_->bytes, {});
}

std::vector<WebSocketEvent> WebSocket::take_events() {
    return std::exchange(state_->events, {});
}

std::string basic_authorization(std::string_view user, std::string_view password) {
    return "Basic " + websocketpp::base64_encode(std::string(user) + ":" + std::string(password));
}

}  // namespace vc
