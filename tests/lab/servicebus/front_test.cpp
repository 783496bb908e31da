#include "tests/lab/servicebus/front.h"

#include <doctest/doctest.h>

#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "tests/lab/servicebus/front_bench.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Transport> shaken(FrontBench& bench, const std::string& host, bool certificate) {
    std::unique_ptr<Transport> made;
    bool over = false;
    bench.tls.connect(bench.dial(), host, certificate, [&](std::unique_ptr<Transport> transport) {
        made = std::move(transport);
        over = true;
    });
    CHECK(bench.until([&] { return over; }));
    return made;
}

std::unique_ptr<Transport> upgraded(FrontBench& bench, std::unique_ptr<Transport> under) {
    std::unique_ptr<Transport> made;
    bool over = false;
    websocket_connect(std::move(under), [&](std::unique_ptr<Transport> transport) {
        made = std::move(transport);
        over = true;
    });
    CHECK(bench.until([&] { return over; }));
    return made;
}

// A message of 200 kB goes through, so that frames and records are split.
void check_works(FrontBench& bench, Caller& caller) {
    REQUIRE(bench.until([&] { return caller.opened; }));
    const LinkId to = caller.connection->open_sender("s", "q");
    REQUIRE(bench.until([&] { return caller.attached(to); }));
    const std::size_t before = bench.behind.messages.size();
    caller.send(to, std::string(200'000, 'x'));
    REQUIRE(bench.until([&] { return caller.outcomes.size() == 1; }));
    REQUIRE(bench.behind.messages.size() == before + 1);
    CHECK(decode(bench.behind.messages.back().bytes)->body == std::string(200'000, 'x'));
}

TEST_CASE("one port takes AMQP plain, in TLS, in WebSocket, and in both") {
    FrontBench bench;
    Caller plain(bench);
    check_works(bench, plain);
    Caller tls(bench, shaken(bench, "localhost", false));
    check_works(bench, tls);
    Caller ws(bench, upgraded(bench, plain_transport(bench.dial())));
    check_works(bench, ws);
    Caller both(bench, upgraded(bench, shaken(bench, "127.0.0.1", false)));
    check_works(bench, both);
    CHECK(bench.front.connections() == 4);
    int encrypted = 0;
    int websocket = 0;
    for (const auto& connection : bench.front.all()) {
        encrypted += connection->remote().encrypted ? 1 : 0;
        websocket += connection->remote().websocket ? 1 : 0;
    }
    CHECK(encrypted == 2);
    CHECK(websocket == 2);
}

TEST_CASE("EXTERNAL needs a certificate of the lab's authority") {
    const AccessKey root{"root", "key"};
    FrontBench bench({root});
    Caller known(bench, shaken(bench, "localhost", true), "EXTERNAL");
    REQUIRE(bench.until([&] { return known.opened; }));
    CHECK(bench.front.all()[0]->remote().user == "lab-client");
    CHECK(bench.front.rights_of(*bench.front.all()[0], "q") == all_rights);
    Caller unknown(bench, shaken(bench, "localhost", false), "EXTERNAL");
    REQUIRE(bench.until([&] { return unknown.closed; }));
    CHECK_FALSE(unknown.opened);
    Caller plain(bench, plain_transport(bench.dial()), "EXTERNAL");
    REQUIRE(bench.until([&] { return plain.closed; }));
    CHECK_FALSE(plain.opened);
}

TEST_CASE("a certificate for another host, or an expired one, is shown when a fault says so") {
    FrontBench bench;
    CHECK_FALSE(shaken(bench, "elsewhere.invalid", false));
    const std::string wrong =
        bench.fault(R"({"component":"primary","kind":"certificate","show":"wrong_host"})");
    CHECK_FALSE(shaken(bench, "localhost", false));
    CHECK(shaken(bench, "elsewhere.invalid", false));
    bench.faults.clear(wrong);
    bench.fault(R"({"component":"primary","kind":"certificate"})");
    CHECK_FALSE(shaken(bench, "localhost", false));
    bench.faults.clear_all();
    CHECK(shaken(bench, "localhost", false));
}

// What is said on a connection until it ends, or until `enough`.
struct Raw {
    Socket socket;
    std::string said;
    bool over = false;
    std::array<char, 4096> in{};

    Raw(FrontBench& bench, const std::string& first) : socket(bench.dial()) {
        boost::asio::write(socket, boost::asio::buffer(first));
        read();
    }
    void read() {
        socket.async_read_some(boost::asio::buffer(in),
                               [this](const boost::system::error_code& error, std::size_t size) {
                                   said.append(in.data(), size);
                                   over = static_cast<bool>(error);
                                   if (!error) read();
                               });
    }
};

TEST_CASE("other HTTP goes to the handler, with headers and the target as it came") {
    FrontBench bench;
    HttpRequest got;
    bench.front.serve_http([&](const HttpRequest& request) {
        got = request;
        return HttpResponse{200, "feed", "application/atom+xml"};
    });
    Raw raw(bench, "GET /$Resources/Queues?a=%20b HTTP/1.1\r\nHost: x\r\nAuthorization: t\r\n\r\n");
    REQUIRE(bench.until([&] { return raw.said.ends_with("feed"); }));
    CHECK(raw.said.starts_with("HTTP/1.1 200"));
    CHECK(got.target == "/$Resources/Queues?a=%20b");
    CHECK(got.header("authorization") == "t");
    raw.socket.close();
}

TEST_CASE("mechanisms are listed in the order of Service Bus, and the open says its limits") {
    FrontBench bench;
    Raw raw(bench, std::string("AMQP\x03\x01\0\0", 8));
    REQUIRE(bench.until([&] { return raw.said.find("EXTERNAL") != std::string::npos; }));
    const auto at = [&](const char* name) { return raw.said.find(name); };
    CHECK(at("MSSBCBS") < at("PLAIN"));
    CHECK(at("PLAIN") < at("ANONYMOUS"));
    CHECK(at("ANONYMOUS") < at("EXTERNAL"));
    raw.socket.close();
}

TEST_CASE("garbage, frames that are too large, and no AMQP after the header end the connection") {
    FrontBench bench;
    const std::string header{"AMQP\x03\x01\0\0", 8};
    const std::string sasl{
        "AMQP\x03\x01\0\0\0\0\0\x19\x02\x01\0\0\0\x53\x41\xc0\x0c\x01\xa3\x09"
        "ANONYMOUS",
        33};
    const std::string amqp = sasl + std::string("AMQP\0\x01\0\0", 8);
    const std::string open{"\0\0\0\x11\x02\0\0\0\0\x53\x10\xc0\x04\x01\xa1\x01x", 17};
    const std::vector<std::string> worst{
        "AMQP junk that is no frame at all",
        header + std::string(8, '\0'),
        header + std::string("\x7f\xff\xff\xff\x02\0\0\0", 8),
        amqp + std::string("\0\x01\0\x01\x02\0\0\0", 8),
        amqp + open + std::string("\0\0\0\x0c\x02\0\0\0\0\x53\x14\x45", 12),      // bare transfer
        amqp + open + std::string("\0\0\0\x0c\x02\0\0\0\0\x53\x10\x45", 12),      // open again
        amqp + open + std::string("\0\0\0\x0c\x02\0\0\x07\0\x53\x12\x45", 12),    // no session
        amqp + open + std::string("\0\0\0\x0d\x02\0\0\0\0\xc0\xff\xff\xff", 13),  // no list
        "AMQP"};
    for (const std::string& bytes : worst) {
        Raw raw(bench, bytes);
        if (bytes == "AMQP") raw.socket.shutdown(Socket::shutdown_send);
        CHECK_MESSAGE(bench.until([&] { return raw.over; }), bytes);
    }
    CHECK(bench.until([&] { return bench.front.connections() == 0; }));
}

TEST_CASE("idle: no link in a minute, no link for five, nothing on a link for ten") {
    FrontBench bench({}, 200);
    Caller never(bench);
    Caller left(bench);
    Caller idle(bench);
    REQUIRE(bench.until([&] { return never.opened && left.opened && idle.opened; }));
    const LinkId short_lived = left.connection->open_sender("s", "q");
    const LinkId quiet = idle.connection->open_receiver("r", "q", 5);
    REQUIRE(bench.until([&] { return left.attached(short_lived) && idle.attached(quiet); }));
    left.connection->close_link(short_lived);
    REQUIRE(bench.until([&] { return never.closed; }));
    CHECK(never.error.condition == "amqp:connection:forced");
    CHECK(never.error.description.find("60000 milliseconds") != std::string::npos);
    CHECK_FALSE(left.closed);
    bench.let(200s);
    CHECK_FALSE(left.closed);
    REQUIRE(bench.until([&] { return left.closed; }));
    CHECK(left.error.description.find("300000 milliseconds") != std::string::npos);
    CHECK_FALSE(idle.detached.count(quiet) > 0);
    bench.let(200s);
    REQUIRE(bench.until([&] { return idle.detached.count(quiet) > 0; }));
    CHECK(idle.detached[quiet].condition == "amqp:link:detach-forced");
    CHECK(idle.detached[quiet].description.find("IdleTimerExpired: Idle timeout: 00:10:00") !=
          std::string::npos);
}

}  // namespace
}  // namespace vc::lab::servicebus
