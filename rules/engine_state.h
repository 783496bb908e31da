// The inside of the engine: the live evidence, the memory that records make, and the batch being
// filled. engine.cpp routes events here; review.cpp judges what has settled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/engine.h"
#include "rules/evidence/failures.h"
#include "rules/evidence/hard_path.h"
#include "rules/evidence/standby_health.h"
#include "rules/gauges.h"
#include "rules/memory.h"
#include "rules/policy.h"

namespace vc {

struct Engine::State {
    explicit State(Rules the_rules);

    // engine.cpp
    void begin(Instant at);
    void advance(Instant at);
    void take(const EventBody& body);
    void emit(RecordBody body);
    void raise(Severity severity, std::string text);
    void drive_migration();
    void migration_ended(const MigrationEnded& ended);
    Batch flush();
    MoveConditions move_conditions() const;
    bool users_served() const;
    bool outage_over() const;
    std::int64_t act_score() const;
    bool control_fails_now() const;
    bool control_fails(Instant from, Instant to) const;
    void take_gauge(const Gauge& gauge);
    VendorDisagreement vendor_disagreement() const;
    bool names_broker(const std::string& diagnosis) const;

    // engine_audits.cpp
    void wish_audit();
    void drive_audits();
    void audit_finished(const StandbyAudit& audit);
    AuditStanding audit_standing() const;
    std::optional<EngineStatus::ReadinessView> readiness_view() const;

    // review.cpp
    struct Named {
        Diagnosis diagnosis;
        bool users_harmed = false;
        bool blind = false;  // rests on minutes that make no statement
    };
    void close_block(Instant from);
    void review();
    Instant watched_since() const;
    void open_if_due(Instant before);
    bool asleep();
    bool plain_outage() const;
    bool users_fail_on() const;
    std::vector<Counts> evidence_blocks() const;
    std::vector<Counts> blind_blocks() const;
    std::optional<NotedBlock> unfinished_block() const;
    NotedBlock note(Instant from, Instant to) const;
    bool standby_trouble() const;
    bool users_harmed(const std::vector<Counts>& blocks) const;
    bool control_wavers(Instant from, Instant to) const;
    void name_culprit();
    Named over_and_short(Named culprit) const;
    void judge_incident(const Named& culprit);
    Situation situation(const Named& culprit) const;
    void record_diagnosis(const Diagnosis& diagnosis);
    void record_decision(const Verdict& verdict, const Diagnosis& diagnosis);
    void page_if_due(const Verdict& verdict, const Diagnosis& diagnosis);
    void propose(const Verdict& verdict);
    void move_incident(IncidentState state, std::string reason);

    Rules rules;
    Ledger ledger;
    StandbyHealth standby;
    Failures failures;
    Memory memory;
    AuditOrders audit_orders;
    bool audit_wished = false;  // a move may be near

    bool begun = false;
    bool held = false;  // a migration orders nothing more
    Instant now{};
    Instant watch_from{};  // blocks that began before we watched make no statement
    Instant settled{};     // everything due before is in and judged
    Gauges gauges;
    bool review_due = false;
    Instant reviewed{};          // what had settled by the last review is not news
    bool fresh_sign = false;     // a block with a sign of trouble was closed since the last naming
    std::optional<Named> named;  // the culprit, as the newest evidence has it

    std::uint64_t batches = 0;
    std::vector<Record> records;
    std::vector<Action> actions;
};

}  // namespace vc
