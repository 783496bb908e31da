#include "daemon/http/recent.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

namespace {

Observation seen(Channel channel, Instant due, Outcome outcome, Duration took) {
    Observation observation;
    observation.channel = channel;
    observation.due = due;
    observation.finished = due + took;
    observation.outcome = outcome;
    return observation;
}

}  // namespace

TEST_CASE("quantiles are latencies that were really seen, of answered attempts") {
    Recent recent;
    CHECK(recent.facts(Channel::HB).attempts == 0);
    CHECK(!recent.facts(Channel::HB).p50);
    CHECK(!recent.last_finish());
    for (int i = 1; i <= 10; ++i)
        recent.add(seen(Channel::HB, Instant{i * 10s}, Outcome::ok, i * 1ms));
    recent.add(seen(Channel::HB, Instant{200s}, Outcome::timeout, 15s));
    const RecentFacts facts = recent.facts(Channel::HB);
    CHECK(facts.attempts == 11);
    CHECK(facts.bad == 1);
    CHECK(facts.last_outcome == Outcome::timeout);
    CHECK(facts.last_finish == Instant{215s});
    CHECK(facts.last_latency == 10ms);
    CHECK(facts.p50 == 5ms);
    CHECK(facts.p99 == 10ms);
    CHECK(recent.facts(Channel::TX).attempts == 0);
    CHECK(recent.last_finish() == Instant{215s});
}

TEST_CASE("only the last hundred attempts are looked back upon") {
    Recent recent;
    for (int i = 0; i < 100; ++i)
        recent.add(seen(Channel::DL, Instant{i * 1s}, Outcome::lost, 1s));
    for (int i = 0; i < 60; ++i)
        recent.add(seen(Channel::DL, Instant{(100 + i) * 1s}, Outcome::late, 3s));
    const RecentFacts facts = recent.facts(Channel::DL);
    CHECK(facts.attempts == 100);
    CHECK(facts.bad == 100);
    CHECK(facts.p50 == 3s);
    recent.add(seen(Channel::DL, Instant{200s}, Outcome::abandoned, 1s));
    CHECK(recent.facts(Channel::DL).bad == 99);
}

}  // namespace vc
