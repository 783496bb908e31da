// Retention, which is the store's: what goes, and what must stay however old it is.
#include "daemon/journal/store.h"

#include <doctest/doctest.h>

#include "daemon/journal/schema.h"
#include "tests/daemon/journal/records.h"

namespace vc {

using namespace test;

namespace {

struct Opened {
    explicit Opened(const TemporaryDirectory& dir) : Opened(options_in(dir)) {}
    explicit Opened(const JournalOptions& options) : store(*Store::open(options)) {}

    void write(const std::vector<Record>& records,
               const std::vector<Observation>& observations = {}) {
        Write write;
        for (const Record& record : records)
            write.records.push_back(row_of(record, WallTime{1}));
        write.observations = observations;
        REQUIRE(store->write(write));
    }
    std::uint64_t retire_all(Instant before) {
        std::uint64_t rows = 0;
        for (int rounds = 0; rounds < 1000; ++rounds) {
            const auto retired = store->retire(before);
            REQUIRE(retired);
            rows += retired->rows;
            if (!retired->more) return rows;
        }
        FAIL("retention never ends");
        return rows;
    }
    std::string left() { return kinds(store->load()->records); }

    std::unique_ptr<Store> store;
};

}  // namespace

TEST_CASE("old blocks and observations go, in chunks; young ones stay") {
    const TemporaryDirectory dir;
    Opened opened(dir);
    std::vector<Record> blocks;
    std::vector<Observation> observations;
    for (int i = 0; i < 1200; ++i) {
        blocks.push_back(block(Duration(i) * 60'000'000'000));
        observations.push_back(seen(static_cast<std::uint64_t>(i + 1), i * 1min));
    }
    opened.write(blocks, observations);
    const auto first = opened.store->retire(at(1100min));
    REQUIRE(first);
    CHECK(first->rows == 1000);
    CHECK(first->more);
    // A failed attempt ends 15 s after it was due.
    CHECK(opened.retire_all(at(1100min)) == 1200);
    CHECK(opened.store->load()->records.size() == 100);
    CHECK(opened.retire_all(at(1100min)) == 0);
}

TEST_CASE("where too much is kept, the oldest observations go before their age, but none cited") {
    const TemporaryDirectory dir;
    JournalOptions options = options_in(dir);
    options.bytes_kept = 400 * 1024;
    Opened opened(options);
    opened.write({test::opened(1, 1s, {AttemptId{1}})});
    for (std::uint64_t chunk = 0; chunk < 10; ++chunk) {
        std::vector<Observation> observations;
        for (std::uint64_t i = 1; i <= 1000; ++i) {
            const std::uint64_t id = chunk * 1000 + i;
            observations.push_back(seen(id, id * 1s));
        }
        opened.write({}, observations);
    }
    CHECK(opened.store->file_bytes() > 2 * options.bytes_kept);
    CHECK(opened.retire_all(at(-24h)) > 5000);
    CHECK(opened.retire_all(at(-24h)) == 0);
    opened.store.reset();
    auto database = Database::open(dir.file(journal_file), Database::Mode::read_only);
    CHECK((*database)->value("SELECT count(*) FROM observation") > 1000);
    CHECK((*database)->value("SELECT count(*) FROM observation WHERE id=1") == 1);
    CHECK((*database)->value("SELECT count(*) FROM observation WHERE id=2") == 0);
    CHECK((*database)->value("SELECT max(id) FROM observation") == 10'000);
}

TEST_CASE("a closed incident goes as a whole, with its migration; an open one stays as a whole") {
    const TemporaryDirectory dir;
    Opened store(dir);
    store.write({opened(1, 1s, {AttemptId{11}}), proposed(1, 1, 2s), step_started(1, 3s),
                 ended(1, 4s, MigrationResult::rolled_back), closed(1, 5s)},
                {seen(11, 1s)});
    store.write({opened(2, 6s, {AttemptId{12}}), page(2, 7s)}, {seen(12, 6s)});
    store.write({opened(3, 8s), proposed(2, 3, 8s), ended(2, 9s, MigrationResult::verified),
                 closed(3, 10s)});
    store.write({opened(4, 11s), closed(4, 12s)});
    store.retire_all(at(24h));
    // 2 is open; 3 made the newest migration; 4 is the newest.
    CHECK(store.left() ==
          "incident_opened page_raised incident_opened migration_proposed migration_ended "
          "incident_moved incident_opened incident_moved");
    CHECK(std::get<IncidentOpened>(store.store->load()->records[0].body).incident == IncidentId{2});
    // Its evidence stays with it, that of the other went.
    store.store.reset();
    auto database = Database::open(dir.file(journal_file), Database::Mode::read_only);
    CHECK((*database)->value("SELECT count(*) FROM observation") == 1);
    CHECK((*database)->value("SELECT id FROM observation") == 12);
    CHECK((*database)->value("SELECT count(*) FROM evidence") == 1);
}

TEST_CASE("an incident that closed young stays, and so does all it began with") {
    const TemporaryDirectory dir;
    Opened store(dir);
    store.write({opened(1, 1s), closed(1, 48h), opened(2, 49h), closed(2, 50h)});
    store.retire_all(at(24h));
    CHECK(store.left() == "incident_opened incident_moved incident_opened incident_moved");
    store.retire_all(at(48h + 1s));
    CHECK(store.left() == "incident_opened incident_moved");
}

TEST_CASE("an unfinished migration keeps its incident, even a closed one") {
    const TemporaryDirectory dir;
    Opened store(dir);
    store.write({opened(1, 1s), proposed(1, 1, 2s), step_started(1, 3s), closed(1, 4s)});
    store.write({opened(2, 5s), proposed(2, 2, 5s), ended(2, 6s, MigrationResult::verified),
                 closed(2, 7s)});
    store.write({opened(3, 8s), closed(3, 9s)});
    store.retire_all(at(24h));
    CHECK(store.left().starts_with(
        "incident_opened migration_proposed step_started incident_moved "));
    store.write({ended(1, 10s, MigrationResult::failed)});
    store.retire_all(at(24h));
    CHECK(store.left() ==
          "incident_opened migration_proposed migration_ended incident_moved "
          "incident_opened incident_moved");
}

TEST_CASE("the newest verified migration stays: it says which broker is active") {
    const TemporaryDirectory dir;
    Opened store(dir);
    for (std::uint64_t n = 1; n <= 4; ++n) {
        const auto result = n == 2 ? MigrationResult::verified : MigrationResult::rolled_back;
        store.write({opened(n, n * 1s), proposed(n, n, n * 1s), ended(n, n * 1s, result),
                     closed(n, n * 1s)});
    }
    store.retire_all(at(24h));
    const auto records = store.store->load()->records;
    REQUIRE(records.size() == 8);
    CHECK(std::get<MigrationEnded>(records[2].body).epoch == Epoch{2});
    CHECK(std::get<MigrationEnded>(records[6].body).epoch == Epoch{4});
}

TEST_CASE("the newest pause or resume stays: forgetting a pause would be to act") {
    const TemporaryDirectory dir;
    Opened store(dir);
    store.write(
        {command(Command::resume, 1s), command(Command::pause, 2s), command(Command::ack, 3s)});
    CHECK(store.retire_all(at(24h)) == 2);
    REQUIRE(store.left() == "command_taken");
    CHECK(std::get<CommandTaken>(store.store->load()->records[0].body).given.command ==
          Command::pause);
}

TEST_CASE("a file shrinks after its rows have gone") {
    const TemporaryDirectory dir;
    Opened store(dir);
    for (int n = 0; n < 20; ++n)
        store.write(std::vector<Record>(500, block(1s)));
    const std::uint64_t full = store.store->file_bytes();
    CHECK(store.retire_all(at(24h)) == 10'000);
    for (int n = 0; n < 20; ++n)
        REQUIRE(store.store->retire(at(24h)));
    CHECK(store.store->file_bytes() < full / 4);
}

}  // namespace vc
