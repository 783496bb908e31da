#include "rules/migration/machine.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

const Instant zero{1'000min};

MigrationPlan three_steps() {
    return {{7},
            {1},
            "primary",
            "standby",
            "because",
            {{"attach-consumers", "consumers", false, 30s, 2},
             {"switch-producers", "producers", true, 30s, 2},
             {"release-primary", "release", false, 30s, 2}}};
}

// Plays hooks by hand: what the machine orders, one line each.
struct Play {
    MigrationMachine machine{PolicyRules{}};
    Instant now = zero;
    MoveConditions conditions;
    std::vector<Record> records;
    std::string log;

    explicit Play(MigrationPlan plan = three_steps()) {
        record(MigrationProposed{std::move(plan)});
    }

    void record(RecordBody body) {
        records.push_back({now, std::move(body)});
        machine.fold(records.back());
    }
    // Lets the machine go on until it waits; returns the run it waits for.
    std::optional<HookRun> go() {
        std::optional<HookRun> run;
        while (auto body = machine.next(now, conditions)) {
            if (const auto* started = std::get_if<StepStarted>(&*body)) {
                run = started->run;
                log += std::string(to_text(run->verb)) + " " + started->key + "\n";
            }
            if (const auto* ended = std::get_if<MigrationEnded>(&*body)) {
                log += std::string(to_text(ended->result)) + ": " + ended->detail + "\n";
            }
            record(std::move(*body));
        }
        return run;
    }
    void answer(HookOutcome outcome) {
        const auto run = go();
        REQUIRE(run);
        record(StepFinished{*run, outcome, "so"});
    }
    void answer(std::initializer_list<HookOutcome> outcomes) {
        for (const HookOutcome outcome : outcomes)
            answer(outcome);
    }
    void restart() {
        MigrationMachine again{PolicyRules{}};
        for (const Record& r : records)
            again.fold(r);
        machine = again;
        machine.resume();
    }
};

constexpr auto done = HookOutcome::done;

TEST_CASE("every step is planned before the first is applied, then they run in order") {
    Play play;
    play.answer({done, done, HookOutcome::already_done, done, HookOutcome::already_done, done});
    play.go();
    CHECK(play.log ==
          "plan 7.1.consumers\nplan 7.2.producers\nplan 7.3.release\n"
          "apply 7.1.consumers\napply 7.2.producers\napply 7.3.release\n");
    CHECK(play.machine.verifying());
    CHECK(play.machine.describe() == "verifying");
    CHECK(play.machine.switched());
    CHECK(play.machine.current_step() == 3);
    play.conditions.proven = true;
    play.go();
    CHECK(play.machine.describe() == "verified");
    CHECK(!play.machine.in_flight());
}

TEST_CASE("a hook that can verify is believed only when it is in effect") {
    MigrationPlan plan = three_steps();
    plan.steps[0].verify = true;
    Play play(plan);
    play.answer({done, done, done});
    play.answer({done, HookOutcome::failed});  // applied, says its exit code; verify knows better
    CHECK(!play.go());
    CHECK(play.machine.describe() == "waiting to try again");
    CHECK(!play.machine.committed());
    play.now += 5s;
    play.answer({HookOutcome::already_done, done});
    play.go();
    CHECK(play.log.substr(play.log.find("apply")) ==
          "apply 7.1.consumers\nverify 7.1.consumers\n"
          "apply 7.1.consumers\nverify 7.1.consumers\napply 7.2.producers\n");
}

TEST_CASE("a hook that is never in effect is given up after its attempts, and undone") {
    MigrationPlan plan = three_steps();
    plan.steps[0].verify = true;
    Play play(plan);
    play.answer({done, done, done});
    play.answer({done, HookOutcome::failed});
    play.now += 5s;
    play.answer({done, HookOutcome::failed});
    play.answer(done);
    play.go();
    CHECK(
        play.log.substr(play.log.find("undo")) ==
        "undo 7.1.consumers.undo\nrolled_back: verify of attach-consumers did not succeed: not in "
        "effect after 2 attempts: so\n");
}

TEST_CASE("a restart between apply and its verify asks verify again and applies nothing twice") {
    MigrationPlan plan = three_steps();
    plan.steps[0].verify = true;
    Play play(plan);
    play.answer({done, done, done, done});
    REQUIRE(play.go());  // verify is under way
    play.restart();
    play.answer(done);
    play.go();
    CHECK(play.log.substr(play.log.find("apply")) ==
          "apply 7.1.consumers\nverify 7.1.consumers\nverify 7.1.consumers\napply 7.2.producers\n");
}

TEST_CASE("a refusal in planning ends it before anything is touched") {
    Play play;
    play.answer({done, HookOutcome::refused});
    CHECK(!play.go());
    CHECK(play.log ==
          "plan 7.1.consumers\nplan 7.2.producers\n"
          "rolled_back: plan of switch-producers did not succeed: so\n");
}

TEST_CASE("planning is tried again up to the attempts, with a pause") {
    Play play;
    play.answer(HookOutcome::transient);
    CHECK(!play.go());
    CHECK(play.machine.describe() == "waiting to try again");
    play.now += 5s;
    play.answer(HookOutcome::timed_out);
    play.go();
    CHECK(play.machine.describe() == "rolled_back");
}

TEST_CASE("before the point of no return a failure undoes what was touched, last first") {
    Play play;
    play.answer({done, done, done, HookOutcome::failed});
    play.answer(done);
    play.go();
    CHECK(play.log.substr(play.log.find("apply")) ==
          "apply 7.1.consumers\nundo 7.1.consumers.undo\n"
          "rolled_back: apply of attach-consumers did not succeed: so\n");
    CHECK(!play.machine.switched());
}

TEST_CASE("a step that was refused changed nothing and is not undone") {
    Play play;
    play.answer({done, done, done, HookOutcome::refused});
    play.go();
    CHECK(play.log.find("undo") == std::string::npos);
    CHECK(play.machine.describe() == "rolled_back");
}

TEST_CASE("an obstacle before the point of no return turns the move around, after it does not") {
    Play before;
    before.answer({done, done, done, done});
    before.conditions.obstacle = "the standby is sick";
    before.answer(done);
    before.go();
    CHECK(before.log.substr(before.log.find("apply")) ==
          "apply 7.1.consumers\nundo 7.1.consumers.undo\nrolled_back: the standby is sick\n");
    Play after;
    after.answer({done, done, done, done, done});
    after.conditions.obstacle = "the standby is sick";
    after.answer(done);
    after.go();
    CHECK(after.machine.verifying());
}

TEST_CASE("after the point of no return there is no way back: failed") {
    Play play;
    play.answer({done, done, done, done, HookOutcome::failed});
    play.go();
    CHECK(play.machine.describe() == "failed");
    CHECK(play.log.find("undo") == std::string::npos);
}

TEST_CASE("a point of no return that was refused at once was never passed, and all is undone") {
    Play play;
    play.answer({done, done, done, done, HookOutcome::refused});
    CHECK(!play.machine.committed());
    play.answer(done);
    play.go();
    CHECK(play.log.substr(play.log.find("apply 7.2")) ==
          "apply 7.2.producers\nundo 7.1.consumers.undo\n"
          "rolled_back: apply of switch-producers did not succeed: so\n");
    CHECK(!play.machine.switched());
}

TEST_CASE("a point of no return that may have been passed is not taken back by a later refusal") {
    Play play;
    play.answer({done, done, done, done, HookOutcome::timed_out, HookOutcome::failed});
    play.go();
    play.now += 5s;
    play.answer(HookOutcome::refused);
    play.go();
    CHECK(play.machine.describe() == "failed");
    CHECK(play.log.find("undo") == std::string::npos);
}

TEST_CASE("a doubtful apply is verified, and repeated with the same key only when not in effect") {
    Play play;
    play.answer({done, done, done, HookOutcome::timed_out, HookOutcome::failed});
    CHECK(!play.go());
    play.now += 5s;
    play.answer(HookOutcome::transient);
    play.answer(done);
    play.go();
    CHECK(play.log.substr(play.log.find("apply")) ==
          "apply 7.1.consumers\nverify 7.1.consumers\napply 7.1.consumers\n"
          "verify 7.1.consumers\napply 7.2.producers\n");
}

TEST_CASE("apply is given up after its attempts, when verify says that it is not in effect") {
    Play play;
    play.answer({done, done, done, HookOutcome::transient, HookOutcome::failed});
    play.now += 5s;
    play.answer({HookOutcome::transient, HookOutcome::failed, done});
    play.go();
    CHECK(play.log.find("rolled_back: verify of attach-consumers did not succeed: not in effect "
                        "after 2 attempts: so\n") != std::string::npos);
}

TEST_CASE("an undo that fails, or is tried too often, needs a person") {
    Play failed;
    failed.answer({done, done, done, HookOutcome::failed, HookOutcome::failed});
    failed.go();
    CHECK(failed.log.find("failed: undo of attach-consumers did not succeed: so\n") !=
          std::string::npos);
    Play tired;
    tired.answer({done, done, done, HookOutcome::failed, HookOutcome::transient});
    tired.now += 5s;
    tired.answer(HookOutcome::timed_out);
    tired.go();
    CHECK(tired.machine.describe() == "failed");
}

TEST_CASE("a move that is not proven by its deadline has failed") {
    Play play;
    play.answer({done, done, done, done, done, done});
    play.go();
    play.now += 10min - 1s;
    play.go();
    CHECK(play.machine.verifying());
    play.now += 1s;
    play.go();
    CHECK(play.log.find("failed: heartbeats and transactions did not recover within 10m of the "
                        "move\n") != std::string::npos);
}

TEST_CASE("time in which nobody looked for the proof does not count against the move") {
    Play play;
    play.answer({done, done, done, done, done, done});
    play.go();
    play.now += 3h;
    play.conditions.watched_since = play.now - 1min;
    play.go();
    CHECK(play.machine.verifying());
    play.now += 9min;
    play.go();
    CHECK(play.machine.describe() == "failed");
}

TEST_CASE("a run that was lost in a restart is verified before anything else") {
    Play play;
    play.answer({done, done, done});
    play.go();
    CHECK(play.machine.describe() == "applying attach-consumers (attempt 1)");
    play.restart();
    play.log.clear();
    play.answer(done);
    play.go();
    CHECK(play.log == "verify 7.1.consumers\napply 7.2.producers\n");
    const auto* closed = std::get_if<StepFinished>(&play.records[play.records.size() - 2].body);
    REQUIRE(closed);
    CHECK(closed->outcome == HookOutcome::already_done);
    CHECK(closed->run.verb == HookVerb::apply);
}

TEST_CASE("a lost verify is asked again, and a lost apply behind it is not forgotten") {
    Play play;
    play.answer({done, done, done});
    play.go();
    play.restart();
    play.go();
    play.restart();
    play.log.clear();
    play.answer(HookOutcome::failed);
    CHECK(!play.go());
    play.now += 5s;
    play.go();
    CHECK(play.log == "verify 7.1.consumers\napply 7.1.consumers\n");
}

TEST_CASE("a lost undo is verified: undone is undone, in effect is undone again") {
    Play undone;
    undone.answer({done, done, done, HookOutcome::failed});
    undone.go();
    undone.restart();
    undone.log.clear();
    undone.answer(HookOutcome::failed);
    undone.go();
    CHECK(undone.log ==
          "verify 7.1.consumers\nrolled_back: apply of attach-consumers did not "
          "succeed: so\n");
    Play still;
    still.answer({done, done, done, HookOutcome::failed});
    still.go();
    still.restart();
    still.log.clear();
    still.answer({done, done});
    still.go();
    CHECK(still.log ==
          "verify 7.1.consumers\nundo 7.1.consumers.undo\nrolled_back: apply of "
          "attach-consumers did not succeed: so\n");
}

TEST_CASE("an answer to a run that nobody waits for changes nothing") {
    Play play;
    play.go();
    CHECK(!play.machine.awaits({{7}, 2, HookVerb::apply, 1}));
    CHECK(!play.machine.awaits({{6}, 0, HookVerb::plan, 1}));
    CHECK(play.machine.awaits({{7}, 0, HookVerb::plan, 1}));
    play.machine.fold({zero, StepFinished{{{6}, 0, HookVerb::plan, 1}, done, ""}});
    CHECK(play.machine.awaits({{7}, 0, HookVerb::plan, 1}));
}

}  // namespace
}  // namespace vc
