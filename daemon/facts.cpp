#include "daemon/facts.h"

namespace vc {

NamedParts named_parts(const Config& config) {
    NamedParts parts;
    for (const GaugeConfig& gauge : config.gauges)
        parts.sources.push_back({gauge.role, gauge.name});
    parts.primary_entities = config.primary.entities;
    parts.standby_entities = config.standby.entities;
    parts.credentials = {"primary", "standby"};
    return parts;
}

JournalFacts journal_facts(const JournalCounts& counts) {
    return {counts.state == JournalState::ok,
            counts.records_written,
            counts.observations_written,
            counts.observations_dropped,
            counts.write_failures,
            counts.batches_waiting,
            counts.file_bytes,
            counts.last_commit};
}

std::map<SessionEvent, std::uint64_t> session_events(const SessionCounters& counters) {
    return {{SessionEvent::connect, counters.connects},
            {SessionEvent::drop, counters.drops},
            {SessionEvent::late_answer, counters.late_answers},
            {SessionEvent::duplicate, counters.duplicates},
            {SessionEvent::out_of_order, counters.out_of_order},
            {SessionEvent::unmatched, counters.unmatched},
            {SessionEvent::malformed, counters.malformed},
            {SessionEvent::cleanup, counters.cleanups},
            {SessionEvent::cleanup_given_up, counters.cleanups_given_up}};
}

ReadinessFacts readiness_facts(const EngineStatus& status) {
    ReadinessFacts facts;
    if (!status.readiness || !status.readiness->last) return facts;
    const auto& view = *status.readiness;
    facts.differences = view.unfit.size() + view.told.size();
    facts.checked = view.at;
    if (view.last->verdict == AuditVerdict::unreachable) return facts;
    facts.state =
        view.unfit.empty() ? ReadinessFacts::State::ready : ReadinessFacts::State::differs;
    return facts;
}

NotifyFacts notify_facts(const NotifyCounts& counts) {
    return {counts.sent, counts.retried, counts.failed, counts.queued};
}

}  // namespace vc
