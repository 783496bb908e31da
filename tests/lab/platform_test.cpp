// The platform as a whole: chargers, bridge, brokers and backend on real sockets.
#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "tests/lab/bench.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

std::string start(const std::string& id) {
    return call(
        id, "StartTransaction",
        R"({"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"})");
}
std::string meter(const std::string& id) {
    return call(id, "MeterValues", R"({"connectorId":1,"meterValue":[]})");
}

bool answered(Bench& bench, WsPeer& peer, std::size_t count) {
    return bench.until([&] { return peer.texts.size() >= count; });
}

TEST_CASE("a charger's calls go through the broker to the backend and back") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(call("1", "BootNotification", "{}"));
    REQUIRE(answered(bench, charger, 1));
    const auto boot = read_frame(charger.texts[0]);
    CHECK(boot->type == 3);
    CHECK(number_in(boot->payload, "interval") == 300);
    charger.socket->send(call("2", "Heartbeat", "{}"));
    charger.socket->send(call("3", "Authorize", R"({"idTag":"T"})"));
    REQUIRE(answered(bench, charger, 3));
    charger.socket->send(start("4"));
    REQUIRE(answered(bench, charger, 4));
    CHECK(number_in(read_frame(charger.texts[3])->payload, "transactionId") > 0);
    charger.socket->send(call("5", "StatusNotification", "{}"));
    charger.socket->send(call("6", "DataTransfer", "{}"));
    REQUIRE(answered(bench, charger, 6));
    charger.socket->send(call("7", "Flood", "{}"));
    REQUIRE(answered(bench, charger, 7));
    CHECK(charger.texts[6] == R"([4,"7","NotImplemented","Flood is not known here",{}])");
    CHECK(bench.until([&] { return bench.lab.primary.to_json()["completed"].as_uint64() == 14; }));
    CHECK(bench.lab.ledger.ordinary().processed == 1);
}

TEST_CASE("an unknown identity gets 404, and a path that is not OCPP too") {
    Bench bench;
    WsPeer stranger(bench, "XX-1");
    WsPeer lost(bench, "CP-1", "/elsewhere/");
    CHECK(bench.until([&] { return stranger.closed && lost.closed; }));
    CHECK_FALSE(stranger.opened);
    CHECK_FALSE(lost.opened);
}

TEST_CASE("text that is no frame is ignored, and the connection lives") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    for (const char* bad : {"", "{}", "[2]", "[2,1,\"A\",{}]", "[9,\"1\",\"A\",{}]", "[3,\"1\",{}]",
                            "[2,\"1\",\"A\",7]"}) {
        charger.socket->send(bad);
    }
    charger.socket->send(call("1", "Heartbeat", "{}"));
    REQUIRE(answered(bench, charger, 1));
    CHECK(read_frame(charger.texts[0])->type == 3);
}

TEST_CASE("the bridge answers meter values once the broker has settled, backend or not") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"backend","kind":"stall"})");
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(meter("1"));
    REQUIRE(answered(bench, charger, 1));
    CHECK(charger.texts[0] == R"([3,"1",{}])");
    CHECK(bench.lab.ledger.ordinary().acknowledged == 1);
    CHECK(bench.lab.ledger.ordinary().processed == 0);
    CHECK(bench.lab.ledger.ordinary(60s).lost == 0);
    CHECK(bench.lab.ledger.ordinary().lost == 1);  // as far as anybody can know
    bench.heal();
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary().processed == 1; }));
    CHECK(bench.lab.ledger.ordinary().lost == 0);
}

TEST_CASE("a stalled broker is seen by a call only; the socket and its pings are well") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"primary","kind":"stall"})");
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(call("1", "Heartbeat", "{}"));
    bench.let(20s);
    CHECK(charger.texts.empty());
    CHECK_FALSE(charger.closed);
    bench.heal();
    CHECK(answered(bench, charger, 1));
}

TEST_CASE("a call that nobody answers is forgotten after 30 s") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"primary","kind":"stall"})");
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(call("1", "Heartbeat", "{}"));
    bench.let(35s);
    CHECK(bench.lab.bridge.to_json()["pending"].as_uint64() == 0);
    CHECK(bench.lab.bridge.to_json()["expired"].as_uint64() == 1);
    bench.heal();
    bench.let(5s);
    CHECK(charger.texts.empty());
}

TEST_CASE("the standby canary goes through the standby, read by the real backend") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"primary","kind":"stall"})");
    WsPeer canary(bench, "SYN-STANDBY-1");
    WsPeer other(bench, "SYN-1");
    REQUIRE(bench.until([&] { return canary.opened && other.opened; }));
    canary.socket->send(start("1"));
    other.socket->send(start("1"));
    REQUIRE(answered(bench, canary, 1));
    CHECK(number_in(read_frame(canary.texts[0])->payload, "transactionId") > 0);
    canary.socket->send(meter("2"));
    REQUIRE(answered(bench, canary, 2));
    CHECK(other.texts.empty());
    REQUIRE(bench.until([&] { return bench.lab.ledger.synthetic().processed == 2; }));
    CHECK(bench.lab.ledger.ordinary().processed == 0);
    CHECK(bench.lab.standby.to_json()["completed"].as_uint64() > 0);
}

TEST_CASE("a repeated start of a transaction gets the same transaction, and counts as duplicate") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(start("1"));
    REQUIRE(answered(bench, charger, 1));
    charger.socket->send(start("1"));
    REQUIRE(answered(bench, charger, 2));
    CHECK(charger.texts[0] == charger.texts[1]);
    CHECK(bench.lab.ledger.ordinary().duplicated == 1);
}

TEST_CASE("switching the producers before the consumers loses what was acknowledged") {
    Bench bench(10);
    REQUIRE(bench.ready());
    REQUIRE(bench.until([&] { return bench.lab.ledger.ordinary().processed > 10; }));
    CHECK(bench.ask("POST", "/producers/switch", R"({"broker":"standby"})").status == 200);
    CHECK(bench.ask("GET", "/producers/active?broker=standby").status == 200);
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary(10s).lost > 0; }));
}

TEST_CASE("attaching the consumers before switching the producers loses nothing") {
    Bench bench(10);
    REQUIRE(bench.ready());
    REQUIRE(bench.until([&] { return bench.lab.ledger.ordinary().processed > 10; }));
    bench.fault(R"({"component":"primary","kind":"stall"})");
    bench.let(30s);
    CHECK(bench.ask("GET", "/consumers/attached?broker=standby").status == 404);
    CHECK(bench.ask("POST", "/consumers/attach", R"({"broker":"standby"})").status == 200);
    REQUIRE(bench.until([&] { return bench.lab.backend.attached("standby"); }));
    CHECK(bench.ask("GET", "/consumers/attached?broker=standby").status == 200);
    CHECK(bench.ask("POST", "/producers/switch", R"({"broker":"standby"})").status == 200);
    const auto before = bench.lab.ledger.ordinary().processed;
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary().processed > before + 20; }));
    bench.heal();
    bench.lab.load.pause(true);
    CHECK(bench.until([&] { return bench.lab.load.to_json()["queued"].as_uint64() == 0; }));
    bench.let(5s);
    CHECK(bench.lab.ledger.ordinary().lost == 0);
    CHECK(bench.lab.ledger.ordinary().in_flight == 0);
    CHECK(bench.lab.load.harm().outage() > 20s);
    CHECK(bench.lab.load.harm().harmed() == 0);
}

TEST_CASE("a send whose settle never came is sent again after a drop, and is there twice") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    bench.fault(R"({"component":"primary","kind":"stall","dir":"in"})");
    charger.socket->send(meter("1"));
    REQUIRE(
        bench.until([&] { return bench.lab.primary.to_json()["held_arrivals"].as_uint64() == 1; }));
    bench.fault(R"({"component":"primary","kind":"drop"})");
    REQUIRE(
        bench.until([&] { return bench.lab.primary.to_json()["held_arrivals"].as_uint64() == 2; }));
    CHECK(charger.texts.empty());
    bench.heal();
    REQUIRE(answered(bench, charger, 1));
    REQUIRE(bench.until([&] { return bench.lab.ledger.ordinary().duplicated == 1; }));
    CHECK(bench.lab.ledger.ordinary().acknowledged == 1);
    CHECK(bench.lab.ledger.ordinary().extra == 1);
}

TEST_CASE("switching takes along what the old broker has not settled") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    bench.fault(R"({"component":"primary","kind":"stall"})");
    charger.socket->send(meter("1"));
    REQUIRE(
        bench.until([&] { return bench.lab.primary.to_json()["held_arrivals"].as_uint64() == 1; }));
    bench.lab.backend.attach("standby");
    REQUIRE(bench.until([&] { return bench.lab.backend.attached("standby"); }));
    bench.lab.bridge.switch_to("standby");
    REQUIRE(answered(bench, charger, 1));
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary().processed == 1; }));
    bench.heal();
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary().duplicated == 1; }));
}

TEST_CASE("a detached backend reads no more, and what waits is there when it comes back") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    bench.ask("POST", "/consumers/detach", R"({"broker":"primary"})");
    CHECK_FALSE(bench.lab.backend.attached("primary"));
    charger.socket->send(meter("1"));
    REQUIRE(answered(bench, charger, 1));
    bench.let(2s);
    CHECK(bench.lab.ledger.ordinary().processed == 0);
    CHECK(bench.lab.primary.depth("ocpp-in/Subscriptions/backend") == 1);
    bench.ask("POST", "/consumers/attach", R"({"broker":"primary"})");
    CHECK(bench.until([&] { return bench.lab.ledger.ordinary().processed == 1; }));
}

TEST_CASE("a stalled bridge forwards nothing and then everything") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    bench.fault(R"({"component":"bridge","kind":"stall","new_connections":true})");
    charger.socket->send(call("1", "Heartbeat", "{}"));
    WsPeer fresh(bench, "CP-7002");
    bench.let(10s);
    CHECK(charger.texts.empty());
    CHECK_FALSE(fresh.opened);
    bench.heal();
    CHECK(answered(bench, charger, 1));
    CHECK(bench.until([&] { return fresh.opened; }));
}

TEST_CASE("a bridge that drops and refuses is gone until it is healed") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    bench.fault(R"({"component":"bridge","kind":"refuse"})");
    bench.fault(R"({"component":"bridge","kind":"drop"})");
    CHECK(bench.until([&] { return charger.closed; }));
    WsPeer refused(bench, "CP-7001");
    CHECK(bench.until([&] { return refused.closed; }));
    CHECK_FALSE(refused.opened);
    bench.heal();
    WsPeer again(bench, "CP-7001");
    CHECK(bench.until([&] { return again.opened; }));
}

TEST_CASE("a bridge that accepts and loses has acknowledged what nobody processes") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"bridge","kind":"accept_lose"})");
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(meter("1"));
    REQUIRE(answered(bench, charger, 1));
    bench.let(5s);
    CHECK(bench.lab.ledger.ordinary().lost == 1);
}

TEST_CASE("a slow bridge and a slow backend answer late") {
    Bench bench;
    REQUIRE(bench.ready());
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    for (const char* component : {"bridge", "backend"}) {
        bench.fault(std::string(R"({"kind":"delay","scale_ms":4000,"cap_ms":4000,"component":")") +
                    component + "\"}");
        const Instant before = bench.lab.agenda.now();
        const std::size_t count = charger.texts.size();
        charger.socket->send(call(component, "Heartbeat", "{}"));
        REQUIRE(answered(bench, charger, count + 1));
        CHECK(bench.lab.agenda.now() - before >= 4s);
        bench.heal();
    }
}

TEST_CASE("a backend that accepts and loses leaves an acknowledged message unprocessed") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"backend","kind":"accept_lose"})");
    WsPeer charger(bench, "CP-7001");
    REQUIRE(bench.until([&] { return charger.opened; }));
    charger.socket->send(meter("1"));
    REQUIRE(answered(bench, charger, 1));
    bench.let(2s);
    CHECK(bench.lab.ledger.ordinary().lost == 1);
    CHECK(bench.lab.primary.depth("ocpp-in/Subscriptions/backend") == 0);
}

TEST_CASE("a dropped backend comes back by itself and reads on") {
    Bench bench;
    REQUIRE(bench.ready());
    bench.fault(R"({"component":"backend","kind":"drop"})");
    CHECK(bench.until([&] { return !bench.lab.backend.ready(); }));
    CHECK(bench.until([&] { return bench.lab.backend.ready(); }));
}

TEST_CASE("a healthy platform harms nobody and loses nothing") {
    Bench bench(20);
    REQUIRE(bench.ready());
    bench.let(120s);
    const Ledger::Sum sum = bench.lab.ledger.ordinary(5s);
    CHECK(sum.sent > 100);
    CHECK(sum.lost == 0);
    CHECK(sum.duplicated == 0);
    CHECK(bench.lab.load.online() == 20);
    CHECK(bench.lab.load.harm().outage() == 0s);
}

}  // namespace
}  // namespace vc::lab
