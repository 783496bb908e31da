#include "daemon/journal/reader.h"

#include <filesystem>
#include <utility>

#include "daemon/journal/rows.h"
#include "daemon/journal/schema.h"
#include "daemon/journal/sqlite.h"

namespace vc {
namespace {

constexpr std::int64_t blocks_max = 500;

// Blocks that closed shortly before an incident opened are what opened it.
constexpr Duration before_opening = std::chrono::minutes(10);

std::int64_t number(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

// What a record changes of its incident's summary.
struct Summing {
    IncidentSummary& summary;

    void operator()(const IncidentMoved& body) const { summary.state = body.state; }
    void operator()(const DiagnosisMade& body) const {
        summary.diagnosis = body.diagnosis;
        summary.posterior = body.posterior;
    }
    void operator()(const DecisionMade& body) const { summary.decision = body.decision; }
    void operator()(const PageRaised&) const { ++summary.pages; }
    void operator()(const MigrationProposed&) const { ++summary.migrations; }
    void operator()(const MigrationEnded& body) const { summary.result = body.result; }
    void operator()(const BlockClosed&) const {}
    void operator()(const IncidentOpened&) const {}
    void operator()(const StepStarted&) const {}
    void operator()(const StepFinished&) const {}
    void operator()(const VerifyStarted&) const {}
    void operator()(const CommandTaken&) const {}
    void operator()(const GaugeChanged&) const {}
    void operator()(const StandbyAudited&) const {}
};

}  // namespace

struct JournalReader::State {
    std::unique_ptr<Database> database;
    std::string path;

    Result<std::vector<StoredRecord>> records(Statement rows);
    Result<std::vector<Observation>> evidence(IncidentId incident);
    // One snapshot: the daemon may write between two statements.
    void begin() { database->exec("BEGIN"); }
    Result<void> end();
    Result<IncidentChain> chain(IncidentSummary summary);
};

Result<void> JournalReader::State::end() {
    database->exec("COMMIT");
    if (auto read = database->outcome(); !read) return journal_failure(path, read.error());
    return {};
}

Result<std::vector<StoredRecord>> JournalReader::State::records(Statement rows) {
    std::vector<StoredRecord> records;
    while (rows.next()) {
        auto stored = read_record(rows);
        if (!stored) return failure("journal " + path + ": " + stored.error().message);
        records.push_back(std::move(*stored));
    }
    return records;
}

Result<std::vector<Observation>> JournalReader::State::evidence(IncidentId incident) {
    Statement rows = database->prepare(
        std::string(select_observations) +
        " WHERE id IN (SELECT attempt FROM evidence WHERE incident=?) ORDER BY id");
    rows.bind(number(incident.value));
    std::vector<Observation> observations;
    while (rows.next()) {
        auto seen = read_observation(rows);
        if (!seen) return failure("journal " + path + ": " + seen.error().message);
        observations.push_back(std::move(*seen));
    }
    return observations;
}

Result<IncidentChain> JournalReader::State::chain(IncidentSummary summary) {
    IncidentChain chain;
    Statement own =
        database->prepare(std::string(select_records) + " WHERE incident=? ORDER BY seq");
    own.bind(number(summary.incident.value));
    auto its = records(std::move(own));
    if (!its) return tl::unexpected(its.error());
    for (const StoredRecord& stored : *its)
        std::visit(Summing{summary}, stored.record.body);
    chain.records = std::move(*its);
    chain.summary = std::move(summary);
    return chain;
}

JournalReader::JournalReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

Result<JournalReader> JournalReader::open(const std::string& directory) {
    const std::string path = directory + "/" + journal_file;
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        return failure("no journal in " + directory +
                       (error ? ": " + error.message() : ": " + path + " does not exist"));
    }
    auto database = Database::open(path, Database::Mode::read_only);
    if (!database) return journal_failure(path, database.error());
    if (auto checked = check_schema(**database, path); !checked) {
        return tl::unexpected(checked.error());
    }
    auto state = std::make_unique<State>();
    state->database = std::move(*database);
    state->path = path;
    return JournalReader(std::move(state));
}

Result<std::string> JournalReader::id() {
    std::string id;
    {
        Statement row = state_->database->prepare("SELECT value FROM meta WHERE key='id'");
        if (row.next()) id = row.text(0);
    }
    if (auto read = state_->database->outcome(); !read) {
        return journal_failure(state_->path, read.error());
    }
    return id;
}

namespace {

IncidentSummary summary_from(const Statement& row) {
    IncidentSummary summary;
    summary.incident = IncidentId{static_cast<std::uint64_t>(row.integer(0))};
    summary.opened = Instant{Duration{row.integer(1)}};
    if (!row.is_null(2)) summary.closed = Instant{Duration{row.integer(2)}};
    return summary;
}

}  // namespace

Result<std::vector<IncidentSummary>> JournalReader::incidents(std::size_t limit) {
    state_->begin();
    std::vector<IncidentSummary> summaries;
    {
        Statement rows = state_->database->prepare(
            "SELECT id, opened_ns, closed_ns FROM incident ORDER BY id DESC LIMIT ?");
        rows.bind(number(limit));
        while (rows.next())
            summaries.push_back(summary_from(rows));
    }
    std::string broken;
    for (IncidentSummary& summary : summaries) {
        auto chain = state_->chain(summary);
        if (chain) {
            summary = std::move(chain->summary);
        } else if (broken.empty()) {
            broken = chain.error().message;
        }
    }
    if (auto ended = state_->end(); !ended) return tl::unexpected(ended.error());
    if (!broken.empty()) return failure(broken);
    return summaries;
}

Result<std::optional<IncidentChain>> JournalReader::incident(IncidentId incident) {
    state_->begin();
    std::optional<IncidentSummary> summary;
    {
        Statement row =
            state_->database->prepare("SELECT id, opened_ns, closed_ns FROM incident WHERE id=?");
        row.bind(number(incident.value));
        if (row.next()) summary = summary_from(row);
    }
    if (!summary) {
        if (auto ended = state_->end(); !ended) return tl::unexpected(ended.error());
        return std::optional<IncidentChain>();
    }
    auto chain = state_->chain(*summary);
    auto evidence = state_->evidence(incident);
    Statement rows = state_->database->prepare(
        std::string(select_records) +
        " WHERE incident=0 AND kind IN ('block_closed','gauge_changed')"
        " AND at_ns BETWEEN ? AND ? ORDER BY seq LIMIT ?");
    const Instant until = summary->closed.value_or(Instant::max());
    rows.bind((summary->opened - before_opening).time_since_epoch().count())
        .bind(until.time_since_epoch().count())
        .bind(blocks_max);
    auto blocks = state_->records(std::move(rows));
    if (auto ended = state_->end(); !ended) return tl::unexpected(ended.error());
    if (!chain) return tl::unexpected(chain.error());
    if (!evidence) return tl::unexpected(evidence.error());
    if (!blocks) return tl::unexpected(blocks.error());
    chain->evidence = std::move(*evidence);
    chain->blocks = std::move(*blocks);
    return std::optional<IncidentChain>(std::move(*chain));
}

Result<std::vector<StoredRecord>> JournalReader::tail(std::size_t limit) {
    Statement rows = state_->database->prepare("SELECT * FROM (" + std::string(select_records) +
                                               " ORDER BY seq DESC LIMIT ?) ORDER BY seq");
    rows.bind(number(limit));
    auto records = state_->records(std::move(rows));
    if (auto read = state_->database->outcome(); !read) {
        return journal_failure(state_->path, read.error());
    }
    return records;
}

}  // namespace vc
