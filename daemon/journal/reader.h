// Reads a journal without disturbing the daemon that writes it: read-only, one snapshot per call.
// For the command line and for tests. Blocking.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "rules/observation.h"
#include "rules/record.h"

namespace vc {

struct StoredRecord {
    std::uint64_t seq = 0;
    WallTime wall;  // what the wall clock said when it was handed to the journal
    Record record;
};

struct IncidentSummary {
    IncidentId incident;
    Instant opened{};
    std::optional<Instant> closed;
    IncidentState state = IncidentState::suspected;  // the last one recorded
    std::string diagnosis;                           // the last one made; may be empty
    double posterior = 0;
    Decision decision = Decision::none;  // the last one made
    std::uint32_t pages = 0;
    std::uint32_t migrations = 0;
    std::optional<MigrationResult> result;  // of the last migration that ended
};

// Everything about one incident, oldest first.
struct IncidentChain {
    IncidentSummary summary;
    std::vector<StoredRecord> records;  // the incident's own and its migrations'
    // Bad or scored minutes while it lasted, and what others published anew; at most 500.
    std::vector<StoredRecord> blocks;
    std::vector<Observation> evidence;  // what the records cite, as far as it is kept
};

class JournalReader {
  public:
    // `directory` is the state directory. Says so when there is no journal, or when it was made
    // by a newer program.
    static Result<JournalReader> open(const std::string& directory);
    JournalReader(JournalReader&&) noexcept;
    JournalReader& operator=(JournalReader&&) noexcept;
    ~JournalReader();

    Result<std::string> id();
    // Newest first, at most `limit`.
    Result<std::vector<IncidentSummary>> incidents(std::size_t limit = 1000);
    // None when the journal has no such incident.
    Result<std::optional<IncidentChain>> incident(IncidentId incident);
    // The newest `limit` records, oldest first.
    Result<std::vector<StoredRecord>> tail(std::size_t limit);

  private:
    struct State;
    explicit JournalReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace vc
