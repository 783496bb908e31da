#include "daemon/journal/reader.h"

#include <doctest/doctest.h>

#include "tests/daemon/journal/records.h"

namespace vc {

using namespace test;

namespace {

Record diagnosis(std::uint64_t incident, Duration when, const std::string& name, double posterior) {
    DiagnosisMade body;
    body.incident = IncidentId{incident};
    body.diagnosis = name;
    body.posterior = posterior;
    body.evidence = {AttemptId{12}};
    return {at(when), body};
}

Record decision(std::uint64_t incident, Duration when, Decision decision) {
    DecisionMade body;
    body.incident = IncidentId{incident};
    body.decision = decision;
    return {at(when), body};
}

}  // namespace

TEST_CASE("a reader sees what a running daemon has written, as it writes it") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    auto reader = JournalReader::open(dir.path());
    REQUIRE(reader);
    CHECK(reader->id().value() == run.journal->id());
    CHECK(reader->incidents().value().empty());
    run.write({opened(1, 1s), page(1, 2s)});
    CHECK(reader->incidents().value().size() == 1);
    run.write({opened(2, 3s)});
    CHECK(reader->incidents().value().size() == 2);
}

TEST_CASE("an incident is summed up by the last word on each thing") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    run.write({opened(41, 1s), closed(41, 2s), opened(42, 10s, {AttemptId{11}})});
    run.write({diagnosis(42, 11s, "bridge", 0.6), decision(42, 11s, Decision::page), page(42, 11s),
               moved(42, 12s, IncidentState::confirmed),
               diagnosis(42, 13s, "primary_broker", 0.998), decision(42, 13s, Decision::migrate),
               moved(42, 13s, IncidentState::migrating)});
    run.write({proposed(7, 42, 14s), step_started(7, 15s), ended(7, 20s, MigrationResult::verified),
               moved(42, 20s, IncidentState::quarantine)});
    auto reader = JournalReader::open(dir.path());
    const auto incidents = reader->incidents();
    REQUIRE(incidents);
    REQUIRE(incidents->size() == 2);
    const IncidentSummary& newest = incidents->front();
    CHECK(newest.incident == IncidentId{42});
    CHECK(newest.opened == at(10s));
    CHECK(!newest.closed);
    CHECK(newest.state == IncidentState::quarantine);
    CHECK(newest.diagnosis == "primary_broker");
    CHECK(newest.posterior == doctest::Approx(0.998));
    CHECK(newest.decision == Decision::migrate);
    CHECK(newest.pages == 1);
    CHECK(newest.migrations == 1);
    CHECK(newest.result == MigrationResult::verified);
    const IncidentSummary& older = incidents->back();
    CHECK(older.incident == IncidentId{41});
    CHECK(older.closed == at(2s));
    CHECK(older.state == IncidentState::closed);
    CHECK(!older.result);
    CHECK(reader->incidents(1)->size() == 1);
}

TEST_CASE("a chain has everything of one incident: its steps, its evidence, its blocks") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    run.journal->note(seen(11, 1s));
    run.journal->note(seen(12, 2s, Outcome::reset));
    run.journal->note(seen(13, 3s));
    run.write({opened(1, 1s), closed(1, 2s), block(50s), block(20min)});
    run.write({opened(42, 21min, {AttemptId{11}}), diagnosis(42, 22min, "primary_broker", 0.9),
               block(22min), proposed(7, 42, 23min), step_started(7, 24min),
               command(Command::pause, 25min), ended(7, 26min, MigrationResult::verified),
               closed(42, 27min), block(28min)});
    auto reader = JournalReader::open(dir.path());
    const auto found = reader->incident(IncidentId{42});
    REQUIRE(found);
    REQUIRE(found->has_value());
    const IncidentChain& chain = **found;
    std::vector<Record> records;
    for (const StoredRecord& stored : chain.records) {
        records.push_back(stored.record);
        CHECK(stored.wall.unix_ns > 0);
    }
    CHECK(kinds(records) ==
          "incident_opened diagnosis_made migration_proposed step_started migration_ended "
          "incident_moved");
    REQUIRE(chain.blocks.size() == 2);
    CHECK(chain.blocks[0].record.at == at(20min));
    CHECK(chain.blocks[1].record.at == at(22min));
    REQUIRE(chain.evidence.size() == 2);
    CHECK(chain.evidence[0].id == AttemptId{11});
    CHECK(chain.evidence[1].id == AttemptId{12});
    CHECK(chain.evidence[1].outcome == Outcome::reset);
    CHECK(chain.summary.closed == at(27min));

    CHECK(!reader->incident(IncidentId{99}).value().has_value());
}

TEST_CASE("the tail is the newest records, oldest first") {
    const TemporaryDirectory dir;
    Running run(options_in(dir));
    run.write({block(1s), opened(1, 2s), page(1, 3s)});
    auto reader = JournalReader::open(dir.path());
    const auto tail = reader->tail(2);
    REQUIRE(tail);
    REQUIRE(tail->size() == 2);
    CHECK(kind_of((*tail)[0].record) == "incident_opened");
    CHECK((*tail)[0].seq == 2);
    CHECK(kind_of((*tail)[1].record) == "page_raised");
}

TEST_CASE("a stopped daemon's journal can still be read; a missing one says so") {
    const TemporaryDirectory dir;
    CHECK(JournalReader::open(dir.path()).error().message ==
          "no journal in " + dir.path() + ": " + dir.file("journal.db") + " does not exist");
    {
        Running run(options_in(dir));
        run.write({opened(1, 2s)});
    }
    auto reader = JournalReader::open(dir.path());
    REQUIRE(reader);
    CHECK(reader->incidents().value().size() == 1);
}

}  // namespace vc
