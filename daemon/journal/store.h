// What the journal does on disk, in one transaction each. Blocking; used by one thread at a time:
// at start by the opener, then by the journal's worker only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/host/file.h"
#include "daemon/journal/journal.h"
#include "daemon/journal/sqlite.h"
#include "rules/observation.h"
#include "rules/record.h"

namespace vc {

// A record, ready to be written, with what the store has to know of it.
struct RecordRow {
    Instant at{};
    WallTime wall;
    std::string_view kind;  // of static life
    IncidentId incident;
    Epoch epoch;
    std::string body;
    std::vector<AttemptId> evidence;
    bool opens_incident = false;
    bool closes_incident = false;
    bool opens_migration = false;
    std::optional<MigrationResult> ends_migration;
    bool pauses_or_resumes = false;  // the newest of these is kept for ever
};
RecordRow row_of(const Record& record, WallTime wall);

// One transaction's worth.
struct Write {
    std::vector<RecordRow> records;
    std::vector<Observation> observations;
    std::optional<Instant> pages_settled;
    std::uint64_t attempts_below = 0;  // every attempt id so far is smaller; 0: unchanged
};

struct Retired {
    std::uint64_t rows = 0;
    bool more = false;  // another round would find more
};

class Store {
  public:
    // Takes the directory's lock first.
    static Result<std::unique_ptr<Store>> open(const JournalOptions& options);

    const std::string& id() const { return id_; }
    const std::string& path() const { return path_; }
    // The smallest attempt id that no run of the daemon has used.
    std::uint64_t next_attempt() const { return next_attempt_; }

    Result<JournalContents> load();
    tl::expected<void, DatabaseError> write(const Write& write);
    // Removes what is older than `before`, and the oldest observations as long as more than
    // JournalOptions::bytes_kept is used: closed incidents whole, but never the newest incident
    // or those of the newest and the newest verified migration, from which the core knows its
    // numbers and the active broker.
    tl::expected<Retired, DatabaseError> retire(Instant before);
    std::uint64_t file_bytes();

  private:
    Store(FileLock lock, std::unique_ptr<Database> database, std::string path);
    Result<void> read_meta();
    void put(const RecordRow& row, std::int64_t incident);
    void put_facts(const RecordRow& row, std::int64_t incident);
    void put(const Observation& seen);
    std::int64_t incident_for(const RecordRow& row);
    std::uint64_t retire_incidents(Instant before);
    std::uint64_t retire_rows(const char* sql, Instant before);
    std::uint64_t used_bytes();

    FileLock lock_;
    std::unique_ptr<Database> database_;
    std::string path_;
    std::uint64_t bytes_kept_ = 0;
    std::string id_;
    std::uint64_t next_attempt_ = 1;
};

}  // namespace vc
