// The ledger, the hard path, the standby's certificate and the cited failures.
#include <doctest/doctest.h>

#include "rules/evidence/failures.h"
#include "rules/evidence/hard_path.h"
#include "rules/evidence/standby_health.h"
#include "tests/rules/world.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

const Instant zero = test::World::start();

Observation seen(Channel channel, Instant due, Outcome outcome = Outcome::ok) {
    Observation out;
    out.id = {1};
    out.channel = channel;
    out.due = due;
    out.started = due;
    out.finished = due + 1s;
    out.outcome = outcome;
    return out;
}

struct Fixture {
    Rules rules = test::rules_for({});
    Ledger ledger{rules.detectors, rules.cadences};
    StandbyHealth standby{rules.detectors, rules.cadences};

    void add(Channel channel, Instant due, Outcome outcome = Outcome::ok) {
        ledger.add(seen(channel, due, outcome), due + 1s);
    }
    void loop(Instant known, bool ok) {
        standby.add(seen(Channel::SC, known, ok ? Outcome::ok : Outcome::timeout), known);
    }
    void direct(Channel channel, Instant known, bool ok) {
        standby.add(seen(channel, known, ok ? Outcome::ok : Outcome::reset), known);
    }
};

TEST_CASE("an attempt counts where it was due, whenever it ended") {
    Fixture f;
    f.ledger.add(seen(Channel::TX, zero + 9s, Outcome::timeout), zero + 39s);
    f.ledger.add(seen(Channel::CT, zero + 9s, Outcome::timeout), zero + 12s);
    const Counts counts = f.ledger.between(zero, zero + 10s);
    CHECK(at(counts, Channel::TX).bad == 1);
    CHECK(at(counts, Channel::CT).bad == 1);
}

TEST_CASE("a slot has settled three of the slowest budget and a margin after its end") {
    Fixture f;
    CHECK(f.ledger.settle_lag() == 35s);
    CHECK(f.ledger.settled_at(zero + 44s) == zero);
    CHECK(f.ledger.settled_at(zero + 45s) == zero + 10s);
}

TEST_CASE("what comes after its slot has settled is left out") {
    Fixture f;
    f.ledger.add(seen(Channel::HB, zero + 5s, Outcome::reset), zero + 46s);
    CHECK(f.ledger.slots().empty());
}

TEST_CASE("tainted and unvoting observations have no vote but are counted") {
    Fixture f;
    Observation tainted = seen(Channel::HB, zero, Outcome::timeout);
    tainted.tainted = true;
    f.ledger.add(tainted, zero + 1s);
    f.add(Channel::HB, zero, Outcome::misconfigured);
    f.add(Channel::HB, zero, Outcome::abandoned);
    f.add(Channel::HB, zero, Outcome::late);
    const ChannelCount count = pool(f.ledger.between(zero, zero + 10s), std::array{Channel::HB});
    CHECK(count.unvoting == 3);
    CHECK(count.bad == 1);
    CHECK(count.good == 0);
}

TEST_CASE("a start in the future counts as due now") {
    Fixture f;
    f.ledger.add(seen(Channel::HB, zero + 10h), zero);
    CHECK(f.ledger.slots().begin()->first == zero);
}

TEST_CASE("what was forgotten is gone") {
    Fixture f;
    f.add(Channel::HB, zero);
    f.add(Channel::HB, zero + 10s);
    f.ledger.forget_before(zero + 10s);
    CHECK(f.ledger.slots().size() == 1);
}

void fill(Fixture& f, Duration length, Outcome users, Outcome broker) {
    for (Duration t{}; t < length; t += 5s) {
        for (int charger = 0; charger < 8; ++charger)
            f.add(Channel::HB, zero + t, users);
    }
    for (Duration t{}; t < length; t += 1s)
        f.add(Channel::DL, zero + t, broker);
}

HardPath path(const Fixture& f, Instant settled, ActiveBroker active = ActiveBroker::primary) {
    return hard_path(f.ledger, settled, active, f.rules.detectors);
}

TEST_CASE(
    "the hard path pages after two minutes of users failing, and acts with the broker's own") {
    Fixture both;
    fill(both, 3min, Outcome::reset, Outcome::reset);
    CHECK(path(both, zero + 3min).page);
    CHECK(path(both, zero + 3min).act);
    CHECK(!path(both, zero + 3min, ActiveBroker::standby).act);
    Fixture users;
    fill(users, 3min, Outcome::reset, Outcome::ok);
    CHECK(path(users, zero + 3min).page);
    CHECK(!path(users, zero + 3min).act);
    Fixture broker;
    fill(broker, 3min, Outcome::ok, Outcome::reset);
    CHECK(!path(broker, zero + 3min).page);
    CHECK(!path(broker, zero + 3min).act);
}

TEST_CASE("an outage below 72 s does not page by the hard path, nor do minutes nobody watched") {
    Fixture f;
    fill(f, 60s, Outcome::reset, Outcome::reset);
    for (Duration t = 60s; t < 200s; t += 10s) {
        CHECK(!path(f, zero + t).page);
        CHECK(!path(f, zero + t).act);
    }
}

TEST_CASE("three clean full loops and clean direct probes certify the standby") {
    Fixture f;
    CHECK(f.standby.at(zero).reason == "only 0 of 3 full loops through it in the last 10m");
    CHECK(!f.standby.at(zero).refuted);
    for (int i = 0; i < 3; ++i)
        f.loop(zero + i * 1min, true);
    CHECK(f.standby.at(zero + 2min).reason == "no SL probe of it in the last 3m");
    f.direct(Channel::SL, zero + 2min, true);
    f.direct(Channel::SF, zero + 2min, true);
    CHECK(f.standby.at(zero + 2min).certified);
    CHECK(f.standby.at(zero + 2min).reason.find("the last 3 full loops through it passed") == 0);
}

TEST_CASE("one failed loop takes the certificate until three more have passed") {
    Fixture f;
    f.direct(Channel::SL, zero + 4min, true);
    f.direct(Channel::SF, zero + 4min, true);
    f.loop(zero, true);
    f.loop(zero + 1min, false);
    f.loop(zero + 2min, true);
    CHECK(f.standby.at(zero + 4min).refuted);
    CHECK(f.standby.at(zero + 4min).reason == "1 of the last 3 full loops through it failed");
    f.loop(zero + 3min, true);
    f.loop(zero + 4min, true);
    CHECK(f.standby.at(zero + 4min).certified);
}

TEST_CASE("a certificate grows old, and failing direct probes refute it") {
    Fixture f;
    for (int i = 0; i < 3; ++i)
        f.loop(zero + i * 1min, true);
    f.direct(Channel::SL, zero + 2min, true);
    for (int i = 0; i < 4; ++i)
        f.direct(Channel::SF, zero + 2min, i < 2);
    CHECK(f.standby.at(zero + 2min).reason == "SF failed 2 of 4 times in the last 3m");
    CHECK(f.standby.at(zero + 2min).refuted);
    CHECK(!f.standby.at(zero + 20min).certified);
    CHECK(!f.standby.at(zero + 20min).refuted);
}

TEST_CASE("cited failures are the last ones of each channel, bounded and recent") {
    Failures failures(2);
    for (std::uint64_t id = 1; id <= 4; ++id) {
        Observation failed = seen(Channel::HB, zero + std::chrono::seconds{id}, Outcome::reset);
        failed.id = {id};
        failures.add(failed);
    }
    failures.add(seen(Channel::DL, zero + 9s));
    CHECK(failures.since(zero) == std::vector<AttemptId>{{3}, {4}});
    CHECK(failures.since(zero + 4s) == std::vector<AttemptId>{{4}});
}

}  // namespace
}  // namespace vc
