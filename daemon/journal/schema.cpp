#include "daemon/journal/schema.h"

#include <array>

namespace vc {
namespace {

// "VCjn", so that file(1) and we can tell a journal from any other database.
constexpr std::int64_t application_id = 0x56436a6e;

// Step n brings version n to n + 1. A step that was released is never changed.
constexpr std::array<const char*, journal_version> steps{
    R"sql(
    CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT INTO meta VALUES('id', lower(hex(randomblob(8)))), ('next_attempt', 1);

    -- `incident` is also set for records that only know their migration. `kept` rows are not
    -- touched by retention.
    CREATE TABLE record(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ns INTEGER NOT NULL,
        wall_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        incident INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        body TEXT NOT NULL);
    CREATE INDEX record_incident ON record(incident, at_ns);

    CREATE TABLE incident(id INTEGER PRIMARY KEY, opened_ns INTEGER NOT NULL, closed_ns INTEGER);
    CREATE TABLE migration(
        epoch INTEGER PRIMARY KEY, incident INTEGER NOT NULL, ended_ns INTEGER, result TEXT);

    CREATE TABLE observation(
        id INTEGER PRIMARY KEY,
        channel TEXT NOT NULL,
        target INTEGER NOT NULL,
        due_ns INTEGER NOT NULL,
        started_ns INTEGER NOT NULL,
        finished_ns INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        phase TEXT NOT NULL,
        tainted INTEGER NOT NULL,
        phases TEXT NOT NULL);
    CREATE INDEX observation_age ON observation(finished_ns);

    CREATE TABLE evidence(incident INTEGER, attempt INTEGER, PRIMARY KEY(incident, attempt))
        WITHOUT ROWID;
    CREATE INDEX evidence_attempt ON evidence(attempt);
    )sql",
    "ALTER TABLE observation ADD COLUMN direction TEXT NOT NULL DEFAULT 'none'",
};

}  // namespace

tl::unexpected<Error> journal_failure(const std::string& path, const DatabaseError& error) {
    return failure("journal " + path + ": " + error.message);
}

Result<void> check_schema(Database& database, const std::string& path) {
    const auto version = database.value("PRAGMA user_version");
    const auto application = database.value("PRAGMA application_id");
    const auto tables = database.value("SELECT count(*) FROM sqlite_schema");
    if (auto read = database.outcome(); !read) return journal_failure(path, read.error());
    if (tables > 0 && application != application_id) {
        return failure("journal " + path + ": this is another program's database");
    }
    if (version > journal_version) {
        return failure("journal " + path + ": made by a newer voltcanary (version " +
                       std::to_string(version) + ", this one knows " +
                       std::to_string(journal_version) + "); run that one, or use another state " +
                       "directory");
    }
    return {};
}

Result<void> prepare_schema(Database& database, const std::string& path) {
    if (auto checked = check_schema(database, path); !checked) return checked;
    const auto version = database.value("PRAGMA user_version");
    // Must come before the first table, and outside of a transaction.
    if (version == 0) database.exec("PRAGMA auto_vacuum=INCREMENTAL");
    database.exec("PRAGMA journal_mode=WAL");
    database.exec("PRAGMA synchronous=FULL");
    database.exec("PRAGMA journal_size_limit=16777216");
    if (version < journal_version) {
        database.exec("BEGIN IMMEDIATE");
        for (auto step = version; step < journal_version; ++step)
            database.exec(steps[static_cast<std::size_t>(step)]);
        const std::string stamp = "PRAGMA application_id=" + std::to_string(application_id) +
                                  "; PRAGMA user_version=" + std::to_string(journal_version);
        database.exec(stamp.c_str());
        database.exec("COMMIT");
    }
    if (auto made = database.outcome(); !made) return journal_failure(path, made.error());
    return {};
}

}  // namespace vc
