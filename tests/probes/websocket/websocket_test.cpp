#include "probes/websocket/websocket.h"

#include <doctest/doctest.h>

#include "probes/random.h"
#include "tests/probes/websocket_server.h"

namespace vc {
namespace {

using Kind = WebSocketEvent::Kind;

WebSocketRequest request() {
    WebSocketRequest made;
    made.host = "bridge.example";
    made.port = 9000;
    made.path = "/ocpp/CP1";
    made.subprotocol = "ocpp1.6";
    return made;
}

// Carries bytes both ways until nothing moves.
void exchange(WebSocket& client, WebSocketServer& server) {
    for (int i = 0; i < 10; ++i) {
        server.receive(client.take_bytes());
        client.receive(server.take_bytes());
    }
}

std::string answer_with(const std::string& status_and_headers) {
    return "HTTP/1.1 " + status_and_headers + "\r\n\r\n";
}

WebSocketEvent only_event(WebSocket& client) {
    const auto events = client.take_events();
    REQUIRE(events.size() == 1);
    return events.front();
}

}  // namespace

TEST_CASE("an upgrade carries path, host, subprotocol and credentials, and opens") {
    WebSocketRequest wanted = request();
    wanted.user = "CP1";
    wanted.password = "secret";
    WebSocket client(wanted, 1);
    WebSocketServer server;
    exchange(client, server);
    const auto event = only_event(client);
    CHECK(event.kind == Kind::opened);
    CHECK(event.text == "ocpp1.6");
    CHECK(client.is_open());
    CHECK(server.path() == "/ocpp/CP1");
    CHECK(server.header("Host") == "bridge.example:9000");
    CHECK(server.header("Authorization") == "Basic Q1AxOnNlY3JldA==");
}

TEST_CASE("the same seed makes the same bytes, another seed others") {
    CHECK(WebSocket(request(), 5).take_bytes() == WebSocket(request(), 5).take_bytes());
    CHECK(WebSocket(request(), 5).take_bytes() != WebSocket(request(), 6).take_bytes());
}

TEST_CASE("messages go both ways, whole, also when they arrive byte by byte") {
    WebSocket client(request(), 1);
    WebSocketServer server;
    exchange(client, server);
    client.take_events();
    client.send("[2,\"1\",\"Heartbeat\",{}]");
    server.receive(client.take_bytes());
    CHECK(server.take_messages() == std::vector<std::string>{"[2,\"1\",\"Heartbeat\",{}]"});
    const std::string long_text(5000, 'x');
    server.send(long_text);
    for (const char c : server.take_bytes())
        client.receive({&c, 1});
    const auto event = only_event(client);
    CHECK(event.kind == Kind::message);
    CHECK(event.text == long_text);
}

TEST_CASE("a ping brings a pong, and the peer's pings are answered") {
    WebSocket client(request(), 1);
    WebSocketServer server;
    exchange(client, server);
    client.take_events();
    client.ping("are you there");
    exchange(client, server);
    const auto event = only_event(client);
    CHECK(event.kind == Kind::pong);
    CHECK(event.text == "are you there");
    server.ping("and you");
    client.receive(server.take_bytes());
    CHECK_FALSE(client.take_bytes().empty());
    CHECK(client.take_events().empty());
}

TEST_CASE("a close by the peer is told at once, with its code and reason, and answered") {
    WebSocket client(request(), 1);
    WebSocketServer server;
    exchange(client, server);
    client.take_events();
    server.close(1012, "restart");
    client.receive(server.take_bytes());
    const auto event = only_event(client);
    CHECK(event.kind == Kind::closed);
    CHECK(event.code == 1012);
    CHECK(event.text == "restart");
    CHECK_FALSE(client.take_bytes().empty());
    CHECK_FALSE(client.is_open());
}

TEST_CASE("a refused upgrade tells its HTTP status") {
    for (const int status : {401, 404, 429, 503}) {
        WebSocket client(request(), 1);
        client.receive(answer_with(std::to_string(status) + " No\r\nContent-Length: 0"));
        const auto event = only_event(client);
        CHECK(event.kind == Kind::failed);
        CHECK(event.code == status);
        CHECK(event.text == "the upgrade was answered with HTTP status " + std::to_string(status));
    }
}

TEST_CASE("an upgrade with a wrong key, or without the headers, is a failure without a status") {
    for (const char* headers :
         {"101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
          "101 Switching Protocols\r\nUpgrade: websocket"}) {
        WebSocket client(request(), 1);
        client.receive(answer_with(headers));
        const auto event = only_event(client);
        CHECK(event.kind == Kind::failed);
        CHECK(event.code == 0);
        CHECK(event.text.starts_with("the upgrade failed"));
    }
}

TEST_CASE("an upgrade with extensions that make no sense fails and does not open") {
    WebSocket client(request(), 1);
    WebSocketServer server;
    server.receive(client.take_bytes());
    std::string answer = server.take_bytes();
    answer.insert(answer.find("Upgrade: "), "Sec-WebSocket-Extensions: ;=,\r\n");
    client.receive(answer);
    CHECK(only_event(client).kind == Kind::failed);
    CHECK_FALSE(client.is_open());
}

TEST_CASE("a server without our subprotocol opens with none") {
    WebSocket client(request(), 1);
    WebSocketServer server("");
    exchange(client, server);
    CHECK(only_event(client).text.empty());
}

TEST_CASE("a broken frame ends the connection as failed, and nothing is read after it") {
    const std::string reserved_bits("\xf1\x01x", 3);
    const std::string not_utf8("\x81\x01\xff", 3);
    const std::string masked("\x81\x81\x01\x02\x03\x04z", 7);
    const std::string too_long("\x81\x7f\x00\x00\x00\x00\x00\x02\x00\x00", 10);
    for (const std::string& broken : {reserved_bits, not_utf8, masked, too_long}) {
        WebSocket client(request(), 1);
        WebSocketServer server;
        exchange(client, server);
        client.take_events();
        client.receive(broken);
        const auto event = only_event(client);
        CHECK(event.kind == Kind::failed);
        CHECK(event.code == 0);
        server.send("late");
        client.receive(server.take_bytes());
        CHECK(client.take_events().empty());
        CHECK_FALSE(client.is_open());
        client.send("ignored");
        client.close();
    }
}

TEST_CASE("a header without end is given up before it grows") {
    WebSocket client(request(), 1);
    client.receive("HTTP/1.1 101 Switching Protocols\r\n");
    for (int i = 0; i < 100; ++i)
        client.receive("X-More: " + std::string(1000, 'x') + "\r\n");
    CHECK(only_event(client).kind == Kind::failed);
}

TEST_CASE("no bytes of a peer can crash it, in the upgrade or after") {
    Random random(42);
    for (int round = 0; round < 3000; ++round) {
        WebSocket client(request(), 1);
        WebSocketServer server;
        if (round % 3 != 0) exchange(client, server);
        std::string bytes = round % 3 == 1 ? "" : "HTTP/1.1 101 S\r\n";
        if (round % 3 == 2) {
            server.send("[3,\"1\",{}]");
            bytes = server.take_bytes();
            bytes[random.next() % bytes.size()] = static_cast<char>(random.next());
        }
        const std::size_t size = random.next() % 200;
        for (std::size_t i = 0; i < size; ++i)
            bytes += static_cast<char>(random.next());
        client.receive(bytes);
        client.take_events();
        client.take_bytes();
    }
}

}  // namespace vc
