// A WebSocket client without IO: bytes of one connection in, events out; commands in, bytes out.
// One object per connection. The only file of the layer that sees websocketpp (its iostream
// transport). It has no timers: deadlines for the upgrade, a pong or a close are its owner's.
//
// Bounds: a message of more than 64 KiB, a broken frame, text that is not UTF-8 or an HTTP header
// of more than 16 kB end the connection as failed. After failed or closed nothing more is read.
// Pings of the peer are answered here. RFC 6455; no extensions are offered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vc {

struct WebSocketRequest {
    std::string host;
    std::uint16_t port = 0;
    std::string path = "/";
    bool secure = false;      // only for the Host header; TLS lies below
    std::string subprotocol;  // offered when not empty
    std::string user;         // Basic authentication when not empty
    std::string password;
};

struct WebSocketEvent {
    enum class Kind : std::uint8_t {
        opened,   // text: the subprotocol that the peer chose, perhaps none
        message,  // text: a whole message
        pong,     // text: its payload
        closed,   // the peer closed in order; code: its close code, text: its reason
        failed,   // code: the HTTP status when that is the reason, else 0; text: words
    };
    Kind kind = Kind::failed;
    int code = 0;
    std::string text;
};

class WebSocket {
  public:
    // The opening request is in take_bytes() at once. The seed makes key and masks repeatable.
    WebSocket(const WebSocketRequest& request, std::uint64_t seed);
    ~WebSocket();
    WebSocket(const WebSocket&) = delete;
    WebSocket& operator=(const WebSocket&) = delete;

    void receive(std::string_view bytes);

    // Open and not being closed; without effect otherwise.
    bool is_open() const;
    void send(std::string_view text);
    void ping(std::string_view payload);
    void close();  // code 1000

    std::string take_bytes();
    std::vector<WebSocketEvent> take_events();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// "Basic ..." for an Authorization header (RFC 7617).
std::string basic_authorization(std::string_view user, std::string_view password);

}  // namespace vc
