// When the standby is audited, and what an answer does. The orders are the core's own, so that what
// was known before a move is on record and replays like everything else.
#include <algorithm>

#include "rules/engine_state.h"

namespace vc {
namespace {

// What is kept of one audit. An operator who reads forty differences knows that a standby was never
// set up; more would only fill the journal.
constexpr std::size_t most_differences = 40;
constexpr std::size_t most_words = 300;

void bound(std::vector<std::string>& list) {
    if (list.size() > most_differences) {
        const std::size_t left_out = list.size() - (most_differences - 1);
        list.resize(most_differences - 1);
        list.push_back("and " + std::to_string(left_out) + " more");
    }
    for (std::string& one : list)
        one.resize(std::min(one.size(), most_words));
}

}  // namespace

void Engine::State::wish_audit() {
    audit_wished = true;
}

void Engine::State::drive_audits() {
    const bool wished = std::exchange(audit_wished, false);
    if (!rules.audits || held) return;
    const auto& last = memory.audits.last();
    const auto number =
        audit_orders.due(now, wished, last ? last->number : 0, *rules.audits, rules.policy);
    if (number) actions.push_back(AuditStandby{*number});
}

void Engine::State::audit_finished(const StandbyAudit& answer) {
    // One that nobody waits for was ordered before a restart, or was given up.
    if (!rules.audits || !audit_orders.awaits(answer.number)) return;
    audit_orders.answered(now, answer.verdict, *rules.audits, rules.policy);
    StandbyAudit audit = answer;
    bound(audit.unfit);
    bound(audit.told);
    audit.detail.resize(std::min(audit.detail.size(), most_words));
    const IncidentId open = memory.incident ? memory.incident->id : IncidentId{};
    if (memory.audits.worth_recording(audit)) emit(StandbyAudited{open, std::move(audit)});
    review_due = true;
    // While an incident is open its own pages tell what stands in the way of the move; after a move
    // the standby has taken over.
    if (memory.incident || memory.active() != ActiveBroker::primary) return;
    const auto words = memory.audits.to_tell(now, rules.policy);
    if (!words) return;
    PageRaised page{IncidentId{}, Severity::low, *words};
    emit(page);
    actions.push_back(NotifyPage{std::move(page)});
}

AuditStanding Engine::State::audit_standing() const {
    if (!rules.audits) return AuditStanding::ready;
    const AuditStanding known = memory.audits.standing(now, rules.policy);
    if (known == AuditStanding::unfit) return known;
    return audit_orders.pending(now, rules.policy) ? AuditStanding::pending : known;
}

std::optional<EngineStatus::ReadinessView> Engine::State::readiness_view() const {
    if (!rules.audits) return std::nullopt;
    EngineStatus::ReadinessView view;
    view.standing = memory.audits.standing(now, rules.policy);
    view.last = memory.audits.last();
    view.at = memory.audits.last_at();
    if (const auto& conclusion = memory.audits.conclusion()) {
        view.unfit = conclusion->unfit;
        view.told = conclusion->told;
    }
    return view;
}

}  // namespace vc
