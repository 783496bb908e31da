// A WebSocket server without IO, for tests: the peer of probes/websocket. Behaves unless told not
// to.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vc {

class WebSocketServer {
  public:
    // Chooses this subprotocol if it is offered; none when empty.
    explicit WebSocketServer(std::string subprotocol = "ocpp1.6");
    ~WebSocketServer();

    void receive(std::string_view bytes);
    void send(std::string_view text);
    void ping(std::string_view payload);
    void close(int code, std::string_view reason);
    // Leaves pings of the client unanswered.
    void stay_silent();

    std::string take_bytes();
    std::vector<std::string> take_messages();
    std::string path() const;  // of the request
    std::string header(const std::string& name) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
