// The small parts: agenda, random streams, messages, harm, ledger, faults' requests.
#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "tests/lab/bench.h"
#include "tests/lab/servicebus/message.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the agenda calls in the order of time, then of asking, and not what was taken back") {
    boost::asio::io_context io(1);
    Agenda agenda(io, Clock(test_lapse()));
    std::string called;
    const Instant when = agenda.now() + 1s;
    const Timer c = agenda.at(when + 1s, [&] { called += "c"; });
    const Timer a = agenda.at(when, [&] { called += "a"; });
    const Timer b = agenda.at(when, [&] { called += "b"; });
    Timer never = agenda.at(when, [&] { called += "x"; });
    never.cancel();
    {
        const Timer gone = agenda.at(when, [&] { called += "y"; });
    }
    CHECK(run_until(io, [&] { return called.size() >= 3; }));
    CHECK(called == "abc");
}

TEST_CASE("a random stream is repeated by seed and name, and by nothing else") {
    Random one(1, "bridge");
    Random same(1, "bridge");
    Random name(1, "broker");
    Random seed(2, "bridge");
    const double first = one.ratio();
    CHECK(first == same.ratio());
    CHECK(first != name.ratio());
    CHECK(first != seed.ratio());
}

TEST_CASE("a heavy tail begins at its scale, ends at its cap, and is mostly short") {
    Random random(1, "tail");
    int above_double = 0;
    for (int i = 0; i < 10'000; ++i) {
        const Duration one = random.pareto(100ms, 1.5, 2s);
        REQUIRE(one >= 100ms);
        REQUIRE(one <= 2s);
        if (one > 200ms) ++above_double;
    }
    CHECK(above_double > 3000);  // 2^-1.5 = 35 %
    CHECK(above_double < 4000);
}

TEST_CASE("a message survives encoding, also through the broker's hands") {
    AmqpMessage message;
    message.id = "m1";
    message.subject = "CP-1";
    message.reply_to = "ocpp-out";
    message.correlation_id = "c1";
    message.body = std::string("text\0with zero", 14);
    message.ttl_ms = 5000;
    const auto read = servicebus::parse_message(encode(message), "other");
    REQUIRE(read);
    CHECK(read->ttl == 5s);
    servicebus::BrokerProperties stamp;
    stamp.delivery_count = 3;
    for (const std::string& bytes : {encode(message), servicebus::encode_message(*read, stamp)}) {
        const auto back = decode(bytes);
        REQUIRE(back);
        CHECK(back->id == "m1");
        CHECK(back->subject == "CP-1");
        CHECK(back->reply_to == "ocpp-out");
        CHECK(back->correlation_id == "c1");
        CHECK(back->body == message.body);
    }
    CHECK(decode(servicebus::encode_message(*read, stamp))->delivery_count == 3);
    CHECK_FALSE(decode("no message"));
    CHECK_FALSE(decode(""));
}

TEST_CASE("an outage is a time in which a fifth of the chargers are harmed at once") {
    boost::asio::io_context io(1);
    Agenda agenda(io, Clock(test_lapse()));
    Harm harm(agenda, 10);
    harm.set(0, true);
    CHECK(harm.outage() == 0s);
    CHECK(harm.to_json()["outages"].as_array().empty());
    harm.set(1, true);
    harm.set(2, true);
    bool over = false;
    const Timer timer = agenda.after(10s, [&] { over = true; });
    CHECK(run_until(io, [&] { return over; }));
    CHECK(harm.outage() >= 10s);
    CHECK(harm.to_json()["outages"].at(0).at("going_on").as_bool());
    harm.set(2, false);
    CHECK(harm.to_json()["outages"].at(0).at("going_on").as_bool());
    harm.set(1, false);
    const Duration sum = harm.outage();
    CHECK(sum == harm.outage());
    CHECK(harm.to_json()["outages"].at(0).at("harmed_at_most").as_uint64() == 3);
}

TEST_CASE("a charger sends a transaction message again with its old id, others with a new one") {
    Bench bench(1);
    REQUIRE(bench.ready());
    REQUIRE(bench.until([&] { return bench.lab.ledger.ordinary().processed > 3; }));
    bench.fault(R"({"component":"bridge","kind":"drop","every_s":15})");
    bench.fault(R"({"component":"primary","kind":"stall","dir":"in"})");
    bench.let(60s);
    bench.heal();
    bench.lab.load.pause(true);
    REQUIRE(bench.until([&] { return bench.lab.load.to_json()["queued"].as_uint64() == 0; }));
    const Ledger::Sum sum = bench.lab.ledger.ordinary();
    CHECK(bench.lab.load.to_json()["reconnects"].as_uint64() >= 2);
    CHECK(sum.sent == sum.processed);
    CHECK(sum.lost == 0);
}

std::string refusal(Bench& bench, const std::string& body) {
    const HttpResponse response = bench.ask("POST", "/faults", body);
    CHECK(response.status == 400);
    return std::string(boost::json::parse(response.body).at("error").as_string());
}

TEST_CASE("a fault that is not understood is refused with the reason") {
    Bench bench;
    CHECK(refusal(bench, R"({"component":"moon","kind":"stall"})") ==
          "component: 'moon' is not known");
    CHECK(refusal(bench, R"({"component":"network","kind":"stall"})") ==
          "kind: network can have cut drop, not 'stall'");
    CHECK(refusal(bench, R"({"component":"primary","kind":"stall","speed":1})") ==
          "unknown key 'speed'");
    CHECK(refusal(bench, R"({"component":"primary","kind":"stall","p":2})") ==
          "p: must be a number from 0 to 1");
    CHECK(refusal(bench, R"({"component":"primary","kind":"stall","p":"a"})") ==
          "p: must be a number");
    CHECK(refusal(bench, R"({"component":"backend","kind":7})") ==
          "kind: backend can have delay stall drop accept_lose, not ''");
    CHECK(refusal(bench, R"({"component":"primary","kind":"stall","new_connections":1})") ==
          "new_connections: must be true or false");
    CHECK(refusal(bench, R"({"component":"primary","kind":"stall","dir":"up"})") ==
          "dir: must be in, out or both");
    CHECK(refusal(bench, R"({"component":"primary","kind":"drop","mode":"soft"})") ==
          "mode: must be rst, fin, forced or detach");
    CHECK(refusal(bench, R"({"component":"primary","kind":"drop","mode":3})") ==
          "mode: must be a string");
    CHECK(refusal(bench, "7") == "the body must be a JSON object");
    CHECK(bench.lab.truth.lines().empty());
}

TEST_CASE("a fault with for_s clears itself, and the truth has both ends") {
    Bench bench;
    bench.fault(R"({"component":"primary","kind":"stall","for_s":5})");
    CHECK(bench.until([&] { return bench.lab.truth.lines().size() == 2; }));
    const auto begun = boost::json::parse(bench.lab.truth.lines()[0]);
    const auto ended = boost::json::parse(bench.lab.truth.lines()[1]);
    CHECK(begun.at("event").as_string() == "inject");
    CHECK(begun.at("for_s").as_int64() == 5);
    CHECK(ended.at("event").as_string() == "clear");
    CHECK(ended.at("id") == begun.at("id"));
    CHECK(ended.at("at_ns").as_int64() - begun.at("at_ns").as_int64() >= 5'000'000'000);
}

}  // namespace
}  // namespace vc::lab
