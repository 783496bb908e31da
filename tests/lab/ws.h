// WebSocket connections, both roles, over Beast: text frames, the subprotocol ocpp1.6, pings
// answered at once. A connection is owned by whoever holds it and by its pending socket operations
// (hence shared_ptr). Bounded: message size, and messages that wait to be written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/lab/agenda.h"
#include "tests/lab/listener.h"

namespace vc::lab {

class WsConnection {
  public:
    // Called in this order; on_closed once and last, also when opening failed. Never called from
    // within a call into the connection, except on_closed from reset().
    struct Events {
        std::function<void()> on_open;
        std::function<void(std::string)> on_text;
        std::function<void()> on_closed;
    };

    virtual ~WsConnection() = default;
    virtual void send(std::string text) = 0;
    virtual void close() = 0;  // with a close frame
    virtual void reset() = 0;  // RST
    // The owner goes away: the socket is closed, no event any more.
    virtual void abandon() = 0;
};

// What a server makes of a request for `path`.
struct WsWelcome {
    bool known = false;  // otherwise 404
    WsConnection::Events events;
};
using WsDecide = std::function<WsWelcome(const std::string& path)>;

// Reads the upgrade request and asks `decide`. Echoes ocpp1.6 when it was offered; otherwise the
// upgrade succeeds without a subprotocol and is closed, as OCPP-J says.
std::shared_ptr<WsConnection> ws_accept(Agenda& agenda, Socket socket, WsDecide decide,
                                        std::function<void()> refused);

// Gives up `patience` after it began.
std::shared_ptr<WsConnection> ws_connect(Agenda& agenda, std::uint16_t port,
                                         const std::string& path, Duration patience,
                                         WsConnection::Events events);

}  // namespace vc::lab
