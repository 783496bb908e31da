#include "daemon/config/url.h"

#include <doctest/doctest.h>

#include <array>

using namespace vc;

namespace {

constexpr std::array<std::string_view, 2> any{"ws", "wss"};

Url parsed(std::string_view text) {
    constexpr std::array<std::string_view, 6> all{"ws", "wss", "amqp", "amqps", "http", "https"};
    const auto url = parse_url(text, all);
    REQUIRE(url.has_value());
    return *url;
}

std::string refusal(std::string_view text) {
    const auto url = parse_url(text, any);
    REQUIRE_FALSE(url.has_value());
    return url.error().message;
}

}  // namespace

TEST_CASE("a URL is taken apart") {
    const Url url = parsed("wss://bridge.example:9000/ocpp/16?x=1");
    CHECK(url.text == "wss://bridge.example:9000/ocpp/16?x=1");
    CHECK(url.scheme == "wss");
    CHECK(url.host == "bridge.example");
    CHECK(url.port == 9000);
    CHECK(url.target == "/ocpp/16?x=1");
    CHECK(url.tls);
}

TEST_CASE("a scheme brings its port") {
    CHECK(parsed("ws://h").port == 80);
    CHECK(parsed("wss://h").port == 443);
    CHECK(parsed("amqp://h").port == 5672);
    CHECK(parsed("amqps://h").port == 5671);
    CHECK(parsed("http://h").port == 80);
    CHECK(parsed("https://h").port == 443);
    CHECK_FALSE(parsed("amqp://h").tls);
    CHECK(parsed("amqps://h").tls);
    CHECK(parsed("ws://h").target.empty());
    CHECK(parsed("http://h?x=1").target == "/?x=1");
}

TEST_CASE("an IPv6 address stands in brackets") {
    const Url url = parsed("ws://[::1]:9000/ocpp");
    CHECK(url.host == "::1");
    CHECK(url.port == 9000);
    CHECK(parsed("ws://[fe80::1]").port == 80);
    CHECK(refusal("ws://[zz]/") == "has no IPv6 address between its brackets");
    CHECK(refusal("ws://[::1/") == "has no IPv6 address between its brackets");
    CHECK(refusal("ws://[::1]9/") == "has text after its bracket");
    CHECK(refusal("ws://::1/") == "names no host");
}

TEST_CASE("what is no URL is refused with what is wrong") {
    CHECK(refusal("") == "must begin with ws:// or wss://");
    CHECK(refusal("http://h") == "must begin with ws:// or wss://");
    CHECK(refusal("WS://h") == "must begin with ws:// or wss://");
    CHECK(refusal("ws://") == "names no host");
    CHECK(refusal("ws://h:0") == "has no port between 1 and 65535");
    CHECK(refusal("ws://h:65536") == "has no port between 1 and 65535");
    CHECK(refusal("ws://h:") == "has no port between 1 and 65535");
    CHECK(refusal("ws://h:080") == "has no port between 1 and 65535");
    CHECK(refusal("ws://h:1:2") == "has no port between 1 and 65535");
    CHECK(refusal("ws://me@h/") == "must not hold a user or password; they have keys of their own");
    CHECK(refusal("ws://h/#x") == "must not have a # part");
    CHECK(refusal("ws://h/a b") == "has a space or an unprintable character in it");
    CHECK(refusal("ws://h/\x7F") == "has a space or an unprintable character in it");
    CHECK(refusal("ws://-h/") == "has a host that is no name or address");
    CHECK(refusal("ws://1.2.3/") == "has a host that is no name or address");
    CHECK(refusal("ws://1.2.3.04/") == "has a host that is no name or address");
    CHECK(refusal("ws://" + std::string(254, 'h')) == "has a host that is no name or address");
}

TEST_CASE("a refusal never repeats the URL, which may hold a password") {
    CHECK(refusal("ws://me:hunter2@h/").find("hunter2") == std::string::npos);
}

TEST_CASE("the daemon listens on loopback only") {
    CHECK(parse_listen("127.0.0.1:9470")->port == 9470);
    CHECK(parse_listen("127.8.0.1:0")->port == 0);
    CHECK(parse_listen("[::1]:80")->host == "::1");
    CHECK(to_text(*parse_listen("[::1]:80")) == "[::1]:80");
    CHECK(to_text(*parse_listen("127.0.0.1:0")) == "127.0.0.1:0");
    for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "example.org:1", "[fe80::1]:1"}) {
        CHECK(parse_listen(text).error().message ==
              "is not a loopback address; who may reach it can command the daemon, write "
              "127.0.0.1");
    }
    CHECK(parse_listen("127.0.0.1").error().message ==
          "needs a port up to 65535, write 127.0.0.1:9470");
    CHECK(parse_listen("localhost:1").error().message == "needs an address, write 127.0.0.1");
}

TEST_CASE("loopback is this machine and nothing that only looks like it") {
    CHECK(is_loopback("localhost"));
    CHECK(is_loopback("127.0.0.1"));
    CHECK(is_loopback("127.255.0.9"));
    CHECK(is_loopback("::1"));
    CHECK_FALSE(is_loopback("127.0.0.1.example.org"));
    CHECK_FALSE(is_loopback("128.0.0.1"));
    CHECK_FALSE(is_loopback(""));
}
