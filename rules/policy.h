// May we page, hold, suppress, migrate? One pure function over what is known at this moment. Every
// reason against a move is collected, not just the first: whoever reads it at night must not mend
// one thing only to be told the next.
#pragma once

#include <string>
#include <vector>

#include "rules/diagnosis/posterior.h"
#include "rules/evidence/hard_path.h"
#include "rules/policy_rules.h"
#include "rules/readiness.h"
#include "rules/record.h"

namespace vc {

struct Situation {
    bool automatic = false;
    bool quorum_accepted = false;
    bool paused = false;

    std::int64_t score = 0;
    std::int64_t suspect_score = 0;
    std::int64_t act_score = 0;  // already halved where a probation halves it
    HardPath hard;
    bool standby_trouble = false;  // the standby is bad by itself, again and again
    bool confirmed = false;        // found worth a page before
    bool users_fail_on = false;    // blind, but in minute after minute they do

    Diagnosis diagnosis;
    bool users_harmed = false;
    bool blind = false;
    bool standby_certified = false;
    AuditStanding audit = AuditStanding::ready;
    std::string standby_lacks;  // what the audit found, when unfit
    ActiveBroker active = ActiveBroker::primary;
    bool in_flight = false;
    bool migrated = false;  // a move was made for this incident
    bool has_steps = false;

    bool act_worthy() const { return score >= act_score || hard.act; }
    bool page_worthy() const {
        return act_worthy() || score >= suspect_score || hard.page || standby_trouble ||
               confirmed || users_fail_on;
    }
};

struct Verdict {
    Decision decision = Decision::none;
    std::vector<Refusal> refusals;  // in the enum's order; empty only for migrate
    std::string why;
};

Verdict decide(const Situation& situation, const PolicyRules& rules);

// Of these refusals, the ones that stand between an act-worthy primary fault and the move: what a
// HOLD names.
std::vector<Refusal> obstacles(const std::vector<Refusal>& refusals);

}  // namespace vc
