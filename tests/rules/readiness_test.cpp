#include "rules/readiness.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

const Instant zero{1000h};
const PolicyRules policy;
const AuditCadence cadence;

StandbyAudit ready() {
    return {1, AuditVerdict::ready, {}, {}, ""};
}
StandbyAudit unfit(std::vector<std::string> what = {"queue a: missing on the standby"}) {
    return {1, AuditVerdict::unfit, std::move(what), {}, ""};
}
StandbyAudit unreachable(std::string why = "connect 10.0.0.1:443: timed out") {
    return {1, AuditVerdict::unreachable, {}, {}, std::move(why)};
}

TEST_CASE("without a conclusion the standby is unaudited, and so after a good one has grown old") {
    AuditMemory memory;
    CHECK(memory.standing(zero, policy) == AuditStanding::unaudited);
    memory.fold(unreachable(), zero);
    CHECK(memory.standing(zero, policy) == AuditStanding::unaudited);
    memory.fold(ready(), zero);
    CHECK(memory.standing(zero, policy) == AuditStanding::ready);
    memory.fold(unreachable(), zero + 1h);
    CHECK(memory.standing(zero + 24h, policy) == AuditStanding::ready);
    CHECK(memory.standing(zero + 24h + 1ns, policy) == AuditStanding::unaudited);
}

TEST_CASE("an unfit standby stays unfit until it is found fit, however long nobody can look") {
    AuditMemory memory;
    memory.fold(unfit(), zero);
    memory.fold(unreachable(), zero + 1h);
    CHECK(memory.standing(zero + 1000h, policy) == AuditStanding::unfit);
    memory.fold(ready(), zero + 1000h);
    CHECK(memory.standing(zero + 1000h, policy) == AuditStanding::ready);
}

TEST_CASE("what it lacks is named, a few by name and the rest by number") {
    AuditMemory memory;
    CHECK(memory.lacks().empty());
    memory.fold(unfit({"a", "b"}), zero);
    CHECK(memory.lacks() == "a; b");
    memory.fold(unfit({"a", "b", "c", "d", "e", "f", "g"}), zero);
    CHECK(memory.lacks() == "a; b; c; d; e; and 2 more");
}

TEST_CASE("conclusions are recorded each time, silence when it is news") {
    AuditMemory memory;
    CHECK(memory.worth_recording(unreachable()));
    memory.fold(unreachable(), zero);
    CHECK_FALSE(memory.worth_recording(unreachable()));
    CHECK(memory.worth_recording(unreachable("HTTP 401")));
    CHECK(memory.worth_recording(ready()));
    memory.fold(ready(), zero);
    CHECK(memory.worth_recording(ready()));
    CHECK(memory.worth_recording(unreachable()));
}

TEST_CASE("an unfit standby is told of once, again when more is missing, and daily") {
    AuditMemory memory;
    CHECK_FALSE(memory.to_tell(zero, policy));
    memory.fold(ready(), zero);
    CHECK_FALSE(memory.to_tell(zero, policy));
    memory.fold(unfit({"a", "b"}), zero);
    CHECK(memory.to_tell(zero, policy) == "the standby could not take over: a; b");
    memory.fold_page(zero);
    CHECK_FALSE(memory.to_tell(zero + 10min, policy));
    // Fewer are no news; one more is, though not at once.
    memory.fold(unfit({"b"}), zero + 10min);
    CHECK_FALSE(memory.to_tell(zero + 2h, policy));
    memory.fold(unfit({"b", "c"}), zero + 20min);
    CHECK_FALSE(memory.to_tell(zero + 20min, policy));
    CHECK(memory.to_tell(zero + 60min, policy));
    memory.fold_page(zero + 60min);
    CHECK_FALSE(memory.to_tell(zero + 24h, policy));
    CHECK(memory.to_tell(zero + 25h, policy));
}

TEST_CASE("one that was mended and breaks again is told of again, at most hourly") {
    AuditMemory memory;
    memory.fold(unfit(), zero);
    memory.fold_page(zero);
    memory.fold(ready(), zero + 10min);
    memory.fold(unfit(), zero + 20min);
    CHECK_FALSE(memory.to_tell(zero + 20min, policy));
    CHECK(memory.to_tell(zero + 60min, policy));
}

TEST_CASE("that no audit succeeds is told after a while, and only when no good one stands") {
    AuditMemory memory;
    memory.fold(unreachable(), zero);
    CHECK_FALSE(memory.to_tell(zero + 14min, policy));
    CHECK(memory.to_tell(zero + 15min, policy) ==
          "it is not known whether the standby could take over: no audit has succeeded since " +
              to_text(zero) + " (connect 10.0.0.1:443: timed out); no move will be made");
    memory.fold_page(zero + 15min);
    CHECK_FALSE(memory.to_tell(zero + 16min, policy));
    CHECK(memory.to_tell(zero + 25h, policy));
    memory.fold(ready(), zero + 25h);
    memory.fold(unreachable(), zero + 26h);
    CHECK_FALSE(memory.to_tell(zero + 48h, policy));
    CHECK(memory.to_tell(zero + 50h, policy));
}

TEST_CASE("an audit is ordered at the start and on its schedule, one at a time") {
    AuditOrders orders;
    orders.begin(zero);
    CHECK(orders.due(zero, false, 41, cadence, policy) == 42u);
    CHECK(orders.awaits(42));
    CHECK_FALSE(orders.awaits(41));
    CHECK_FALSE(orders.due(zero + 20s, true, 41, cadence, policy));
    orders.answered(zero + 21s, AuditVerdict::ready, cadence, policy);
    CHECK_FALSE(orders.awaits(42));
    CHECK_FALSE(orders.due(zero + 10min - 1ns, false, 41, cadence, policy));
    CHECK(orders.due(zero + 10min, false, 42, cadence, policy) == 43u);
}

TEST_CASE("a move orders one when the last answer is not fresh, and waits for it for a while") {
    AuditOrders orders;
    orders.begin(zero);
    orders.due(zero, false, 0, cadence, policy);
    CHECK(orders.pending(zero + 29s, policy));
    CHECK_FALSE(orders.pending(zero + 30s, policy));
    orders.answered(zero + 31s, AuditVerdict::ready, cadence, policy);
    CHECK_FALSE(orders.pending(zero + 5min, policy));
    CHECK_FALSE(orders.due(zero + 5min, true, 1, cadence, policy));
    CHECK(orders.pending(zero + 6min, policy));
    CHECK(orders.due(zero + 6min, true, 1, cadence, policy));
    CHECK(orders.pending(zero + 6min, policy));
    CHECK_FALSE(orders.pending(zero + 7min, policy));
}

TEST_CASE("an audit that failed is tried again soon, and one that is never answered is given up") {
    AuditOrders orders;
    orders.begin(zero);
    orders.due(zero, false, 0, cadence, policy);
    orders.answered(zero + 30s, AuditVerdict::unreachable, cadence, policy);
    CHECK_FALSE(orders.due(zero + 80s, false, 0, cadence, policy));
    CHECK(orders.due(zero + 90s, false, 0, cadence, policy) == 2u);
    CHECK_FALSE(orders.due(zero + 3min - 1s, true, 0, cadence, policy));
    CHECK(orders.due(zero + 3min, true, 0, cadence, policy) == 3u);
}

TEST_CASE("while a move waits for an unfit standby to be mended, it is looked at every minute") {
    AuditOrders orders;
    orders.begin(zero);
    orders.due(zero, false, 0, cadence, policy);
    orders.answered(zero + 1s, AuditVerdict::unfit, cadence, policy);
    CHECK_FALSE(orders.due(zero + 1min, true, 0, cadence, policy));
    CHECK_FALSE(orders.due(zero + 61s, false, 0, cadence, policy));
    CHECK(orders.due(zero + 61s, true, 0, cadence, policy) == 2u);
}

TEST_CASE("every standing has its word") {
    CHECK(to_text(AuditStanding::ready) == "ready");
    CHECK(to_text(AuditStanding::unfit) == "unfit");
    CHECK(to_text(AuditStanding::unaudited) == "unaudited");
    CHECK(to_text(AuditStanding::pending) == "pending");
    CHECK(to_text(static_cast<AuditStanding>(9)) == "?");
}

}  // namespace
}  // namespace vc
