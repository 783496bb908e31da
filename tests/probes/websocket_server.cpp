#include "tests/probes/websocket_server.h"

#include <algorithm>
#include <sstream>
#include <utility>
#include <websocketpp/config/core.hpp>
#include <websocketpp/server.hpp>

namespace vc {

struct WebSocketServer::State {
    websocketpp::server<websocketpp::config::core> server;
    websocketpp::server<websocketpp::config::core>::connection_ptr connection;
    std::ostringstream out;
    std::vector<std::string> messages;
    bool silent = false;
};

WebSocketServer::WebSocketServer(std::string subprotocol) : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.server.clear_access_channels(websocketpp::log::alevel::all);
    state.server.clear_error_channels(websocketpp::log::elevel::all);
    state.server.register_ostream(&state.out);
    state.server.set_validate_handler([&state, subprotocol](websocketpp::connection_hdl) {
        const auto& offered = state.connection->get_requested_subprotocols();
        if (std::find(offered.begin(), offered.end(), subprotocol) != offered.end()) {
            state.connection->select_subprotocol(subprotocol);
        }
        return true;
    });
    state.server.set_message_handler([&state](websocketpp::connection_hdl, const auto& message) {
        state.messages.push_back(message->get_payload());
    });
    state.server.set_ping_handler(
        [&state](websocketpp::connection_hdl, const std::string&) { return !state.silent; });
    state.connection = state.server.get_connection();
    state.connection->start();
}

WebSocketServer::~WebSocketServer() {
    state_->connection->eof();
}

void WebSocketServer::receive(std::string_view bytes) {
    state_->connection->read_all(bytes.data(), bytes.size());
}
void WebSocketServer::send(std::string_view text) {
    state_->connection->send(std::string(text));
}
void WebSocketServer::ping(std::string_view payload) {
    state_->connection->ping(std::string(payload));
}
void WebSocketServer::close(int code, std::string_view reason) {
    state_->connection->close(static_cast<websocketpp::close::status::value>(code),
                              std::string(reason));
}
void WebSocketServer::stay_silent() {
    state_->silent = true;
}

std::string WebSocketServer::take_bytes() {
    std::string bytes = state_->out.str();
    state_->out.str({});
    return bytes;
}
std::vector<std::string> WebSocketServer::take_messages() {
    return std::exchange(state_->messages, {});
}
std::string WebSocketServer::path() const {
    return state_->connection->get_resource();
}
std::string WebSocketServer::header(const std::string& name) const {
    return state_->connection->get_request_header(name);
}

}  // namespace vc
