// What the parts of the daemon count, in the words of the metrics, which know none of them. Pure.
#pragma once

#include <cstdint>
#include <map>

#include "daemon/config/config.h"
#include "daemon/journal/journal.h"
#include "daemon/metrics/metrics.h"
#include "daemon/notify/notify.h"
#include "probes/session.h"

namespace vc {

// What has series before anything is known of it.
NamedParts named_parts(const Config& config);
JournalFacts journal_facts(const JournalCounts& counts);
// With no audit configured it stays unknown.
ReadinessFacts readiness_facts(const EngineStatus& status);
NotifyFacts notify_facts(const NotifyCounts& counts);
std::map<SessionEvent, std::uint64_t> session_events(const SessionCounters& counters);

}  // namespace vc
