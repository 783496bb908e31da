#include "rules/incident.h"

#include <algorithm>

namespace vc {

void Incident::note(const NotedBlock& block, Duration length, const PolicyRules& rules) {
    if (!block.sign()) return;
    last_sign = block.from + length;
    if (!block.bad) return;
    // After so long a quiet it is another outage, though of the same incident: a quarantine lasts
    // for days, and whoever was told of the first must be told of the second.
    // (A page may have gone out on the first half of this very block.)
    if (block.from - std::max(last_platform, state_since) >= rules.quiet) {
        if (paged_at < block.from) forget_pages();
        pages = std::min(pages, 1U);
    }
    last_platform = block.from + length;
    if (block.first_bad == Instant{}) {
        // Bad without a slot that was: many small failures spread over the minute.
        ++episodes;
        return;
    }
    const bool goes_on =
        last_bad != Instant{} && block.first_bad - last_bad < rules.transient_below;
    if (!goes_on) {
        ++episodes;
        first_bad = block.first_bad;
    }
    last_bad = block.last_bad;
}

// What comes now is news again, and may be told again.
void Incident::forget_pages() {
    pages = 0;
    paged_diagnosis.clear();
    paged_hold = false;
    told_of_hold = false;
}

void Incident::fold(const IncidentMoved& moved_to, Instant at) {
    const bool woken =
        state == IncidentState::probation && moved_to.state == IncidentState::confirmed;
    // Woken for the standby's sake, the platform has not relapsed.
    relapsed = relapsed || (woken && last_platform > state_since);
    if (woken || moved_to.state == IncidentState::quarantine) forget_pages();
    state = moved_to.state;
    state_since = at;
}

void Incident::fold(const PageRaised& page, Instant at) {
    ++pages;
    paged_at = at;
    paged_diagnosis = diagnosis.diagnosis;
    paged_severity = page.severity;
    paged_hold = decision.decision == Decision::hold;
    told_of_hold = told_of_hold || paged_hold;
}

bool Incident::transient(const PolicyRules& rules) const {
    return episodes == 1 && first_bad != Instant{} && last_bad - first_bad < rules.transient_below;
}

std::optional<IncidentMoved> due_move(const Incident& incident, Instant now, Instant watched_since,
                                      const PolicyRules& rules) {
    const auto to = [&](IncidentState state, std::string reason) {
        return IncidentMoved{incident.id, state, std::move(reason)};
    };
    const bool quiet = now - std::max(incident.last_sign, watched_since) >= rules.quiet;
    const std::string nothing_for = "nothing bad for " + to_text(rules.quiet);
    switch (incident.state) {
        case IncidentState::suspected:
            if (!quiet) return std::nullopt;
            return to(IncidentState::closed, nothing_for + ", and never worth a page");
        case IncidentState::confirmed:
            if (!quiet) return std::nullopt;
            if (incident.last_platform == Instant{}) {
                return to(IncidentState::closed,
                          nothing_for + "; the platform itself was never bad");
            }
            return to(IncidentState::probation,
                      nothing_for + ", but unexplained: quiet is not health");
        case IncidentState::probation:
            // Only the platform's own bad minutes prolong it, not a cut of ours.
            if (now - std::max(incident.state_since, incident.last_platform) < rules.probation) {
                return std::nullopt;
            }
            return to(IncidentState::closed, to_text(rules.probation) + " without a relapse");
        case IncidentState::quarantine:
            if (!quiet || now - incident.state_since < rules.quarantine) return std::nullopt;
            return to(IncidentState::closed, to_text(rules.quarantine) + " of quarantine are over");
        case IncidentState::migrating:
        case IncidentState::closed:
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace vc
