#include "daemon/journal/store.h"

#include <type_traits>
#include <utility>

#include "daemon/journal/rows.h"
#include "daemon/journal/schema.h"

namespace vc {
namespace {

constexpr int retire_at_once = 500;  // rows; a chunk is a few milliseconds of the worker
constexpr int incidents_at_once = 5;

std::int64_t nanoseconds(Instant at) {
    return at.time_since_epoch().count();
}

std::int64_t number(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

void describe(const IncidentOpened& body, RecordRow& row) {
    row.opens_incident = true;
    row.evidence = body.evidence;
}
void describe(const IncidentMoved& body, RecordRow& row) {
    row.closes_incident = body.state == IncidentState::closed;
}
void describe(const DiagnosisMade& body, RecordRow& row) {
    row.evidence = body.evidence;
}
void describe(const MigrationProposed&, RecordRow& row) {
    row.opens_migration = true;
}
void describe(const MigrationEnded& body, RecordRow& row) {
    row.ends_migration = body.result;
}
void describe(const CommandTaken& body, RecordRow& row) {
    row.pauses_or_resumes = body.given.command != Command::ack;
}
// The others are rows and nothing else.
void describe(const BlockClosed&, RecordRow&) {}
void describe(const DecisionMade&, RecordRow&) {}
void describe(const PageRaised&, RecordRow&) {}
void describe(const StepStarted&, RecordRow&) {}
void describe(const StepFinished&, RecordRow&) {}
void describe(const VerifyStarted&, RecordRow&) {}
void describe(const GaugeChanged&, RecordRow&) {}
void describe(const StandbyAudited&, RecordRow&) {}

}  // namespace

RecordRow row_of(const Record& record, WallTime wall) {
    RecordRow row;
    row.at = record.at;
    row.wall = wall;
    row.kind = kind_of(record);
    row.incident = incident_of(record);
    row.epoch = epoch_of(record);
    row.body = to_json(record);
    std::visit([&](const auto& body) { describe(body, row); }, record.body);
    if (const auto* proposed = std::get_if<MigrationProposed>(&record.body)) {
        row.incident = proposed->plan.incident;
        row.epoch = proposed->plan.epoch;
    }
    return row;
}

Store::Store(FileLock lock, std::unique_ptr<Database> database, std::string path)
    : lock_(std::move(lock)), database_(std::move(database)), path_(std::move(path)) {}

Result<std::unique_ptr<Store>> Store::open(const JournalOptions& options) {
    if (auto made = make_directory(options.directory); !made) {
        return tl::unexpected(made.error());
    }
    auto lock = FileLock::take(options.directory + "/" + journal_lock);
    if (!lock) {
        return failure("another voltcanary uses the state directory " + options.directory + ": " +
                       lock.error().message);
    }
    const std::string path = options.directory + "/" + journal_file;
    auto database = Database::open(path, Database::Mode::read_write);
    if (!database) return journal_failure(path, database.error());
    if (auto made = prepare_schema(**database, path); !made) return tl::unexpected(made.error());
    if (options.bytes_max > 0) {
        const std::int64_t page = (*database)->value("PRAGMA page_size");
        const std::int64_t pages = number(options.bytes_max) / (page > 0 ? page : 4096);
        (*database)->value("PRAGMA max_page_count=" + std::to_string(pages));
    }
    std::unique_ptr<Store> store(new Store(std::move(*lock), std::move(*database), path));
    store->bytes_kept_ = options.bytes_kept;
    if (auto read = store->read_meta(); !read) return tl::unexpected(read.error());
    return store;
}

Result<void> Store::read_meta() {
    {
        Statement id = database_->prepare("SELECT value FROM meta WHERE key='id'");
        if (id.next()) id_ = id.text(0);
    }
    const auto next = database_->value("SELECT value FROM meta WHERE key='next_attempt'");
    if (auto read = database_->outcome(); !read) return journal_failure(path_, read.error());
    if (id_.empty() || next < 1) {
        return failure("journal " + path_ + ": its meta table has lost its rows");
    }
    next_attempt_ = static_cast<std::uint64_t>(next);
    return {};
}

Result<JournalContents> Store::load() {
    JournalContents contents;
    {
        Statement rows = database_->prepare(std::string(select_records) + " ORDER BY seq");
        while (rows.next()) {
            auto stored = read_record(rows);
            if (!stored) {
                return failure("journal " + path_ + ": " + stored.error().message);
            }
            contents.last = std::max(contents.last, stored->record.at);
            contents.records.push_back(std::move(stored->record));
        }
    }
    const auto seen = database_->value("SELECT max(finished_ns) FROM observation");
    contents.pages_settled =
        Instant{Duration{database_->value("SELECT value FROM meta WHERE key='pages_settled'")}};
    if (auto read = database_->outcome(); !read) return journal_failure(path_, read.error());
    contents.last = std::max(contents.last, Instant{Duration{seen}});
    return contents;
}

tl::expected<void, DatabaseError> Store::write(const Write& write) {
    database_->exec("BEGIN IMMEDIATE");
    for (const RecordRow& row : write.records) {
        const std::int64_t incident = incident_for(row);
        put(row, incident);
        put_facts(row, incident);
    }
    for (const Observation& seen : write.observations)
        put(seen);
    if (write.attempts_below > 0) {
        database_->prepare("UPDATE meta SET value=? WHERE key='next_attempt'")
            .bind(number(write.attempts_below))
            .run();
    }
    if (write.pages_settled) {
        database_->prepare("INSERT OR REPLACE INTO meta VALUES('pages_settled', ?)")
            .bind(nanoseconds(*write.pages_settled))
            .run();
    }
    // With synchronous=FULL the log is on disk when this returns.
    database_->exec("COMMIT");
    return database_->outcome();
}

std::int64_t Store::incident_for(const RecordRow& row) {
    if (row.incident || !row.epoch) return number(row.incident.value);
    Statement find = database_->prepare("SELECT incident FROM migration WHERE epoch=?");
    find.bind(number(row.epoch.value));
    return find.next() ? find.integer(0) : 0;
}

void Store::put(const RecordRow& row, std::int64_t incident) {
    if (row.pauses_or_resumes) database_->exec("UPDATE record SET kept=0 WHERE kept=1");
    database_
        ->prepare(
            "INSERT INTO record(at_ns, wall_ns, kind, incident, epoch, kept, body)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)")
        .bind(nanoseconds(row.at))
        .bind(row.wall.unix_ns)
        .bind(row.kind)
        .bind(incident)
        .bind(number(row.epoch.value))
        .bind(row.pauses_or_resumes ? 1 : 0)
        .bind(std::string_view(row.body))
        .run();
}

void Store::put_facts(const RecordRow& row, std::int64_t incident) {
    if (row.opens_incident) {
        database_->prepare("INSERT OR IGNORE INTO incident(id, opened_ns) VALUES(?, ?)")
            .bind(incident)
            .bind(nanoseconds(row.at))
            .run();
    }
    if (row.closes_incident) {
        database_->prepare("UPDATE incident SET closed_ns=? WHERE id=?")
            .bind(nanoseconds(row.at))
            .bind(incident)
            .run();
    }
    if (row.opens_migration) {
        database_->prepare("INSERT OR IGNORE INTO migration(epoch, incident) VALUES(?, ?)")
            .bind(number(row.epoch.value))
            .bind(incident)
            .run();
    }
    if (row.ends_migration) {
        database_->prepare("UPDATE migration SET ended_ns=?, result=? WHERE epoch=?")
            .bind(nanoseconds(row.at))
            .bind(to_text(*row.ends_migration))
            .bind(number(row.epoch.value))
            .run();
    }
    for (const AttemptId attempt : row.evidence) {
        database_->prepare("INSERT OR IGNORE INTO evidence VALUES(?, ?)")
            .bind(incident)
            .bind(number(attempt.value))
            .run();
    }
}

void Store::put(const Observation& seen) {
    database_->prepare("INSERT OR IGNORE INTO observation VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(number(seen.id.value))
        .bind(to_text(seen.channel))
        .bind(std::int64_t{seen.target})
        .bind(nanoseconds(seen.due))
        .bind(nanoseconds(seen.started))
        .bind(nanoseconds(seen.finished))
        .bind(to_text(seen.outcome))
        .bind(to_text(seen.failed_phase))
        .bind(seen.tainted ? 1 : 0)
        .bind(std::string_view(phases_text(seen.phases)))
        .bind(to_text(seen.direction))
        .run();
}

std::uint64_t Store::retire_incidents(Instant before) {
    std::vector<std::int64_t> old;
    {
        Statement find = database_->prepare(
            "SELECT id FROM incident WHERE closed_ns < ?"
            " AND id <> (SELECT max(id) FROM incident)"
            " AND id NOT IN (SELECT incident FROM migration WHERE ended_ns IS NULL)"
            " AND id NOT IN (SELECT incident FROM migration ORDER BY epoch DESC LIMIT 1)"
            " AND id NOT IN (SELECT incident FROM migration WHERE result='verified'"
            "                ORDER BY epoch DESC LIMIT 1)"
            " ORDER BY id LIMIT ?");
        find.bind(nanoseconds(before)).bind(std::int64_t{incidents_at_once});
        while (find.next())
            old.push_back(find.integer(0));
    }
    std::uint64_t rows = 0;
    for (const std::int64_t incident : old) {
        for (const char* sql :
             {"DELETE FROM record WHERE incident=?", "DELETE FROM migration WHERE incident=?",
              "DELETE FROM evidence WHERE incident=?", "DELETE FROM incident WHERE id=?"}) {
            database_->prepare(sql).bind(incident).run();
            rows += database_->changed();
        }
    }
    return rows;
}

std::uint64_t Store::retire_rows(const char* sql, Instant before) {
    database_->prepare(sql).bind(nanoseconds(before)).bind(std::int64_t{retire_at_once}).run();
    return database_->changed();
}

tl::expected<Retired, DatabaseError> Store::retire(Instant before) {
    database_->exec("BEGIN IMMEDIATE");
    const std::uint64_t incidents = retire_incidents(before);
    // Of no incident: blocks and commands, and a migration that was made for none.
    const std::uint64_t records = retire_rows(
        "DELETE FROM record WHERE seq IN (SELECT seq FROM record WHERE incident=0 AND kept=0"
        " AND at_ns < ? AND epoch NOT IN (SELECT epoch FROM migration WHERE incident=0)"
        " ORDER BY at_ns LIMIT ?)",
        before);
    const std::uint64_t observations = retire_rows(
        "DELETE FROM observation WHERE id IN (SELECT id FROM observation WHERE finished_ns < ?"
        " AND NOT EXISTS(SELECT 1 FROM evidence WHERE attempt=id) ORDER BY finished_ns LIMIT ?)",
        used_bytes() > bytes_kept_ ? Instant::max() : before);
    database_->exec("COMMIT");
    database_->exec("PRAGMA incremental_vacuum(200)");
    if (auto done = database_->outcome(); !done) return tl::unexpected(done.error());
    return Retired{incidents + records + observations,
                   incidents > 0 || records == retire_at_once || observations == retire_at_once};
}

std::uint64_t Store::used_bytes() {
    const auto pages = database_->value("PRAGMA page_count");
    const auto free = database_->value("PRAGMA freelist_count");
    const auto size = database_->value("PRAGMA page_size");
    return database_->ok() ? static_cast<std::uint64_t>((pages - free) * size) : 0;
}

std::uint64_t Store::file_bytes() {
    const auto pages = database_->value("PRAGMA page_count");
    const auto size = database_->value("PRAGMA page_size");
    if (auto read = database_->outcome(); !read) return 0;
    return static_cast<std::uint64_t>(pages * size);
}

}  // namespace vc
