#include "daemon/lag_watch.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using vc::Instant;
using vc::LagWatch;
using vc::Observation;

namespace {

constexpr Instant t0{1000s};

Observation seen(vc::Duration due, vc::Duration started, vc::Duration finished) {
    Observation observation;
    observation.due = t0 + due;
    observation.started = t0 + started;
    observation.finished = t0 + finished;
    return observation;
}

constexpr Instant much_later{9000s};

}  // namespace

TEST_CASE("an observation made while the loop kept its times is not tainted") {
    LagWatch watch(1s, 10s);
    watch.woke(t0 + 1s, 3ms);
    CHECK_FALSE(watch.taints(seen(0s, 1ms, 800ms), 1s, much_later));
    // Late by the target's doing is no fault of ours.
    CHECK_FALSE(watch.taints(seen(0s, 1ms, 3s), 1s, much_later));
}

TEST_CASE("a start of more than a quarter of the budget behind its due time taints") {
    const LagWatch watch(1s, 10s);
    CHECK_FALSE(watch.taints(seen(0s, 250ms, 300ms), 1s, much_later));
    CHECK(watch.taints(seen(0s, 251ms, 300ms), 1s, much_later));
    CHECK_FALSE(watch.taints(seen(0s, 251ms, 300ms), 5s, much_later));
}

TEST_CASE("a lag during the attempt taints, one before it does not") {
    LagWatch watch(1s, 10s);
    watch.woke(t0 + 5s, 400ms);
    CHECK(watch.taints(seen(4s, 4s, 5s + 10ms), 1s, much_later));
    CHECK_FALSE(watch.taints(seen(6s, 6s, 7s), 1s, much_later));
    // The same lag is small for a budget of ten seconds.
    CHECK_FALSE(watch.taints(seen(4s, 4s, 6s), 10s, much_later));
}

TEST_CASE("a wake-up that is overdue at the moment of the observation taints it") {
    const LagWatch watch(1s, 10s);
    CHECK(watch.taints(seen(0s, 0s, 900ms), 1s, t0 + 600ms));
    CHECK_FALSE(watch.taints(seen(0s, 0s, 900ms), 1s, t0 + 700ms));
}

TEST_CASE("a lag is remembered for as long as an attempt can be open") {
    LagWatch watch(1s, 10s);
    watch.woke(t0 + 1s, 8s);
    watch.woke(t0 + 30s, 1ms);
    CHECK(watch.taints(seen(0s, 0s, 30s), 10s, much_later));
    watch.woke(t0 + 60s, 1ms);
    CHECK_FALSE(watch.taints(seen(0s, 0s, 60s), 10s, much_later));
}
