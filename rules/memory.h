// What the engine knows across a restart: a fold over its own records and nothing else. The engine
// changes this state only by recording something and folding the record, so that a state restored
// from the journal cannot differ from the one that wrote it.
#pragma once

#include <deque>
#include <optional>

#include "rules/evidence/block_score.h"
#include "rules/gauges.h"
#include "rules/incident.h"
#include "rules/migration/machine.h"
#include "rules/readiness.h"
#include "rules/rules.h"

namespace vc {

struct Memory {
    explicit Memory(const Rules& rules)
        : rules_detectors(rules.detectors), rules_policy(rules.policy), machine(rules.policy) {}

    // `due` tells only what was to be seen per block, and when it had settled.
    void fold(const Record& record, const Ledger& due);

    // How many bad blocks in a row end where the block at `from` begins.
    std::uint32_t run_before(Instant from) const;
    bool blind_before() const { return blind_run > 0; }
    ActiveBroker active() const;

    DetectorRules rules_detectors;
    PolicyRules rules_policy;

    std::int64_t score = 0;
    std::uint32_t run = 0;
    std::uint32_t blind_run = 0;
    std::optional<Instant> last_block;  // start of the last recorded one
    std::deque<NotedBlock> blocks;      // those of the diagnosis window
    Instant judge_from{};               // blocks before are explained by a move

    std::optional<Incident> incident;  // open
    MigrationMachine machine;          // the last migration
    RecordedGauges gauges;
    AuditMemory audits;  // of the standby
    bool paused = false;
    std::uint64_t last_incident = 0;
    std::uint64_t last_epoch = 0;
    std::uint32_t pages = 0;
    std::uint32_t migrations = 0;

  private:
    void fold_block(const BlockClosed& block, const Ledger& due);
    void fold_migration(const Record& record);
    bool moved_before_ = false;  // an earlier migration than the machine's left us on the standby
};

}  // namespace vc
