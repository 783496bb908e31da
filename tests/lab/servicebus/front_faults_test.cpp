#include <doctest/doctest.h>

#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "tests/lab/servicebus/front_bench.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a phase that is stalled gets no answer until the fault is cleared") {
    for (const char* kind : {"accept_backlog", "sasl_stall", "open_stall"}) {
        FrontBench bench;
        bench.fault(R"({"component":"primary","kind":")" + std::string(kind) + "\"}");
        Caller caller(bench);
        bench.let(30s);
        CHECK_MESSAGE(!caller.opened, kind);
        CHECK_FALSE(caller.closed);
        bench.faults.clear_all();
        CHECK_MESSAGE(bench.until([&] { return caller.opened; }), kind);
    }
}

TEST_CASE("a TLS handshake that is stalled gets no answer until the fault is cleared") {
    FrontBench bench;
    bench.fault(R"({"component":"primary","kind":"tls_stall"})");
    std::unique_ptr<Transport> made;
    bench.tls.connect(bench.dial(), "localhost", false,
                      [&](std::unique_ptr<Transport> transport) { made = std::move(transport); });
    Caller plain(bench);
    REQUIRE(bench.until([&] { return plain.opened; }));
    bench.let(10s);
    CHECK_FALSE(made);
    bench.faults.clear_all();
    CHECK(bench.until([&] { return made != nullptr; }));
}

TEST_CASE("an attach is stalled by entity and role, others go on") {
    FrontBench bench;
    bench.fault(
        R"({"component":"primary","kind":"attach_stall","entity":"sick","role":"receive"})");
    Caller caller(bench);
    const LinkId well = caller.connection->open_receiver("a", "well", 1);
    const LinkId sends = caller.connection->open_sender("b", "sick");
    const LinkId below = caller.connection->open_receiver("c", "sick/Subscriptions/s", 1);
    REQUIRE(bench.until([&] { return caller.attached(well) && caller.attached(sends); }));
    bench.let(10s);
    CHECK_FALSE(caller.attached(below));
    CHECK(bench.fates.lines(0, 10).find("attach_stall") != std::string::npos);
    bench.faults.clear_all();
    CHECK(bench.until([&] { return caller.attached(below); }));
}

TEST_CASE("only new connections are hit, or only those that there were") {
    FrontBench bench;
    Caller old(bench);
    REQUIRE(bench.until([&] { return old.opened; }));
    bench.let(1s);
    bench.fault(R"({"component":"primary","kind":"attach_stall","only":"new"})");
    Caller fresh(bench);
    REQUIRE(bench.until([&] { return fresh.opened; }));
    const LinkId works = old.connection->open_sender("s", "q");
    const LinkId waits = fresh.connection->open_sender("s", "q");
    REQUIRE(bench.until([&] { return old.attached(works); }));
    bench.let(5s);
    CHECK_FALSE(fresh.attached(waits));
    bench.faults.clear_all();
    REQUIRE(bench.until([&] { return fresh.attached(waits); }));
    bench.fault(R"({"component":"primary","kind":"attach_stall","only":"existing"})");
    const LinkId more = old.connection->open_sender("t", "q");
    Caller newest(bench);
    const LinkId newer = newest.connection->open_sender("s", "q");
    REQUIRE(bench.until([&] { return newest.attached(newer); }));
    CHECK_FALSE(old.attached(more));
}

TEST_CASE("frozen, nothing comes and nothing goes, and afterwards all of it does") {
    FrontBench bench;
    Caller caller(bench);
    const LinkId to = caller.connection->open_sender("s", "q");
    REQUIRE(bench.until([&] { return caller.attached(to); }));
    bench.fault(R"({"component":"primary","kind":"freeze"})");
    caller.send(to, "kept");
    bench.let(20s);
    CHECK(bench.behind.messages.empty());
    CHECK_FALSE(caller.closed);
    bench.faults.clear_all();
    REQUIRE(bench.until([&] { return caller.outcomes.size() == 1; }));
    CHECK(bench.behind.messages.size() == 1);
}

TEST_CASE("on heartbeats only, a peer's idle time-out never fires; deaf, it does") {
    FrontBench bench({}, 150);
    Caller beating(bench);
    const LinkId to = beating.connection->open_sender("s", "q");
    REQUIRE(bench.until([&] { return beating.attached(to); }));
    bench.fault(R"({"component":"primary","kind":"heartbeat_only"})");
    beating.send(to, "kept");
    bench.let(300s);  // the client closes after 120 s of silence
    CHECK_FALSE(beating.closed);
    CHECK(beating.outcomes.empty());
    bench.faults.clear_all();
    REQUIRE(bench.until([&] { return beating.outcomes.size() == 1; }));
    bench.fault(R"({"component":"primary","kind":"freeze"})");
    CHECK(bench.until([&] { return beating.closed; }));
}

TEST_CASE("a share of the connections is frozen, the same ones for as long as it lasts") {
    FrontBench bench;
    std::list<Caller> callers;
    for (int i = 0; i < 40; ++i)
        callers.emplace_back(bench);
    REQUIRE(bench.until([&] {
        return std::all_of(callers.begin(), callers.end(), [](auto& one) { return one.opened; });
    }));
    bench.fault(R"({"component":"primary","kind":"freeze","p":0.5})");
    const auto frozen = [&] {
        std::vector<bool> state;
        for (const auto& connection : bench.front.all())
            state.push_back(connection->frozen() == Freeze::Deaf);
        return state;
    };
    const auto first = frozen();
    const auto count = std::count(first.begin(), first.end(), true);
    CHECK(count > 8);
    CHECK(count < 32);
    bench.let(10s);
    CHECK(frozen() == first);
}

TEST_CASE("a ramp grows the share from nothing") {
    FrontBench bench;
    Caller caller(bench);
    REQUIRE(bench.until([&] { return caller.opened; }));
    bench.fault(R"({"component":"primary","kind":"freeze","ramp_s":20})");
    CHECK(bench.front.all()[0]->frozen() == Freeze::None);
    CHECK(bench.until([&] { return bench.front.all()[0]->frozen() == Freeze::Deaf; }));
}

TEST_CASE("connections are dropped by RST, FIN, a close, or the detach of their links") {
    FrontBench bench;
    for (const char* mode : {"rst", "fin", "forced"}) {
        Caller caller(bench);
        REQUIRE(bench.until([&] { return caller.opened; }));
        bench.fault(R"({"component":"primary","kind":"drop","mode":")" + std::string(mode) + "\"}");
        REQUIRE_MESSAGE(bench.until([&] { return caller.closed; }), mode);
        const bool told = caller.error.condition == "amqp:connection:forced";
        CHECK(told == (std::string(mode) == "forced"));
        bench.faults.clear_all();
    }
    Caller caller(bench);
    const LinkId hit = caller.connection->open_receiver("a", "q", 1);
    const LinkId spared = caller.connection->open_sender("b", "q");
    REQUIRE(bench.until([&] { return caller.attached(hit) && caller.attached(spared); }));
    bench.fault(
        R"({"component":"primary","kind":"drop","mode":"detach","entity":"q","role":"receive"})");
    REQUIRE(bench.until([&] { return caller.detached.count(hit) > 0; }));
    CHECK(caller.detached[hit].condition == "amqp:link:detach-forced");
    CHECK(caller.attached(spared));
    CHECK_FALSE(caller.closed);
}

TEST_CASE("drops by chance come twice as often after each doubling") {
    FrontBench bench({}, 100);
    bench.fault(R"({"component":"primary","kind":"drop","every_s":40,"doubles_s":40})");
    bench.let(200s);
    std::vector<std::int64_t> at;
    for (const std::string& line : bench.truth.lines()) {
        const auto read = boost::json::parse(line);
        if (read.at("event").as_string() == "drop") at.push_back(read.at("at_ns").as_int64());
    }
    // In five doublings 31/ln 2 = 45 are expected: half of them in the last.
    CHECK(at.size() > 20);
    CHECK(at.size() < 90);
    const auto late = std::count_if(
        at.begin(), at.end(), [&](std::int64_t ns) { return ns > at.back() - 40'000'000'000; });
    CHECK(static_cast<std::size_t>(late) * 3 > at.size());
}

}  // namespace
}  // namespace vc::lab::servicebus
