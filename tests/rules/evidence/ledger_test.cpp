#include "rules/evidence/ledger.h"

#include <doctest/doctest.h>

#include "tests/rules/evidence/fixture.h"

namespace vc::test {
namespace {

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

}  // namespace
}  // namespace vc::test
