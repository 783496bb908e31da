#include "probes/ledger.h"

#include <algorithm>
#include <utility>

#include "rules/base/check.h"

namespace vc {

void PhaseWatch::add(const std::vector<PhaseTime>& phases, Instant now) {
    phases_.insert(phases_.end(), phases.begin(), phases.end());
    since_ = now;
}

void PhaseWatch::done(Phase phase, Instant now) {
    phases_.push_back({phase, now - since_});
    since_ = now;
}

OpenAttempt Ledger::open(const Attempt& attempt, Instant now) {
    ++started_;
    return OpenAttempt{attempt, now, attempt.due + 3 * attempt.budget, {}};
}

Observation Ledger::close(OpenAttempt open, End end, Instant now) {
    ++finished_;
    VC_CHECK(finished_ <= started_, "an attempt ended twice");
    Observation seen;
    seen.id = open.attempt.id;
    seen.channel = open.attempt.channel;
    seen.target = open.attempt.target;
    seen.due = open.attempt.due;
    seen.started = open.started;
    seen.finished = now;
    seen.outcome = end.outcome;
    seen.failed_phase = end.outcome == Outcome::ok ? Phase::none : end.phase;
    seen.phases = std::move(open.phases);
    // Answers may overtake one another (a message its own settlement); phases are listed in order.
    std::stable_sort(seen.phases.begin(), seen.phases.end(),
                     [](const auto& a, const auto& b) { return a.phase < b.phase; });
    if (seen.outcome == Outcome::ok && seen.latency() > open.attempt.budget) {
        seen.outcome = Outcome::late;
        const auto longest =
            std::max_element(seen.phases.begin(), seen.phases.end(),
                             [](const auto& a, const auto& b) { return a.took < b.took; });
        if (longest != seen.phases.end()) seen.failed_phase = longest->phase;
    }
    return seen;
}

}  // namespace vc
