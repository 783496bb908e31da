#include "rules/policy.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace vc {
namespace {

std::vector<Refusal> refusals_of(const Situation& s, const PolicyRules& rules) {
    const Diagnosis& d = s.diagnosis;
    const bool unknown = d.name == "unknown";
    const bool curable = d.remedy == Remedy::migrate && !unknown;
    const bool certain = d.posterior > rules.act_posterior && d.shared < rules.shared_at_most;
    const bool standby_looked_at = d.standby_samples >= rules.standby_samples;
    const bool primary_looked_at = d.primary_samples >= rules.primary_samples;
    const std::array conditions{
        std::pair{Refusal::mode_observe, !s.automatic},
        std::pair{Refusal::quorum_not_accepted, !s.quorum_accepted},
        std::pair{Refusal::paused, s.paused},
        std::pair{Refusal::evidence_insufficient, !s.act_worthy()},
        std::pair{Refusal::diagnosis_unknown, unknown},
        std::pair{Refusal::not_curable_by_move, !curable && !unknown},
        std::pair{Refusal::posterior_low, curable && !certain},
        std::pair{Refusal::users_not_harmed, !s.users_harmed},
        std::pair{Refusal::watcher_blind, s.blind},
        std::pair{Refusal::primary_unseen, !primary_looked_at},
        std::pair{Refusal::standby_not_certified, !s.standby_certified || !standby_looked_at},
        std::pair{Refusal::standby_shared_fate, d.standby_bad >= rules.standby_bad_at_most},
        std::pair{Refusal::standby_unfit, s.audit == AuditStanding::unfit},
        std::pair{Refusal::standby_unaudited, s.audit == AuditStanding::unaudited},
        std::pair{Refusal::migration_in_flight, s.in_flight},
        std::pair{Refusal::already_migrated, s.migrated || s.active != ActiveBroker::primary},
        std::pair{Refusal::no_migration_plan, !s.has_steps},
    };
    std::vector<Refusal> out;
    for (const auto& [refusal, holds] : conditions) {
        if (holds) out.push_back(refusal);
    }
    // Of interest only to a move that would be made but for it.
    if (out.empty() && s.audit == AuditStanding::pending) {
        out.push_back(Refusal::standby_audit_pending);
    }
    return out;
}

bool among(const std::vector<Refusal>& refusals, Refusal refusal) {
    return std::find(refusals.begin(), refusals.end(), refusal) != refusals.end();
}

std::string clauses(const std::vector<Refusal>& refusals, const Situation& s) {
    std::string text;
    for (const Refusal refusal : refusals) {
        if (!text.empty()) text += "; ";
        text += explain(refusal);
        if (refusal == Refusal::standby_unfit) text += " (" + s.standby_lacks + ")";
    }
    return text;
}

std::string named(const Diagnosis& d) {
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), " (%.3f)", d.posterior);
    return d.name + number.data();
}

std::string score_of(const Situation& s) {
    return "score " + std::to_string(s.score) + " (page at " + std::to_string(s.suspect_score) +
           ", act at " + std::to_string(s.act_score) + ")";
}

Decision choose(const Situation& s, const PolicyRules& rules,
                const std::vector<Refusal>& refusals) {
    if (refusals.empty()) return Decision::migrate;
    const Diagnosis& d = s.diagnosis;
    const bool plain = s.hard.page || s.hard.act;
    if (d.remedy == Remedy::suppress && d.posterior >= rules.suppress_posterior) {
        return Decision::suppress;
    }
    // Half blind, or it is probably us: only a plain outage is worth waking a person on a guess, or
    // one that lasts and is plainly not ours. A dead control target must not silence it for good.
    const bool lasts =
        s.users_fail_on && d.remedy != Remedy::suppress && d.posterior >= rules.suppress_posterior;
    if ((s.blind || d.remedy == Remedy::suppress) && !plain && !lasts) return Decision::none;
    switch (d.remedy) {
        case Remedy::none:
            return Decision::none;
        case Remedy::suppress:
            return Decision::page;
        case Remedy::hold:
            return s.page_worthy() ? Decision::hold : Decision::none;
        case Remedy::page:
            return s.page_worthy() ? Decision::page : Decision::none;
        case Remedy::migrate: {
            if (!s.page_worthy()) return Decision::none;
            const bool due = !among(refusals, Refusal::evidence_insufficient) &&
                             !among(refusals, Refusal::posterior_low) &&
                             !among(refusals, Refusal::users_not_harmed) &&
                             !among(refusals, Refusal::standby_audit_pending);
            return due ? Decision::hold : Decision::page;
        }
    }
    return Decision::page;
}

std::string sentence(Decision decision, const Situation& s, const std::vector<Refusal>& refusals) {
    const std::string name = named(s.diagnosis);
    switch (decision) {
        case Decision::migrate:
            return name + " is to blame, users are harmed, the standby is certified, " +
                   score_of(s) + (s.hard.act ? ", and the outage is plain" : "") +
                   ": moving to the standby.";
        case Decision::hold:
            if (s.diagnosis.remedy == Remedy::hold) {
                return name + ": a move would not help or make it worse (" + clauses(refusals, s) +
                       ").";
            }
            return name +
                   " calls for a move, but it is not made: " + clauses(obstacles(refusals), s) +
                   ".";
        case Decision::page:
            return name + " needs a person, " + score_of(s) + "; no move: " + clauses(refusals, s) +
                   ".";
        case Decision::suppress:
            return name + ": it is us, not the platform; nobody is paged.";
        case Decision::none:
            if (s.blind) return name + " is a guess while we are half blind: nobody is paged.";
            if (s.page_worthy()) return name + ": nothing to be done.";
            return name + " is watched: too little has gone wrong yet, " + score_of(s) + ".";
    }
    return {};
}

}  // namespace

std::vector<Refusal> obstacles(const std::vector<Refusal>& refusals) {
    std::vector<Refusal> out;
    std::copy_if(refusals.begin(), refusals.end(), std::back_inserter(out), [](Refusal refusal) {
        return refusal != Refusal::evidence_insufficient && refusal != Refusal::posterior_low &&
               refusal != Refusal::users_not_harmed;
    });
    return out;
}

Verdict decide(const Situation& situation, const PolicyRules& rules) {
    Verdict verdict;
    verdict.refusals = refusals_of(situation, rules);
    verdict.decision = choose(situation, rules, verdict.refusals);
    verdict.why = sentence(verdict.decision, situation, verdict.refusals);
    return verdict;
}

}  // namespace vc
