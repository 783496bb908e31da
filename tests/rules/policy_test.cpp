#include "rules/policy.h"

#include <doctest/doctest.h>

#include <functional>

namespace vc {
namespace {

// Everything speaks for the move.
Situation ready() {
    Situation s;
    s.automatic = true;
    s.quorum_accepted = true;
    s.score = 500;
    s.suspect_score = 211;
    s.act_score = 492;
    s.diagnosis.name = "primary_broker";
    s.diagnosis.posterior = 0.998;
    s.diagnosis.remedy = Remedy::migrate;
    s.diagnosis.shared = 0.002;
    s.diagnosis.standby_bad = 0.001;
    s.diagnosis.primary_samples = 66;
    s.diagnosis.standby_samples = 12;
    s.users_harmed = true;
    s.standby_certified = true;
    s.has_steps = true;
    return s;
}

Verdict verdict(const Situation& s) {
    return decide(s, PolicyRules{});
}

struct Spoiled {
    Refusal refusal;
    Decision decision;  // what is done instead
    std::function<void(Situation&)> spoil;
};

const std::vector<Spoiled> every_way_to_refuse{
    {Refusal::mode_observe, Decision::hold, [](Situation& s) { s.automatic = false; }},
    {Refusal::quorum_not_accepted, Decision::hold, [](Situation& s) { s.quorum_accepted = false; }},
    {Refusal::paused, Decision::hold, [](Situation& s) { s.paused = true; }},
    {Refusal::evidence_insufficient, Decision::page, [](Situation& s) { s.score = 491; }},
    {Refusal::diagnosis_unknown, Decision::page,
     [](Situation& s) {
         s.diagnosis.name = "unknown";
         s.diagnosis.remedy = Remedy::page;
     }},
    {Refusal::not_curable_by_move, Decision::page,
     [](Situation& s) {
         s.diagnosis.name = "consumers";
         s.diagnosis.remedy = Remedy::page;
     }},
    {Refusal::posterior_low, Decision::page, [](Situation& s) { s.diagnosis.posterior = 0.99; }},
    {Refusal::users_not_harmed, Decision::page, [](Situation& s) { s.users_harmed = false; }},
    {Refusal::watcher_blind, Decision::none, [](Situation& s) { s.blind = true; }},
    {Refusal::primary_unseen, Decision::hold,
     [](Situation& s) { s.diagnosis.primary_samples = 5; }},
    {Refusal::standby_not_certified, Decision::hold,
     [](Situation& s) { s.standby_certified = false; }},
    {Refusal::standby_shared_fate, Decision::hold,
     [](Situation& s) { s.diagnosis.standby_bad = 0.02; }},
    {Refusal::standby_unfit, Decision::hold, [](Situation& s) { s.audit = AuditStanding::unfit; }},
    {Refusal::standby_unaudited, Decision::hold,
     [](Situation& s) { s.audit = AuditStanding::unaudited; }},
    {Refusal::standby_audit_pending, Decision::page,
     [](Situation& s) { s.audit = AuditStanding::pending; }},
    {Refusal::migration_in_flight, Decision::hold, [](Situation& s) { s.in_flight = true; }},
    {Refusal::already_migrated, Decision::hold, [](Situation& s) { s.migrated = true; }},
    {Refusal::no_migration_plan, Decision::hold, [](Situation& s) { s.has_steps = false; }}};

// They stand for one thing, of which only one can be.
bool by_audit(Refusal refusal) {
    return refusal == Refusal::standby_unfit || refusal == Refusal::standby_unaudited ||
           refusal == Refusal::standby_audit_pending;
}

TEST_CASE("a move is made only when nothing at all speaks against it") {
    const Verdict v = verdict(ready());
    CHECK(v.decision == Decision::migrate);
    CHECK(v.refusals.empty());
    CHECK(v.why ==
          "primary_broker (0.998) is to blame, users are harmed, the standby is certified, score "
          "500 (page at 211, act at 492): moving to the standby.");
}

TEST_CASE("each condition alone stops the move and is named") {
    for (const Spoiled& spoiled : every_way_to_refuse) {
        CAPTURE(to_text(spoiled.refusal));
        Situation s = ready();
        spoiled.spoil(s);
        const Verdict v = verdict(s);
        CHECK(v.refusals == std::vector{spoiled.refusal});
        CHECK(v.decision == spoiled.decision);
    }
}

TEST_CASE("every pair of conditions is named together, never only the first") {
    for (const Spoiled& a : every_way_to_refuse) {
        for (const Spoiled& b : every_way_to_refuse) {
            const bool rename = (a.refusal == Refusal::diagnosis_unknown ||
                                 a.refusal == Refusal::not_curable_by_move) ||
                                (b.refusal == Refusal::diagnosis_unknown ||
                                 b.refusal == Refusal::not_curable_by_move);
            if (rename || a.refusal >= b.refusal) continue;
            if (by_audit(a.refusal) && by_audit(b.refusal)) continue;
            Situation s = ready();
            a.spoil(s);
            b.spoil(s);
            // That an audit is awaited matters only when nothing else stands in the way.
            std::vector<Refusal> named{a.refusal, b.refusal};
            std::erase(named, Refusal::standby_audit_pending);
            CHECK(verdict(s).refusals == named);
        }
    }
}

TEST_CASE("a shared certainty or unseen standby is not enough") {
    Situation shared = ready();
    shared.diagnosis.shared = 0.05;
    CHECK(verdict(shared).refusals == std::vector{Refusal::posterior_low});
    Situation unseen = ready();
    unseen.diagnosis.standby_samples = 5;
    CHECK(verdict(unseen).refusals == std::vector{Refusal::standby_not_certified});
    Situation moved = ready();
    moved.active = ActiveBroker::standby;
    CHECK(verdict(moved).refusals == std::vector{Refusal::already_migrated});
}

TEST_CASE("a plain outage acts below the score") {
    Situation s = ready();
    s.score = 95;
    CHECK(verdict(s).decision == Decision::none);
    s.hard.page = true;
    CHECK(verdict(s).decision == Decision::page);
    s.hard.act = true;
    CHECK(verdict(s).decision == Decision::migrate);
}

TEST_CASE("below the page threshold nothing is said; confirmed or in standby trouble it is") {
    Situation s = ready();
    s.score = 210;
    CHECK(verdict(s).decision == Decision::none);
    CHECK(verdict(s).why ==
          "primary_broker (0.998) is watched: too little has gone wrong yet, score 210 (page at "
          "211, act at 492).");
    s.confirmed = true;
    CHECK(verdict(s).decision == Decision::page);
    s.confirmed = false;
    s.standby_trouble = true;
    CHECK(verdict(s).decision == Decision::page);
}

TEST_CASE("a hold says what stands in the way") {
    Situation s = ready();
    s.standby_certified = false;
    s.paused = true;
    CHECK(verdict(s).why ==
          "primary_broker (0.998) calls for a move, but it is not made: an operator has paused us; "
          "the standby has not passed full loops recently.");
    Situation shared = ready();
    shared.diagnosis.name = "standby_shared_fate";
    shared.diagnosis.remedy = Remedy::hold;
    shared.diagnosis.standby_bad = 0.99;
    CHECK(verdict(shared).decision == Decision::hold);
    CHECK(verdict(shared).why.find("a move would not help or make it worse") != std::string::npos);
}

TEST_CASE("a hold for an unfit standby says what it lacks") {
    Situation s = ready();
    s.audit = AuditStanding::unfit;
    s.standby_lacks = "queue a: missing on the standby";
    CHECK(verdict(s).why ==
          "primary_broker (0.998) calls for a move, but it is not made: an audit found that the "
          "standby lacks what the primary has (queue a: missing on the standby).");
}

TEST_CASE("our own trouble is suppressed when certain, and a guess wakes nobody") {
    Situation s = ready();
    s.diagnosis.name = "watcher_network";
    s.diagnosis.remedy = Remedy::suppress;
    s.diagnosis.posterior = 0.95;
    s.blind = true;
    s.hard.page = true;
    CHECK(verdict(s).decision == Decision::suppress);
    CHECK(verdict(s).why ==
          "watcher_network (0.950): it is us, not the platform; nobody is paged.");
    s.diagnosis.posterior = 0.6;
    CHECK(verdict(s).decision == Decision::page);
    s.hard.page = false;
    CHECK(verdict(s).decision == Decision::none);
}

TEST_CASE("a healthy diagnosis does nothing, however high the score") {
    Situation s = ready();
    s.diagnosis.name = "healthy";
    s.diagnosis.remedy = Remedy::none;
    CHECK(verdict(s).decision == Decision::none);
    CHECK(verdict(s).why == "healthy (0.998): nothing to be done.");
}

}  // namespace
}  // namespace vc
