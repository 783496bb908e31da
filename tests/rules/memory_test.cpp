#include "rules/memory.h"

#include <doctest/doctest.h>

#include "tests/rules/world.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

const Instant zero = test::World::start();

struct Fixture {
    Rules rules = test::rules_for({});
    Ledger ledger{rules.detectors, rules.cadences};
    Memory memory{rules};

    void fold(RecordBody body, Duration at = 0s) {
        memory.fold({zero + at, std::move(body)}, ledger);
    }
    void block(Duration from, bool bad, std::int64_t score, bool blind = false) {
        fold(BlockClosed{zero + from, bad, blind, blind, score, {}, {}, {}}, from + 95s);
    }
    MigrationPlan plan(std::uint64_t epoch) const {
        return {{epoch}, {1}, "primary", "standby", "", rules.steps};
    }
};

TEST_CASE("a run of bad blocks ends with a good one, on record or not") {
    Fixture f;
    f.block(0min, true, 95);
    f.block(1min, true, 95);
    CHECK(f.memory.run_before(zero + 2min) == 2);
    // The block at 2 min is not on record: it was plainly good.
    CHECK(f.memory.run_before(zero + 3min) == 0);
    f.block(2min, false, 94);
    CHECK(f.memory.run_before(zero + 3min) == 0);
}

TEST_CASE("a blind block neither ends nor lengthens a run, and is counted until we see again") {
    Fixture f;
    f.block(0min, true, 95);
    f.block(1min, false, 95, true);
    f.block(2min, false, 95, true);
    CHECK(f.memory.run_before(zero + 3min) == 1);
    CHECK(f.memory.blind_run == 2);
    f.block(3min, false, 94);
    CHECK(f.memory.blind_run == 0);
}

TEST_CASE("only the blocks of the diagnosis window are kept") {
    Fixture f;
    for (int i = 0; i < 100; ++i)
        f.block(i * 1min, true, 100);
    CHECK(f.memory.blocks.size() == 11);
}

TEST_CASE("a proven move clears the score; an unproven one keeps it and waits before it judges") {
    Fixture proven;
    proven.block(0min, true, 500);
    proven.fold(MigrationProposed{proven.plan(4)}, 2min);
    proven.fold(VerifyStarted{{4}}, 3min);
    CHECK(proven.memory.active() == ActiveBroker::standby);
    proven.fold(MigrationEnded{{4}, MigrationResult::verified, ""}, 5min);
    CHECK(proven.memory.score == 0);
    CHECK(proven.memory.blocks.empty());
    CHECK(proven.memory.judge_from == zero + 5min);
    CHECK(proven.memory.last_epoch == 4);
    Fixture back;
    back.block(0min, true, 500);
    back.fold(MigrationProposed{back.plan(4)}, 2min);
    back.fold(MigrationEnded{{4}, MigrationResult::rolled_back, ""}, 5min);
    CHECK(back.memory.score == 500);
    CHECK(back.memory.judge_from == zero + 7min);
    CHECK(back.memory.active() == ActiveBroker::primary);
}

TEST_CASE("a later, rolled-back move does not bring us back from the standby") {
    Fixture f;
    f.fold(MigrationProposed{f.plan(1)});
    f.fold(VerifyStarted{{1}});
    f.fold(MigrationEnded{{1}, MigrationResult::verified, ""});
    f.fold(MigrationProposed{f.plan(2)});
    f.fold(MigrationEnded{{2}, MigrationResult::rolled_back, ""});
    CHECK(f.memory.active() == ActiveBroker::standby);
    CHECK(f.memory.migrations == 2);
}

TEST_CASE("records of another incident do not touch the open one") {
    Fixture f;
    f.fold(IncidentOpened{{5}, "x", {}});
    f.fold(IncidentMoved{{4}, IncidentState::closed, ""});
    f.fold(DecisionMade{{4}, Decision::hold, "", 0, {}, ""});
    REQUIRE(f.memory.incident);
    CHECK(f.memory.incident->decision.decision == Decision::none);
    CHECK(f.memory.last_incident == 5);
    f.fold(IncidentMoved{{5}, IncidentState::closed, ""});
    CHECK(!f.memory.incident);
}

TEST_CASE("a pause lasts until it is ended") {
    Fixture f;
    f.fold(CommandTaken{{Command::pause, "a", "b"}});
    f.fold(CommandTaken{{Command::ack, "a", "b"}});
    CHECK(f.memory.paused);
    f.fold(CommandTaken{{Command::resume, "a", "b"}});
    CHECK(!f.memory.paused);
}

TEST_CASE("an incident begins with the newest block, not with one from long before") {
    Fixture old;
    old.block(0min, true, 95);
    old.fold(IncidentOpened{{1}, "x", {}}, 2h);
    CHECK(old.memory.incident->last_sign == zero + 2h);
    CHECK(old.memory.incident->episodes == 0);
    Fixture fresh;
    fresh.block(0min, true, 95);
    fresh.fold(IncidentOpened{{1}, "x", {}}, 95s);
    CHECK(fresh.memory.incident->last_sign == zero + 1min);
    CHECK(fresh.memory.incident->episodes == 1);
}

}  // namespace
}  // namespace vc
