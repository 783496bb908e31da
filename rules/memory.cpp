#include "rules/memory.h"

#include <algorithm>

#include "rules/base/overloaded.h"

namespace vc {
void Memory::fold(const Record& record, const Ledger& due) {
    fold_migration(record);
    std::visit(
        Overloaded{
            [&](const BlockClosed& r) { fold_block(r, due); },
            [&](const IncidentOpened& r) {
                incident = Incident{};
                incident->id = r.incident;
                incident->opened = record.at;
                incident->state_since = record.at;
                incident->last_sign = record.at;
                last_incident = std::max(last_incident, r.incident.value);
                // The newest block, when there is one; an older one belongs to
                // what was before.
                if (!blocks.empty() && blocks.back().sign() &&
                    blocks.back().from + 2 * rules_detectors.block > due.settled_at(record.at)) {
                    incident->note(blocks.back(), rules_detectors.block, rules_policy);
                }
            },
            [&](const IncidentMoved& r) {
                if (!incident || incident->id != r.incident) return;
                incident->fold(r, record.at);
                if (r.state == IncidentState::closed) incident.reset();
            },
            [&](const DiagnosisMade& r) {
                if (incident && incident->id == r.incident) incident->diagnosis = r;
            },
            [&](const DecisionMade& r) {
                if (incident && incident->id == r.incident) incident->decision = r;
            },
            [&](const PageRaised& r) {
                ++pages;
                if (r.incident == IncidentId{}) audits.fold_page(record.at);
                if (incident && incident->id == r.incident) incident->fold(r, record.at);
            },
            [&](const GaugeChanged& r) { gauges.fold(r.gauge, record.at); },
            [&](const CommandTaken& r) {
                if (r.given.command == Command::pause) paused = true;
                if (r.given.command == Command::resume) paused = false;
            },
            [&](const StandbyAudited& r) { audits.fold(r.audit, record.at); }, [](const auto&) {}},
        record.body);
}

void Memory::fold_migration(const Record& record) {
    if (const auto* proposed = std::get_if<MigrationProposed>(&record.body)) {
        moved_before_ = moved_before_ || machine.switched();
        last_epoch = std::max(last_epoch, proposed->plan.epoch.value);
        ++migrations;
        if (incident) incident->moved = true;
    }
    machine.fold(record);
    if (const auto* ended = std::get_if<MigrationEnded>(&record.body)) {
        // What the move itself broke for a while is no evidence against either broker; a move that
        // was not proven may still be breaking it.
        const bool proven = ended->result == MigrationResult::verified;
        blocks.clear();
        judge_from = record.at + (proven ? Duration{} : 2 * rules_detectors.block);
        if (proven) {
            score = 0;
            run = 0;
        }
    }
}

std::uint32_t Memory::run_before(Instant from) const {
    // A block that is not on record was plainly good.
    return last_block && *last_block + rules_detectors.block == from ? run : 0;
}

ActiveBroker Memory::active() const {
    return moved_before_ || machine.switched() ? ActiveBroker::standby : ActiveBroker::primary;
}

void Memory::fold_block(const BlockClosed& closed, const Ledger& due) {
    const Counts counts = from_list(closed.counts);
    const BlockJudgement judgement =
        judge(counts, rules_detectors.block, active(), due, rules_detectors);
    NotedBlock block{.from = closed.from,
                     .counts = counts,
                     .bad = closed.bad,
                     .blind = closed.blind,
                     .control_bad = closed.control_bad,
                     .standby_bad = judgement.standby_bad,
                     .first_bad = closed.first_bad,
                     .last_bad = closed.last_bad};
    if (closed.blind) {
        ++blind_run;
    } else {
        blind_run = 0;
        run = closed.bad ? run_before(closed.from) + 1 : 0;
    }
    score = closed.score;
    last_block = closed.from;
    const Instant oldest = closed.from - rules_detectors.window;
    while (!blocks.empty() && blocks.front().from < oldest)
        blocks.pop_front();
    if (!block.sign() && !block.blind) return;
    if (incident) incident->note(block, rules_detectors.block, rules_policy);
    blocks.push_back(block);
}

}  // namespace vc
