// What holds of the engine whatever happens: determinism, restarts, the conditions of a move.
#include "rules/engine.h"

#include <doctest/doctest.h>

#include <set>

#include <algorithm>
#include <random>

#include "tests/rules/world.h"

namespace vc::test {
namespace {

using namespace std::chrono_literals;

// What a status owes to the records alone; the evidence of the last minutes dies with a process.
std::string remembered(const EngineStatus& s) {
    std::string text = std::to_string(s.score) + " " + s.active_broker +
                       (s.paused ? " paused" : "") + (s.blind ? " blind" : "") + " pages " +
                       std::to_string(s.pages) + " migrations " + std::to_string(s.migrations);
    if (s.incident) {
        text += " incident " + std::to_string(s.incident->incident.value) + " " +
                std::string(to_text(s.incident->state)) + " " + to_text(s.incident->opened) + " " +
                s.incident->diagnosis + " " + std::to_string(s.incident->posterior) + " " +
                s.incident->runner_up + " " + std::string(to_text(s.incident->decision)) + " " +
                s.incident->why;
        for (const Refusal refusal : s.incident->refusals)
            text += " " + std::string(to_text(refusal));
    }
    if (s.migration) text += " | " + s.migration->state + " " + std::to_string(s.migration->step);
    return text;
}

Fault fault(Component component, FaultKind kind, double share, Duration from, Duration length) {
    return {component, kind, share, World::start() + from, World::start() + from + length};
}

World eventful(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.loss = 0.001;
    World world(options);
    world.keep_history = true;
    world.add(fault(Component::watcher, FaultKind::loss, 1, 4min, 90s));
    world.add(fault(Component::primary, FaultKind::stall, 1, 10min, 30s));
    world.add(fault(Component::primary, FaultKind::loss, 0.9, 20min, 3h));
    world.run_for(9min);
    world.command(Command::pause);
    world.run_for(15min);
    world.command(Command::resume);
    world.run_for(20min);
    return world;
}

TEST_CASE("the same events give the same records, bit for bit") {
    const World a = eventful(5);
    const World b = eventful(5);
    REQUIRE(a.records().size() == b.records().size());
    for (std::size_t i = 0; i < a.records().size(); ++i) {
        CHECK(a.records()[i].at == b.records()[i].at);
        CHECK(to_json(a.records()[i]) == to_json(b.records()[i]));
    }
}

TEST_CASE("a state restored from the journal after any batch is the state that wrote it") {
    const World world = eventful(6);
    CHECK(world.history.size() > 30);
    CHECK(world.status().migrations == 1);
    for (const auto& [count, status] : world.history) {
        CAPTURE(count);
        Engine restored{world.rules()};
        restored.restore(std::span(world.records()).first(count));
        CHECK(remembered(restored.status()) == remembered(status));
    }
}

TEST_CASE("a state survives its records' way through JSON") {
    const World world = eventful(7);
    std::vector<Record> read;
    for (const Record& record : world.records()) {
        const auto back = record_from_json(record.at, kind_of(record), to_json(record));
        REQUIRE(back);
        read.push_back(*back);
    }
    Engine restored{world.rules()};
    restored.restore(read);
    CHECK(remembered(restored.status()) == remembered(world.status()));
}

TEST_CASE("a death after any batch is survived: each hook takes effect once, one move is made") {
    for (const bool before_actions : {true, false}) {
        bool crashed = true;  // until a run has no batch left to die after
        std::size_t batch = 0;
        for (; crashed && batch < 100; ++batch) {
            CAPTURE(batch);
            CAPTURE(before_actions);
            World world({});
            world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
            world.crash_at_batch(batch, before_actions);
            world.run_for(25min);
            crashed = world.crashed();
            CHECK(world.status().migrations == 1);
            REQUIRE(world.status().migration);
            CHECK(world.status().migration->state == "verified");
            CHECK(world.effects() == std::map<std::string, int>{{"1.1.consumers", 1},
                                                                {"1.2.producers", 1},
                                                                {"1.3.release", 1}});
        }
        CHECK(batch > 8);  // a move has no fewer
        CHECK_FALSE(crashed);
    }
}

TEST_CASE("a login that the primary refuses harms users, pages, and never moves anything") {
    World world({});
    world.add(fault(Component::primary, FaultKind::locked, 1, 5min, 3h));
    world.run_for(2h);
    CHECK(world.effects().empty());
    std::set<Refusal> refusals;
    bool paged = false;
    for (const Record& record : world.records()) {
        const auto* made = std::get_if<DecisionMade>(&record.body);
        if (made != nullptr) refusals.insert(made->refusals.begin(), made->refusals.end());
        if (made != nullptr) CHECK(made->decision != Decision::migrate);
        paged = paged || std::holds_alternative<PageRaised>(record.body);
    }
    CHECK(refusals.contains(Refusal::primary_unseen));
    CHECK(paged);
}

TEST_CASE("a hook that timed out after taking effect is not run again") {
    World world({});
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.answer(1, HookVerb::apply, HookOutcome::timed_out, true);
    world.run_for(20min);
    CHECK(world.status().migration->state == "verified");
    CHECK(world.effects().at("1.2.producers") == 1);
}

TEST_CASE("a move that is refused in planning touches nothing, pages and is not tried again") {
    World world({});
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.answer(2, HookVerb::plan, HookOutcome::refused, false);
    world.run_for(40min);
    CHECK(world.effects().empty());
    REQUIRE(world.status().migration);
    CHECK(world.status().migration->state == "rolled_back");
    CHECK(world.status().incident->decision == Decision::hold);
    CHECK(world.status().incident->state == IncidentState::confirmed);
    CHECK(world.status().migrations == 1);
    CHECK(world.status().active_broker == "primary");
    CHECK(world.pages_sent() == 2);
}

TEST_CASE("a move that fails after the point of no return is held, never silently") {
    World world({});
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.answer(2, HookVerb::apply, HookOutcome::failed, false);
    world.run_for(15min);
    CHECK(world.status().migration->state == "failed");
    CHECK(world.status().incident->decision == Decision::hold);
    CHECK(world.status().active_broker == "standby");
    CHECK(world.pages_sent() == 2);
}

TEST_CASE("a standby that fails between proposal and the point of no return stops the move") {
    WorldOptions options;
    options.hook_time = 20s;
    World world(options);
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.add(fault(Component::standby, FaultKind::refuse, 1, 8min, 10h));
    world.run_for(20min);
    REQUIRE(world.status().migration);
    CHECK(world.status().migration->state == "rolled_back");
    CHECK(world.effects().count("1.2.producers") == 0);
}

TEST_CASE("a move whose hooks are so slow that the outage is over meanwhile is given up") {
    WorldOptions options;
    options.loss = 0;
    options.hook_time = 29s;
    for (const bool over : {true, false}) {
        World world(options);
        world.add(fault(Component::primary, FaultKind::stall, 1, 5min, over ? 4min : 10h));
        for (std::uint32_t step = 0; step < 3; ++step) {
            world.answer(step, HookVerb::plan, HookOutcome::timed_out, false);
            world.answer(step, HookVerb::plan, HookOutcome::timed_out, false);
        }
        world.run_for(25min);
        REQUIRE(world.status().migration);
        CHECK(world.status().migration->state == (over ? "rolled_back" : "verified"));
        CHECK(world.effects().empty() == over);
    }
}

TEST_CASE("a move that does not help its users fails at its deadline") {
    WorldOptions options;
    World world(options);
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.add(fault(Component::standby, FaultKind::loss, 1, 7min + 45s, 10h));
    world.run_for(25min);
    REQUIRE(world.status().migration);
    CHECK(world.status().migration->state == "failed");
    CHECK(world.status().migrations == 1);
}

// ---- random events, not only plausible ones

Observation random_observation(std::mt19937_64& random, Instant now, std::uint64_t id,
                               const std::array<unsigned, all_channels.size()>& failing) {
    Observation seen;
    seen.id = {id};
    seen.channel = all_channels[random() % all_channels.size()];
    const bool bad = random() % 100 < failing[static_cast<std::size_t>(seen.channel)];
    seen.outcome = bad ? all_outcomes[random() % all_outcomes.size()] : Outcome::ok;
    seen.due = now - Duration{static_cast<std::int64_t>(random() % 40'000'000'000)};
    seen.started = seen.due;
    seen.finished = now;
    seen.tainted = random() % 50 == 0;
    return seen;
}

struct Promised {
    bool paused = false;
    bool in_flight = false;
    std::optional<IncidentId> moved;
    Epoch epoch;
};

// Every move has a decision without refusals right before it, and nothing forbids it.
void check_batch(const Batch& batch, const EngineStatus& before, const Rules& rules,
                 Promised& promised) {
    for (std::size_t i = 0; i < batch.records().size(); ++i) {
        const Record& record = batch.records()[i];
        if (const auto* taken = std::get_if<CommandTaken>(&record.body)) {
            if (taken->given.command == Command::pause) promised.paused = true;
            if (taken->given.command == Command::resume) promised.paused = false;
        }
        if (const auto* decided = std::get_if<DecisionMade>(&record.body)) {
            CHECK((decided->decision == Decision::migrate) == decided->refusals.empty());
        }
        if (const auto* ended = std::get_if<MigrationEnded>(&record.body)) {
            CHECK(promised.in_flight);
            CHECK(ended->epoch == promised.epoch);
            promised.in_flight = false;
        }
        const auto* proposed = std::get_if<MigrationProposed>(&record.body);
        if (proposed == nullptr) continue;
        CHECK(!promised.paused);
        CHECK(!promised.in_flight);
        CHECK(rules.mode == Mode::automatic);
        CHECK(rules.single_watcher_accepted);
        CHECK(promised.moved != proposed->plan.incident);
        CHECK(proposed->plan.epoch > promised.epoch);
        CHECK(before.active_broker == "primary");
        promised.in_flight = true;
        promised.moved = proposed->plan.incident;
        promised.epoch = proposed->plan.epoch;
        const bool decided =
            std::any_of(batch.records().begin(), batch.records().end(), [](const Record& other) {
                const auto* d = std::get_if<DecisionMade>(&other.body);
                return d != nullptr && d->decision == Decision::migrate &&
                       d->diagnosis == "primary_broker" && d->posterior > 0.99;
            });
        CHECK(decided);
    }
}

TEST_CASE("whatever is seen, no move is made without every condition, nor twice for one incident") {
    std::uint64_t moves = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        WorldOptions options;
        options.mode = seed % 5 == 0 ? Mode::observe : Mode::automatic;
        options.single_watcher_accepted = seed % 7 != 0;
        const Rules rules = rules_for(options);
        Engine engine{rules};
        Instant now = World::start();
        Promised promised;
        (void)engine.resume(now);
        std::array<unsigned, all_channels.size()> failing{};
        std::vector<HookRun> asked;
        for (std::uint64_t i = 1; i <= 60'000; ++i) {
            now += Duration{static_cast<std::int64_t>(random() % 80'000'000)};
            // Each fault lasts for minutes; most of them are one of the known shapes.
            if (i % 4'000 == 1) {
                const unsigned rate = static_cast<unsigned>(random() % 101);
                for (const Channel channel : all_channels) {
                    const bool primary = channel == Channel::HB || channel == Channel::TX ||
                                         channel == Channel::DL || channel == Channel::DF;
                    const bool hit = seed % 2 == 0 ? primary : random() % 2 == 0;
                    failing[static_cast<std::size_t>(channel)] = hit ? rate : 0;
                }
            }
            EventBody body = ObservationSeen{random_observation(random, now, i, failing)};
            if (random() % 500 == 0) {
                body = CommandGiven{static_cast<Command>(random() % 3), "fuzz", "x"};
            } else if (random() % 3 == 0 && !asked.empty()) {
                body = HookFinished{asked.back(), static_cast<HookOutcome>(random() % 6), "x"};
                asked.pop_back();
            }
            const EngineStatus before = engine.status();
            const Batch batch = engine.step({now, std::move(body)});
            check_batch(batch, before, rules, promised);
            for (const Record& record : batch.records()) {
                if (const auto* started = std::get_if<StepStarted>(&record.body)) {
                    asked.push_back(started->run);
                }
            }
        }
        moves += engine.status().migrations;
    }
    // The test would be worth nothing if no world ever moved.
    CHECK(moves > 0);
}

TEST_CASE("a long silence of our own is not taken for silence of the platform") {
    World world({});
    world.run_for(5min);
    Engine engine{world.rules()};
    (void)engine.resume(World::start());
    const Batch batch = engine.step({World::start() + 9h, Tick{}});
    CHECK(batch.records().empty());
    CHECK(!engine.status().blind);
}

TEST_CASE("an engine that sees nothing says that it is blind") {
    World world({});
    Engine engine{world.rules()};
    (void)engine.resume(World::start());
    for (int second = 1; second < 300; ++second)
        (void)engine.step({World::start() + std::chrono::seconds{second}, Tick{}});
    CHECK(engine.status().blind);
    CHECK(!engine.status().incident);
}

}  // namespace
}  // namespace vc::test
