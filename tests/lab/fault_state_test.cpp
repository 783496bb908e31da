#include "tests/lab/fault_state.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "tests/lab/bench.h"
#include "tests/lab/faults.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

// A component that can have every fault, under a hundredfold time-lapse.
struct Sick {
    boost::asio::io_context io{1};
    Agenda agenda{io, Clock(TimeLapse{100, test_lapse().origin_unix_ns})};
    Truth truth{agenda};
    Fates fates;
    Faults faults{agenda, truth, &fates};
    FaultState state;

    explicit Sick(std::uint64_t seed = 1) : state(seed, "primary") {
        FaultTarget target{
            &state,
            {FaultKind::SettleDelay, FaultKind::SettleStall, FaultKind::PeriodicStall,
             FaultKind::DeliverDelay, FaultKind::DeliverStall, FaultKind::SilentReceiver,
             FaultKind::CreditStarve, FaultKind::Duplicate, FaultKind::Reorder,
             FaultKind::ServerBusy, FaultKind::Throttle, FaultKind::EntitySick,
             FaultKind::CountsZero, FaultKind::ManagementDown, FaultKind::MgmtSlow,
             FaultKind::AcceptLose, FaultKind::Stall, FaultKind::Drop},
            nullptr,
            [](const Fault&) { return 0; }};
        target.narrows = true;
        faults.add(std::move(target));
    }
    Result<std::string> inject(const std::string& rest) {
        return faults.inject(
            boost::json::parse(R"({"component":"primary","kind":)" + rest + "}").as_object());
    }
    void fault(const std::string& rest) { REQUIRE_MESSAGE(inject(rest), rest); }
    void let(Duration time) {
        bool over = false;
        const Timer timer = agenda.after(time, [&over] { over = true; });
        io.restart();  // it ran out of work
        while (!over)
            io.run_one();
    }
    FaultAsk send(const char* entity = "q") const {
        return {entity, FaultRole::Send, agenda.now(), 1};
    }
    FaultAsk receive(const char* entity = "q") const {
        return {entity, FaultRole::Receive, agenda.now(), 1};
    }
};

TEST_CASE("a settle delay hits sends, a deliver delay deliveries, and each only its entity") {
    Sick sick;
    sick.fault(R"("settle_delay","delay_ms":300,"entity":"q")");
    sick.fault(R"("deliver_delay","delay_ms":200)");
    CHECK(sick.state.delay(FaultDir::In, sick.send()) == 300ms);
    CHECK(sick.state.delay(FaultDir::In, sick.send("q/$DeadLetterQueue")) == 300ms);
    CHECK(sick.state.delay(FaultDir::In, sick.send("qq")) == 0ms);
    CHECK(sick.state.delay(FaultDir::In, sick.receive()) == 0ms);
    CHECK(sick.state.delay(FaultDir::Out, sick.receive()) == 200ms);
}

TEST_CASE("drawn delays have the median and the tail that they are said to have") {
    for (const char* shape : {"lognormal", "pareto"}) {
        Sick sick;
        sick.fault(R"("settle_delay","delay_ms":100,"cap_ms":5000,"shape":")" + std::string(shape) +
                   "\"");
        std::vector<Duration> drawn;
        for (int i = 0; i < 2001; ++i)
            drawn.push_back(sick.state.delay(FaultDir::In, sick.send()));
        std::sort(drawn.begin(), drawn.end());
        const bool pareto = std::string(shape) == "pareto";
        CHECK(drawn[1000] > (pareto ? 140ms : 85ms));  // 100 * 2^(1/1.5) = 159
        CHECK(drawn[1000] < (pareto ? 180ms : 115ms));
        CHECK(drawn[1980] > 400ms);
        CHECK(drawn.back() <= 5s);
        CHECK((drawn.front() >= 100ms) == pareto);
    }
}

TEST_CASE("the same seed draws the same, another seed something else") {
    const auto draws = [](std::uint64_t seed) {
        Sick sick(seed);
        sick.fault(R"("accept_lose","p":0.5)");
        std::string drawn;
        for (int i = 0; i < 64; ++i)
            drawn += sick.state.loses(sick.send()) ? '1' : '0';
        return drawn;
    };
    CHECK(draws(1) == draws(1));
    CHECK(draws(1) != draws(2));
    CHECK(draws(1).find('1') != std::string::npos);
    CHECK(draws(1).find('0') != std::string::npos);
}

TEST_CASE("near its capacity a delay grows") {
    Sick sick;
    sick.fault(R"("settle_delay","delay_ms":100,"cap_ms":100000,"capacity_per_s":1000)");
    CHECK(sick.state.delay(FaultDir::In, sick.send()) < 110ms);
    Duration last{};
    for (int i = 0; i < 9000; ++i)
        last = sick.state.delay(FaultDir::In, sick.send());
    CHECK(last > 200ms);
    CHECK(last <= 5000ms);
}

TEST_CASE("a periodic stall holds what comes until its pause is over, and nothing between") {
    Sick sick;
    sick.fault(R"("periodic_stall","every_s":60,"pause_s":20)");
    const Duration held = sick.state.delay(FaultDir::In, sick.send());
    CHECK(held > 10s);
    CHECK(held <= 20s);
    sick.let(25s);
    CHECK(sick.state.delay(FaultDir::In, sick.send()) == 0s);
    sick.let(37s);
    CHECK(sick.state.delay(FaultDir::In, sick.send()) > 0s);
}

TEST_CASE("a throttle refuses what is above its credits, or makes it wait when it is hidden") {
    Sick sick;
    sick.fault(R"("throttle","credits_per_s":10)");
    int refused = 0;
    for (int i = 0; i < 50; ++i)
        refused += sick.state.refusal(sick.send()) ? 1 : 0;
    CHECK(refused > 30);
    CHECK(refused < 45);
    CHECK(sick.state.refusal({"q/$management", FaultRole::Management, {}, 1}));
    sick.let(5s);
    const auto refusal = sick.state.refusal(sick.send());
    CHECK_FALSE(refusal);
    sick.faults.clear_all();
    sick.fault(R"("throttle","credits_per_s":10,"hidden":true)");
    Duration waits{};
    for (int i = 0; i < 30; ++i) {
        CHECK_FALSE(sick.state.refusal(sick.send()));
        waits = sick.state.delay(FaultDir::In, sick.send());
    }
    CHECK(waits > 1s);
    CHECK(waits < 3s);
}

TEST_CASE("server-busy speaks as Service Bus does") {
    Sick sick;
    sick.fault(R"("server_busy","role":"send")");
    const auto busy = sick.state.refusal(sick.send());
    REQUIRE(busy);
    CHECK(busy->condition == "com.microsoft:server-busy");
    CHECK(busy->description.find("Error code: 50009") != std::string::npos);
    CHECK_FALSE(sick.state.refusal(sick.receive()));
}

TEST_CASE("a silent receiver starves links that there were, not those that come") {
    Sick sick;
    const FaultAsk old = sick.receive();
    sick.let(1s);
    sick.fault(R"("silent_receiver")");
    CHECK(sick.state.starves(old));
    CHECK_FALSE(sick.state.starves(sick.receive()));
    sick.fault(R"("deliver_stall","entity":"other")");
    CHECK_FALSE(sick.state.starves(sick.receive()));
    CHECK(sick.state.starves(sick.receive("other")));
}

TEST_CASE("each other fault answers its own question and no other") {
    Sick sick;
    sick.fault(R"("settle_stall","role":"any")");
    CHECK(sick.state.never_settles(sick.send()));
    CHECK(sick.state.never_settles(sick.receive()));
    CHECK_FALSE(sick.state.stalls(FaultDir::In, sick.send()));
    CHECK_FALSE(sick.state.loses(sick.send()));
    sick.faults.clear_all();
    sick.fault(R"("credit_starve")");
    CHECK(sick.state.withholds_credit(sick.send()));
    CHECK_FALSE(sick.state.withholds_credit(sick.receive()));
    sick.fault(R"("duplicate")");
    CHECK(sick.state.duplicates(sick.send()));
    CHECK_FALSE(sick.state.reorders(sick.send()));
    sick.fault(R"("reorder")");
    CHECK(sick.state.reorders(sick.send()));
    sick.fault(R"("management_down")");
    CHECK(sick.state.management_down({"q", FaultRole::Management, {}, 1}));
    CHECK_FALSE(sick.state.counts_zero({}));
    sick.fault(R"("counts_zero")");
    CHECK(sick.state.counts_zero({}));
    sick.fault(R"("mgmt_slow","delay_ms":700)");
    CHECK(sick.state.management_delay({"q", FaultRole::Management, {}, 1}) == 700ms);
    sick.faults.clear_all();
    sick.fault(R"("entity_sick","entity":"q")");
    CHECK(sick.state.delay(FaultDir::In, sick.send()) > 100ms);
    CHECK(sick.state.delay(FaultDir::Out, sick.receive()) > 100ms);
    CHECK(sick.state.delay(FaultDir::In, sick.send("r")) == 0s);
    CHECK(sick.state.active() == 1);
}

TEST_CASE("what cannot be understood of a fault is named") {
    Sick sick;
    const auto refused = [&](const std::string& rest) {
        const auto id = sick.inject(rest);
        REQUIRE_FALSE(id);
        return id.error().message;
    };
    CHECK(refused(R"("entity_sick")") == "entity: must be given");
    CHECK(refused(R"("settle_delay","shape":"flat")") ==
          "shape: must be fixed, lognormal or pareto");
    CHECK(refused(R"("settle_delay","role":"boss")") ==
          "role: must be any, send, receive, management or cbs");
    CHECK(refused(R"("settle_delay","only":"some")") == "only: must be all, new or existing");
    CHECK(refused(R"("drop","mode":"soft")") == "mode: must be rst, fin, forced or detach");
    CHECK(refused(R"("drop","doubles_s":5)") ==
          "every_s: must be given, as the mean time at first");
    CHECK(refused(R"("throttle","credits_per_s":0)") ==
          "credits_per_s: must be a number from 0.001 to 1e+09");
    CHECK(refused(R"("periodic_stall","every_s":0)") ==
          "every_s: must be a number from 0.001 to 1e+06");
    CHECK(refused(R"("duplicate","delay_ms":5)") == "unknown key 'delay_ms'");
    CHECK(refused(R"("freeze")").starts_with("kind: primary can have settle_delay"));
}

TEST_CASE("what became of messages is kept, numbered, and told from a number on") {
    Sick sick;
    sick.state.log("settle", "q", "m1", 300ms);
    sick.state.log("lost", "q", "m2");
    CHECK(sick.fates.count() == 2);
    const auto first = boost::json::parse(sick.fates.lines(0, 1));
    CHECK(first.at("what").as_string() == "settle");
    CHECK(first.at("component").as_string() == "primary");
    CHECK(first.at("message_id").as_string() == "m1");
    CHECK(first.at("delay_ns").as_int64() == 300'000'000);
    const auto second = boost::json::parse(sick.fates.lines(1, 5));
    CHECK(second.at("n").as_int64() == 1);
    CHECK(second.at("what").as_string() == "lost");
    CHECK(sick.fates.lines(2, 5).empty());
    CHECK_FALSE(sick.fates.log_to("/nonexistent/file"));
}

}  // namespace
}  // namespace vc::lab
