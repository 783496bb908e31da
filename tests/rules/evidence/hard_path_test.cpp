#include "rules/evidence/hard_path.h"

#include <doctest/doctest.h>

#include "tests/rules/evidence/fixture.h"

namespace vc::test {
namespace {

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

}  // namespace
}  // namespace vc::test
