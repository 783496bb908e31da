#include "probes/ledger.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

namespace {
Attempt attempt() {
    Attempt made;
    made.id = AttemptId{9};
    made.channel = Channel::HB;
    made.due = Instant{100s};
    made.budget = 5s;
    return made;
}
}  // namespace

TEST_CASE("an answer within the budget is ok, after it late in the phase that took longest") {
    Ledger ledger;
    OpenAttempt open = ledger.open(attempt(), Instant{101s});
    CHECK(open.deadline == Instant{115s});
    open.phases = {{Phase::tcp, 1s}, {Phase::call, 4s}, {Phase::boot, 1s}};
    const Observation in_time = ledger.close(open, {}, Instant{105s});
    CHECK(in_time.outcome == Outcome::ok);
    CHECK(in_time.failed_phase == Phase::none);
    CHECK(in_time.latency() == 5s);
    CHECK(in_time.started == Instant{101s});
    const Observation late =
        ledger.close(ledger.open(attempt(), Instant{100s}), {}, Instant{105s + 1ns});
    CHECK(late.outcome == Outcome::late);
    CHECK(late.failed_phase == Phase::none);
    open = ledger.open(attempt(), Instant{101s});
    open.phases = {{Phase::tcp, 1s}, {Phase::call, 4s}, {Phase::boot, 1s}};
    CHECK(ledger.close(open, {}, Instant{106s}).failed_phase == Phase::call);
}

TEST_CASE("started is finished plus open") {
    Ledger ledger;
    OpenAttempt first = ledger.open(attempt(), {});
    ledger.open(attempt(), {});
    CHECK(ledger.open_attempts() == 2);
    const Observation seen = ledger.close(first, {Outcome::reset, Phase::boot}, Instant{100s});
    CHECK(seen.failed_phase == Phase::boot);
    CHECK(ledger.open_attempts() == 1);
    SessionCounters counters;
    ledger.count_into(counters);
    CHECK(counters.started == 2);
    CHECK(counters.finished == 1);
}

TEST_CASE("phases follow one another") {
    PhaseWatch watch;
    watch.start(Instant{10s});
    watch.add({{Phase::dns, 1s}, {Phase::tcp, 2s}}, Instant{13s});
    watch.done(Phase::upgrade, Instant{14s});
    watch.done(Phase::boot, Instant{16s});
    REQUIRE(watch.phases().size() == 4);
    CHECK(watch.phases()[2].took == 1s);
    CHECK(watch.phases()[3].took == 2s);
}

}  // namespace vc
