#include "tests/lab/control.h"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/lab/bench.h"
#include "tests/lab/commands.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

// Asks over a real socket from another thread, while this one serves.
template <class Ask>
auto beside(Bench& bench, Ask ask) {
    std::optional<decltype(ask())> result;
    bool done = false;
    std::thread asker([&] {
        auto value = ask();
        boost::asio::post(bench.io, [&, value = std::move(value)]() mutable {
            result = std::move(value);
            done = true;
        });
    });
    CHECK(bench.until([&] { return done; }));
    asker.join();
    return std::move(*result);
}

HttpResponse over_http(Bench& bench, std::uint16_t port, const std::string& method,
                       const std::string& path) {
    return beside(bench, [=] { return http_ask(port, {method, path, {}, {}, {}}, 5s).value(); });
}

TEST_CASE("an act with a key takes effect once, and later ones get the first result") {
    Bench bench;
    const std::string stall = R"({"component":"primary","kind":"stall"})";
    const HttpResponse first = bench.ask("POST", "/faults", stall, "e1");
    const HttpResponse second = bench.ask("POST", "/faults", stall, "e1");
    CHECK(first.status == 200);
    CHECK(second.status == 208);
    CHECK(second.body == first.body);
    CHECK(boost::json::parse(bench.ask("GET", "/faults").body).as_object().size() == 1);
    CHECK(bench.ask("GET", "/effects").body == R"({"e1":{"applied":1,"seen":2}})");
}

TEST_CASE("an act that failed leaves its key free") {
    Bench bench;
    CHECK(bench.ask("POST", "/producers/switch", R"({"broker":"moon"})", "e1").status == 400);
    CHECK(bench.ask("POST", "/producers/switch", R"({"broker":"standby"})", "e1").status == 200);
    CHECK(bench.lab.bridge.active() == "standby");
}

TEST_CASE("what is not known is refused with the reason") {
    Bench bench;
    const auto error = [&](const std::string& method, const std::string& path,
                           const std::string& body = "") {
        const HttpResponse response = bench.ask(method, path, body);
        CHECK(response.status >= 400);
        return std::string(boost::json::parse(response.body).at("error").as_string());
    };
    CHECK(error("GET", "/moon") == "/moon is not known here");
    CHECK(error("POST", "/moon") == "/moon is not known here");
    CHECK(error("DELETE", "/moon") == "/moon is not known here");
    CHECK(error("PUT", "/faults") == "PUT is not known here");
    CHECK(error("DELETE", "/faults/f9") == "there is no fault f9");
    CHECK(error("GET", "/consumers/attached") == "broker: must be primary or standby");
    CHECK(error("POST", "/consumers/attach") == "broker: must be primary or standby");
    CHECK(error("GET", "/ledger?grace_s=-1") == "grace_s: must be seconds");
    CHECK(error("POST", "/load/pause", R"({"paused":1})") == "paused: true or false");
    CHECK(error("POST", "/vendor", R"({"state":"fine"})") ==
          "state: must be Available, Unavailable, Degraded or missing");
    CHECK(error("POST", "/faults", "{") == "the body must be a JSON object");
}

TEST_CASE("the vendor says Available whatever is broken, until it is told otherwise") {
    Bench bench;
    bench.fault(R"({"component":"primary","kind":"stall"})");
    const auto state = [&] {
        const auto response = over_http(bench, bench.lab.vendor.port(), "GET", "/vendor/health");
        return std::string(
            boost::json::parse(response.body).at("properties").at("availabilityState").as_string());
    };
    CHECK(state() == "Available");
    bench.ask("POST", "/vendor", R"({"state":"Unavailable"})");
    CHECK(state() == "Unavailable");
    bench.ask("POST", "/vendor", R"({"state":"missing"})");
    CHECK(over_http(bench, bench.lab.vendor.port(), "GET", "/vendor/health").status == 503);
    CHECK(over_http(bench, bench.lab.vendor.port(), "GET", "/other").status == 404);
}

TEST_CASE("a cut network is silent on every relay, and nothing is lost when it heals") {
    Bench bench;
    const std::uint16_t relay = bench.lab.network.port("ping");
    CHECK(over_http(bench, relay, "GET", "/ping").body == "ok");

    Socket old(bench.io);
    old.connect({boost::asio::ip::address_v4::loopback(), relay});
    bench.let(1s);
    bench.fault(R"({"component":"network","kind":"cut"})");
    Socket fresh(bench.io);
    fresh.connect({boost::asio::ip::address_v4::loopback(), relay});
    const std::string request = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
    std::array<char, 512> in_old{};
    std::array<char, 512> in_fresh{};
    int answers = 0;
    const auto count = [&](const boost::system::error_code& error, std::size_t) {
        if (!error) ++answers;
    };
    boost::asio::write(old, boost::asio::buffer(request));
    boost::asio::write(fresh, boost::asio::buffer(request));
    old.async_read_some(boost::asio::buffer(in_old), count);
    fresh.async_read_some(boost::asio::buffer(in_fresh), count);
    bench.let(20s);
    CHECK(answers == 0);
    // The platform itself does not use the relays.
    CHECK(over_http(bench, bench.lab.control_target.port(), "GET", "/ping").body == "ok");
    bench.heal();
    CHECK(bench.until([&] { return answers == 2; }));
    old.close();
    fresh.close();
}

TEST_CASE("a drop of the network resets what goes through its relays") {
    Bench bench;
    AmqpPeer peer(bench.lab.agenda, bench.lab.network.port("primary"));
    REQUIRE(bench.until([&] { return peer.opened; }));
    bench.fault(R"({"component":"network","kind":"drop"})");
    CHECK(bench.until([&] { return peer.closed; }));
}

TEST_CASE("pages are received, whatever they hold, and listed") {
    Bench bench;
    bench.ask("POST", "/pages", R"({"text":"primary broker"})");
    bench.ask("POST", "/pages", "plain words");
    CHECK(bench.ask("GET", "/pages").body == R"([{"text":"primary broker"},"plain words"])");
}

TEST_CASE("a paused load sends no new messages, and goes on when told") {
    Bench bench(5);
    REQUIRE(bench.ready());
    REQUIRE(bench.until([&] { return bench.lab.ledger.ordinary().sent > 5; }));
    bench.ask("POST", "/load/pause");
    bench.let(5s);
    const auto sent = bench.lab.ledger.ordinary().sent;
    bench.let(60s);
    CHECK(bench.lab.ledger.ordinary().sent == sent);
    bench.ask("POST", "/load/pause", R"({"paused":false})");
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary().sent > sent; }));
}

TEST_CASE("ctl turns the answer into an exit code") {
    Bench bench;
    const std::uint16_t port = bench.control.port();
    const auto ctl = [&](const std::string& method, const std::string& path,
                         const std::string& body = "", const std::string& key = "") {
        return beside(bench, [=] { return ask_lab({port, method, path, body, key, 5}); });
    };
    CHECK(ctl("GET", "/state") == 0);
    CHECK(ctl("POST", "/consumers/attach", R"({"broker":"standby"})", "k") == 0);
    CHECK(ctl("POST", "/consumers/attach", R"({"broker":"standby"})", "k") == 10);
    CHECK(ctl("GET", "/moon") == 1);
    CHECK(ctl("GET", "/producers/active?broker=standby") == 1);
    Socket free(bench.io);
    free.open(boost::asio::ip::tcp::v4());
    free.bind({boost::asio::ip::address_v4::loopback(), 0});
    CHECK(ask_lab({free.local_endpoint().port(), "GET", "/", "", "", 5}) == 75);
}

struct TemporaryFile {
    std::string path;
    explicit TemporaryFile(const std::string& text) {
        char name[] = "/tmp/lab-timeline-XXXXXX";
        const int file = ::mkstemp(name);
        CHECK(file >= 0);
        path = name;
        std::ofstream(path) << text;
        std::fclose(::fdopen(file, "r"));
    }
    ~TemporaryFile() { std::remove(path.c_str()); }
};

TEST_CASE("a timeline is played on the lab's clock, and clears by name") {
    Bench bench;
    const TemporaryFile file(
        "# a short stall\n"
        R"({"at":"1s","do":"POST /faults","body":{"component":"primary","kind":"stall"},"as":"s"})"
        "\n\n"
        R"({"at":"11s","do":"DELETE /faults/s"})"
        "\n");
    const std::uint16_t port = bench.control.port();
    CHECK(beside(bench, [&] { return play_timeline(port, file.path); }) == 0);
    REQUIRE(bench.lab.truth.lines().size() == 2);
    const auto at = [&](std::size_t line) {
        return boost::json::parse(bench.lab.truth.lines()[line]).at("at_ns").as_int64();
    };
    CHECK(at(1) - at(0) >= 9'000'000'000);
}

TEST_CASE("a timeline that is wrong is not begun") {
    Bench bench;
    const std::uint16_t port = bench.control.port();
    CHECK(play_timeline(port, "/nonexistent/file") == 1);
    for (const char* bad :
         {"no json", R"({"at":"5","do":"GET /state"})", R"({"at":"1s"})",
          R"({"at":"1s","do":"GET /state","for":"ever"})",
          "{\"at\":\"2s\",\"do\":\"GET /state\"}\n{\"at\":\"1s\",\"do\":\"GET /state\"}"}) {
        const TemporaryFile file(bad);
        CHECK(play_timeline(port, file.path) == 1);
    }
}

TEST_CASE("the fake Azure stands on a port of the lab, and is told how truthful to be") {
    Bench bench;
    REQUIRE(bench.ready());
    CHECK(bench.lab.ports().at("azure").to_number<int>() > 0);
    CHECK(bench.ask("POST", "/azure", R"({"part": "health", "mode": "odd"})").status == 400);
    const std::string lie = R"({"part": "health", "mode": "always_healthy"})";
    CHECK(bench.ask("POST", "/azure", lie).status == 200);
    const auto told = boost::json::parse(bench.ask("GET", "/azure").body);
    CHECK(told.at_pointer("/primary/health") == "always_healthy");
    CHECK(bench.lab.truth.lines().back().find("\"azure\"") != std::string::npos);
}

TEST_CASE("a namespace's keys are changed while it runs, and the platform stays") {
    Bench bench(2);
    REQUIRE(bench.ready());
    const auto keys = [&](const std::string& rest) {
        return bench.ask("POST", "/keys", R"({"component":"primary")" + rest + "}");
    };
    CHECK(keys(R"(,"keys":["root:one","reader:two:Listen"])").status == 200);
    AmqpPeer old(bench.lab.agenda, bench.lab.primary.port(), {"root", "one"});
    REQUIRE(bench.until([&] { return old.opened; }));
    CHECK(keys(R"(,"keys":["root:new"])").status == 200);
    AmqpPeer wrong(bench.lab.agenda, bench.lab.primary.port(), {"root", "one"});
    AmqpPeer right(bench.lab.agenda, bench.lab.primary.port(), {"root", "new"});
    REQUIRE(bench.until([&] { return wrong.closed && right.opened; }));
    CHECK_FALSE(wrong.opened);
    CHECK_FALSE(old.closed);
    bench.fault(R"({"component":"primary","kind":"drop"})");
    CHECK(bench.until([&] { return !bench.lab.ready(); }));
    CHECK(bench.ready());  // the bridge and the backend have a login of their own
    CHECK(keys("").body.find("keys: must be a list") != std::string::npos);
    CHECK(keys(R"(,"keys":[7])").body.find("keys: must be texts") != std::string::npos);
    CHECK(keys(R"(,"keys":["x"])").body.find("keys: must be NAME:KEY") != std::string::npos);
    CHECK(bench.ask("POST", "/keys", R"({"component":"moon","keys":[]})").status == 400);
}

TEST_CASE("what a fault did to a message is told by its id, from a number on") {
    Bench bench;
    REQUIRE(bench.ready());
    AmqpPeer peer(bench.lab.agenda, bench.lab.primary.port());
    const LinkId to = peer.connection->open_sender("s", "canary-probe");
    REQUIRE(bench.until([&] { return peer.attached(to); }));
    bench.fault(
        R"({"component":"primary","kind":"settle_delay","delay_ms":2000,"entity":"canary-probe"})");
    peer.send(to, "hello", "late-one");
    REQUIRE(bench.until([&] { return peer.outcomes.size() == 1; }));
    const auto told = boost::json::parse(bench.ask("GET", "/truth/messages").body);
    CHECK(told.at("message_id").as_string() == "late-one");
    CHECK(told.at("what").as_string() == "settle");
    CHECK(told.at("delay_ns").as_int64() >= 2'000'000'000);
    CHECK(bench.ask("GET", "/truth/messages?from=1").body.empty());
}

}  // namespace
}  // namespace vc::lab
