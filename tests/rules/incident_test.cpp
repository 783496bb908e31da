#include "rules/incident.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

const Instant zero{1'000'000min};
const PolicyRules rules;

NotedBlock bad(Duration from, Duration first, Duration last) {
    NotedBlock block;
    block.from = zero + from;
    block.bad = true;
    block.first_bad = zero + first;
    block.last_bad = zero + last;
    return block;
}

Incident opened() {
    Incident incident;
    incident.id = {1};
    incident.opened = incident.state_since = incident.last_sign = zero;
    return incident;
}

TEST_CASE("one short episode is a transient, over the edge of a block as well") {
    Incident incident = opened();
    incident.note(bad(0min, 40s, 59s), 1min, rules);
    CHECK(incident.transient(rules));
    incident.note(bad(1min, 60s, 95s), 1min, rules);
    CHECK(incident.transient(rules));
    CHECK(incident.episodes == 1);
    incident.note(bad(2min, 120s, 130s), 1min, rules);
    CHECK(!incident.transient(rules));
}

TEST_CASE("a second episode is no transient, nor is damage spread thinly") {
    Incident twice = opened();
    twice.note(bad(0min, 10s, 20s), 1min, rules);
    twice.note(bad(5min, 310s, 320s), 1min, rules);
    CHECK(twice.episodes == 2);
    CHECK(!twice.transient(rules));
    Incident thin = opened();
    NotedBlock block = bad(0min, 0s, 0s);
    block.first_bad = block.last_bad = Instant{};
    thin.note(block, 1min, rules);
    CHECK(!thin.transient(rules));
}

std::optional<IncidentState> next(const Incident& incident, Duration at) {
    const auto move = due_move(incident, zero + at, zero, rules);
    return move ? std::optional(move->state) : std::nullopt;
}

TEST_CASE("a suspicion closes when it has been quiet, a confirmed fault goes to probation") {
    Incident incident = opened();
    incident.note(bad(0min, 10s, 20s), 1min, rules);
    CHECK(!next(incident, 10min + 59s));
    CHECK(next(incident, 11min) == IncidentState::closed);
    incident.fold(IncidentMoved{{1}, IncidentState::confirmed, ""}, zero + 2min);
    CHECK(next(incident, 11min) == IncidentState::probation);
}

TEST_CASE("a confirmed fault that never touched the platform just closes") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::confirmed, ""}, zero);
    CHECK(next(incident, 10min) == IncidentState::closed);
}

TEST_CASE("probation lasts 72 hours from its beginning or the last sign of trouble") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::probation, ""}, zero);
    CHECK(!next(incident, 72h - 1s));
    CHECK(next(incident, 72h) == IncidentState::closed);
    incident.note(bad(10h, 10h, 10h + 5s), 1min, rules);
    CHECK(!next(incident, 72h));
    CHECK(next(incident, 82h + 1min) == IncidentState::closed);
}

TEST_CASE("quarantine ends after 72 hours, but not in the middle of trouble") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::quarantine, ""}, zero);
    CHECK(!next(incident, 71h));
    CHECK(next(incident, 72h) == IncidentState::closed);
    incident.note(bad(72h - 5min, 72h, 72h), 1min, rules);
    CHECK(!next(incident, 72h));
    CHECK(next(incident, 73h) == IncidentState::closed);
}

TEST_CASE("a migration is left alone by time") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::migrating, ""}, zero);
    CHECK(!next(incident, 1000h));
}

TEST_CASE("a relapse lowers the bar and may be told again") {
    Incident incident = opened();
    incident.diagnosis.diagnosis = "primary_broker";
    incident.decision.decision = Decision::hold;
    incident.fold(PageRaised{{1}, Severity::high, ""}, zero);
    CHECK(incident.pages == 1);
    CHECK(incident.paged_hold);
    CHECK(incident.paged_diagnosis == "primary_broker");
    incident.fold(IncidentMoved{{1}, IncidentState::probation, ""}, zero + 1h);
    CHECK(incident.pages == 1);
    CHECK(!incident.relapsed);
    incident.note(bad(119min, 119min, 119min), 1min, rules);
    incident.fold(IncidentMoved{{1}, IncidentState::confirmed, ""}, zero + 2h);
    CHECK(incident.relapsed);
    CHECK(incident.pages == 0);
    CHECK(incident.paged_diagnosis.empty());
}

TEST_CASE("woken without a bad minute of the platform, the bar stays where it was") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::probation, ""}, zero + 1h);
    incident.fold(IncidentMoved{{1}, IncidentState::confirmed, ""}, zero + 2h);
    CHECK(!incident.relapsed);
}

TEST_CASE("an outage after a quiet may be told of again, and once") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::quarantine, ""}, zero);
    incident.note(bad(1h, 1h, 1h + 59s), 1min, rules);
    incident.diagnosis.diagnosis = "consumers";
    incident.fold(PageRaised{{1}, Severity::high, ""}, zero + 1h + 95s);
    incident.note(bad(1h + 10min, 1h + 10min, 1h + 10min), 1min, rules);
    CHECK(incident.pages == 1);
    incident.note(bad(5h, 5h, 5h), 1min, rules);
    CHECK(incident.pages == 0);
    CHECK(incident.paged_diagnosis.empty());
    // The next one is told of by the first half of its first minute.
    incident.fold(PageRaised{{1}, Severity::high, ""}, zero + 9h + 65s);
    incident.note(bad(9h, 9h, 9h), 1min, rules);
    CHECK(incident.pages == 1);
    CHECK(incident.paged_diagnosis == "consumers");
}

TEST_CASE("what nobody watched was not quiet") {
    Incident incident = opened();
    CHECK(!due_move(incident, zero + 3h, zero + 3h - 1min, rules));
    CHECK(due_move(incident, zero + 3h, zero + 3h - 10min, rules));
}

TEST_CASE("a cut of our own does not prolong the probation") {
    Incident incident = opened();
    incident.fold(IncidentMoved{{1}, IncidentState::probation, ""}, zero);
    NotedBlock cut;
    cut.from = zero + 71h;
    cut.blind = cut.control_bad = true;
    incident.note(cut, 1min, rules);
    CHECK(next(incident, 72h) == IncidentState::closed);
}

}  // namespace
}  // namespace vc
