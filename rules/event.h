// What the core is told. Time is part of every event; the core knows no other.
#pragma once

#include <string>
#include <variant>

#include "rules/base/time.h"
#include "rules/migration/plan.h"
#include "rules/observation.h"
#include "rules/readiness.h"

namespace vc {

struct Tick {};

struct ObservationSeen {
    Observation observation;
};

struct GaugeSeen {
    Gauge gauge;
};

struct HookFinished {
    HookRun run;
    HookOutcome outcome = HookOutcome::failed;
    std::string detail;  // last lines of the output, one line, bounded
};

// The answer to an AuditStandby; its number tells which.
struct AuditFinished {
    StandbyAudit audit;
};

enum class Command : std::uint8_t {
    pause,   // keep observing, refuse to act
    resume,  // end a pause
    ack,     // a person has understood the open incident and closes its probation or quarantine
};
std::string_view to_text(Command command);

struct CommandGiven {
    Command command = Command::pause;
    std::string by;
    std::string reason;
};

using EventBody =
    std::variant<Tick, ObservationSeen, GaugeSeen, HookFinished, CommandGiven, AuditFinished>;

struct Event {
    Instant at{};  // never before the previous event's
    EventBody body;
};

}  // namespace vc
