// What the core has decided, as facts for the journal. Records are the core's only memory across
// a restart: Engine::restore() builds the same state from them.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/base/error.h"
#include "rules/event.h"

namespace vc {

enum class IncidentState : std::uint8_t {
    suspected,   // something is wrong; not yet worth a person's sleep
    confirmed,   // worth acting on
    migrating,   // a move is in flight
    probation,   // it went quiet by itself: watched with a lower threshold until it is explained
    quarantine,  // the platform was moved; the side it left is not to be trusted
    closed,
};
std::string_view to_text(IncidentState state);

// The strongest first.
enum class Decision : std::uint8_t { migrate, hold, page, suppress, none };
std::string_view to_text(Decision decision);

// Why a migration is not made now. Every "no" has one of these names.
enum class Refusal : std::uint8_t {
    mode_observe,           // the configuration only allows to watch
    quorum_not_accepted,    // one watcher, and `quorum: single` was not accepted
    paused,                 // an operator paused it
    evidence_insufficient,  // too few bad blocks yet
    diagnosis_unknown,      // no hypothesis fits
    not_curable_by_move,    // what is broken stays broken after a move
    posterior_low,          // the named culprit is not certain enough
    users_not_harmed,       // heartbeats and transactions work
    watcher_blind,          // our own control probes fail, or too few observations
    primary_unseen,         // its own probes say nothing of it: refused, unauthorized, missing
    standby_not_certified,  // no recent full loop through the standby
    standby_shared_fate,    // the standby is sick as well
    standby_unfit,          // an audit found that it lacks what the primary has
    standby_unaudited,      // no audit has succeeded for too long
    standby_audit_pending,  // an audit is under way; nothing else stands in the way
    migration_in_flight,
    already_migrated,   // one move per incident, and never back by itself
    no_migration_plan,  // the configuration has no steps
};
std::string_view to_text(Refusal refusal);
// One clause for a tired person, e.g. "the standby has not passed a full loop recently".
std::string_view explain(Refusal refusal);

struct ChannelCount {
    Channel channel = Channel::CT;
    std::uint32_t good = 0;
    std::uint32_t bad = 0;
    std::uint32_t unvoting = 0;  // tainted, misconfigured, abandoned
};

// One block (a minute of rules' time) that was not plainly good, or that changed the score.
struct BlockClosed {
    Instant from{};
    bool bad = false;
    bool blind = false;        // no statement: our own control probes failed, or too little seen
    bool control_bad = false;  // the former
    std::int64_t score = 0;
    Instant first_bad{};  // intended starts of the first and last failure of its bad slots;
    Instant last_bad{};   // both zero when there was no such slot
    std::vector<ChannelCount> counts;
};

struct IncidentOpened {
    IncidentId incident;
    std::string reason;
    std::vector<AttemptId> evidence;  // the first failures, bounded
};

struct IncidentMoved {
    IncidentId incident;
    IncidentState state = IncidentState::suspected;
    std::string reason;
};

struct DiagnosisMade {
    IncidentId incident;
    std::string diagnosis;  // a name of the hypothesis catalogue, "transient" or "unknown"
    double posterior = 0;
    std::string runner_up;
    double runner_up_posterior = 0;
    std::vector<std::string> reasons;           // "DL 31 of 60 bad (expected bad)", for and against
    std::vector<AttemptId> evidence;            // bounded
    VendorClaim vendor = VendorClaim::missing;  // what the vendor said at that time
    std::string vendor_source{};                // which of its sources; empty when missing
    Duration vendor_age{};                      // how old that was
};

struct DecisionMade {
    IncidentId incident;
    Decision decision = Decision::none;
    std::string diagnosis;
    double posterior = 0;
    std::vector<Refusal> refusals;  // why not migrate; empty only for migrate
    std::string why;                // one sentence
};

enum class Severity : std::uint8_t { low, high };
std::string_view to_text(Severity severity);

struct PageRaised {
    IncidentId incident;
    Severity severity = Severity::high;
    std::string text;
};

struct MigrationProposed {
    MigrationPlan plan;
};

// Intent: written, and on disk, before the hook runs.
struct StepStarted {
    HookRun run;
    std::string step;  // its name
    std::string key;   // idempotency key
};

struct StepFinished {
    HookRun run;
    HookOutcome outcome = HookOutcome::failed;
    std::string detail;
};

enum class MigrationResult : std::uint8_t {
    verified,     // full loops through the new broker work
    rolled_back,  // given up before the point of no return, steps undone
    failed,       // after it, or an undo failed: a person is needed
};
std::string_view to_text(MigrationResult result);

// Every step is done; what is left is to see that it works.
struct VerifyStarted {
    Epoch epoch;
};

struct MigrationEnded {
    Epoch epoch;
    MigrationResult result = MigrationResult::failed;
    std::string detail;
};

struct CommandTaken {
    CommandGiven given;
};

// What somebody else publishes is materially other than what was last recorded of that source.
struct GaugeChanged {
    Gauge gauge;
};

struct StandbyAudited {
    IncidentId incident;  // open at that time, or none
    StandbyAudit audit;
};

using RecordBody =
    std::variant<BlockClosed, IncidentOpened, IncidentMoved, DiagnosisMade, DecisionMade,
                 PageRaised, MigrationProposed, StepStarted, StepFinished, VerifyStarted,
                 MigrationEnded, CommandTaken, GaugeChanged, StandbyAudited>;

struct Record {
    Instant at{};
    RecordBody body;
};

// "incident_opened": the stable name of the alternative, used as the journal's `kind`.
std::string_view kind_of(const Record& record);
// The incident or migration that a record speaks of; none for those about neither.
IncidentId incident_of(const Record& record);
Epoch epoch_of(const Record& record);

// The body as one line of JSON, and back. Reading fails on an unknown kind, a missing or
// wrong-typed member, and says which.
std::string to_json(const Record& record);
Result<Record> record_from_json(Instant at, std::string_view kind, std::string_view json);

}  // namespace vc
