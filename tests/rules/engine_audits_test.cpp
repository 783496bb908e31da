#include <doctest/doctest.h>

#include <algorithm>

#include "tests/rules/world.h"

namespace vc::test {
namespace {

using namespace std::chrono_literals;

WorldOptions audited(std::uint64_t seed = 1) {
    WorldOptions options;
    options.seed = seed;
    options.loss = 0;
    options.audits = true;
    return options;
}

StandbyAudit unfit(std::string what = "queue a: missing on the standby") {
    return {.verdict = AuditVerdict::unfit, .unfit = {std::move(what)}};
}
StandbyAudit unreachable(std::string why = "timed out") {
    return {.verdict = AuditVerdict::unreachable, .detail = std::move(why)};
}

void break_primary(World& world, Duration at = 5min) {
    world.add(
        {Component::primary, FaultKind::stall, 1, World::start() + at, World::start() + at + 100h});
}

template <class Body>
std::vector<std::pair<Instant, Body>> all(const World& world) {
    std::vector<std::pair<Instant, Body>> found;
    for (const Record& record : world.records()) {
        if (const auto* body = std::get_if<Body>(&record.body)) {
            found.emplace_back(record.at, *body);
        }
    }
    return found;
}

bool held_for(const World& world, Refusal refusal) {
    const auto decisions = all<DecisionMade>(world);
    return std::any_of(decisions.begin(), decisions.end(), [&](const auto& made) {
        const auto& refusals = made.second.refusals;
        return made.second.decision == Decision::hold &&
               std::find(refusals.begin(), refusals.end(), refusal) != refusals.end();
    });
}

TEST_CASE("an audit is made at the start and on its schedule, and each is on record") {
    World world(audited());
    world.run_for(61min);
    const auto audits = all<StandbyAudited>(world);
    REQUIRE(audits.size() == 7);
    CHECK(audits[0].first == World::start() + 1s);
    CHECK(audits[0].second.audit.number == 1);
    CHECK(audits[0].second.incident == IncidentId{});
    CHECK(audits[6].second.audit.number == 7);
    CHECK(world.status().readiness->standing == AuditStanding::ready);
}

TEST_CASE("where no audit is configured none is made, and nothing waits for one") {
    WorldOptions options;
    options.loss = 0;
    World world(options);
    break_primary(world);
    world.run_for(10min);
    CHECK(world.audits_ordered() == 0);
    CHECK_FALSE(world.status().readiness);
    CHECK(all<MigrationProposed>(world).size() == 1);
}

TEST_CASE("a fit standby is moved to as soon as without audits, on an audit of these minutes") {
    WorldOptions plain = audited();
    plain.audits = false;
    World without(plain);
    World with(audited());
    for (World* world : {&without, &with}) {
        break_primary(*world);
        world->run_for(20min);
    }
    const auto moved = all<MigrationProposed>(with);
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].first == all<MigrationProposed>(without)[0].first);
    const auto audits = all<StandbyAudited>(with);
    CHECK(std::any_of(audits.begin(), audits.end(), [&](const auto& audit) {
        return audit.first < moved[0].first && moved[0].first - audit.first < 5min &&
               audit.second.incident == IncidentId{1};
    }));
}

TEST_CASE(
    "an unfit standby is told of before it is needed, holds the move, and is mended in time") {
    World world(audited());
    world.audits_answer(unfit());
    break_primary(world);
    world.run_for(2min);
    const auto early = all<PageRaised>(world);
    REQUIRE(early.size() == 1);
    CHECK(early[0].second.severity == Severity::low);
    CHECK(early[0].second.incident == IncidentId{});
    CHECK(early[0].second.text ==
          "the standby could not take over: queue a: missing on the standby");
    world.run_for(20min);
    CHECK(all<MigrationProposed>(world).empty());
    CHECK(held_for(world, Refusal::standby_unfit));
    const auto pages = all<PageRaised>(world);
    CHECK(pages.back().second.text.find("queue a: missing on the standby") != std::string::npos);
    world.audits_answer({.verdict = AuditVerdict::ready});
    world.run_for(6min);
    CHECK(all<MigrationProposed>(world).size() == 1);
}

TEST_CASE("a standby found unfit while hooks still plan is not switched to") {
    WorldOptions options = audited();
    options.hook_time = 20s;
    World world(options);
    break_primary(world);
    while (all<MigrationProposed>(world).empty())
        world.run_for(1s);
    world.audits_answer(unfit());
    world.run_for(12min);
    // Whichever came first: what was known before the point of no return was obeyed.
    const auto ended = all<MigrationEnded>(world);
    const auto audits = all<StandbyAudited>(world);
    const auto found = std::find_if(audits.begin(), audits.end(), [](const auto& audit) {
        return audit.second.audit.verdict == AuditVerdict::unfit;
    });
    for (const auto& [at, started] : all<StepStarted>(world)) {
        const bool commits = started.run.verb == HookVerb::apply &&
                             world.rules().steps[started.run.step].point_of_no_return;
        if (commits && found != audits.end()) CHECK(at < found->first);
    }
    REQUIRE(ended.size() == 1);
}

TEST_CASE("a sick management plane does not hold a move while a good answer still counts") {
    World world(audited());
    world.run_for(4min);
    world.audits_answer(unreachable());
    break_primary(world, 2h);
    world.run_for(2h + 10min);
    CHECK(all<MigrationProposed>(world).size() == 1);
    CHECK(world.status().pages == 1);
}

TEST_CASE("a standby that was never audited is not moved to, and a person is told why") {
    World world(audited());
    world.audits_answer(unreachable("10.0.0.1:443 answered 401"));
    break_primary(world, 30min);
    world.run_for(20min);
    const auto early = all<PageRaised>(world);
    REQUIRE(early.size() == 1);
    CHECK(early[0].second.text.find("10.0.0.1:443 answered 401") != std::string::npos);
    CHECK(all<StandbyAudited>(world).size() == 1);  // of twenty silent ones
    world.run_for(30min);
    CHECK(all<MigrationProposed>(world).empty());
    CHECK(held_for(world, Refusal::standby_unaudited));
}

TEST_CASE("an audit that is never answered delays a move by its wait and no longer") {
    World world(audited());
    world.run_for(1min);
    world.audits_answer({}, Duration::max());
    break_primary(world, 20min);
    world.run_for(40min);
    const auto moved = all<MigrationProposed>(world);
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].first < World::start() + 20min + 4min);
}

TEST_CASE("a move waits for a slow audit, and heeds what it finds") {
    World world(audited());
    world.run_for(5min);
    StandbyAudit answer = unfit();
    world.audits_answer(answer, 25s);
    break_primary(world, 9min);
    world.run_for(25min);
    CHECK(all<MigrationProposed>(world).empty());
    CHECK(held_for(world, Refusal::standby_unfit));
}

TEST_CASE("what was found survives a restart; what was ordered is ordered anew") {
    World world(audited());
    world.audits_answer(unfit());
    world.run_for(2min);
    world.audits_answer({}, Duration::max());
    world.crash_at_batch(0, true);
    break_primary(world);
    world.run_for(30min);
    REQUIRE(world.crashed());
    CHECK(world.status().readiness->standing == AuditStanding::unfit);
    CHECK(all<MigrationProposed>(world).empty());
    CHECK(all<PageRaised>(world)[0].second.severity == Severity::low);
    const auto lows = all<PageRaised>(world);
    CHECK(std::count_if(lows.begin(), lows.end(), [](const auto& page) {
              return page.second.severity == Severity::low;
          }) == 1);
    CHECK(world.audits_ordered() >= 3);
}

TEST_CASE("answers of another life or number are not taken") {
    Engine engine(rules_for(audited()));
    Batch first = engine.resume(World::start());
    CHECK(first.records().empty());
    CHECK_FALSE(first.empty());
    StandbyAudit answer = unfit();
    answer.number = 7;
    CHECK(engine.step({World::start() + 1s, AuditFinished{answer}}).empty());
    answer.number = 1;
    const Batch taken = engine.step({World::start() + 2s, AuditFinished{answer}});
    CHECK(taken.records().size() == 2);
}

TEST_CASE("a flood of differences is cut, and says by how much") {
    Engine engine(rules_for(audited()));
    engine.resume(World::start());
    StandbyAudit answer = unfit();
    answer.number = 1;
    answer.unfit.assign(100, std::string(1000, 'x'));
    answer.detail = std::string(1000, 'y');
    const Batch taken = engine.step({World::start() + 1s, AuditFinished{answer}});
    const auto& audit = std::get<StandbyAudited>(taken.records().front().body).audit;
    CHECK(audit.unfit.size() == 40);
    CHECK(audit.unfit.back() == "and 61 more");
    CHECK(audit.unfit.front().size() == 300);
    CHECK(audit.detail.size() == 300);
}

TEST_CASE("after a move the standby's own audits page nobody") {
    World world(audited());
    break_primary(world);
    world.run_for(30min);
    REQUIRE(all<MigrationEnded>(world).size() == 1);
    const std::size_t before = all<PageRaised>(world).size();
    world.audits_answer(unfit());
    world.run_for(30min);
    CHECK(all<PageRaised>(world).size() == before);
}

// Whatever the audits say and when, whatever fails and wherever we crash.
TEST_CASE("an unfit standby is never moved to, and every story replays to the same records") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        std::vector<std::string> traces;
        for (int run = 0; run < 2; ++run) {
            World world(audited(seed));
            std::mt19937_64 dice(seed);
            break_primary(world, 3min + std::chrono::seconds{dice() % 300});
            if (dice() % 2 == 0) world.crash_at_batch(dice() % 20, dice() % 2 == 0);
            for (int part = 0; part < 20; ++part) {
                switch (dice() % 4) {
                    case 0:
                        world.audits_answer(unfit(), std::chrono::seconds{dice() % 60});
                        break;
                    case 1:
                        world.audits_answer({.verdict = AuditVerdict::ready});
                        break;
                    case 2:
                        world.audits_answer(unreachable(), std::chrono::seconds{dice() % 40});
                        break;
                    default:
                        world.audits_answer({}, Duration::max());
                }
                world.run_for(std::chrono::seconds{dice() % 120});
            }
            std::optional<AuditVerdict> known;
            std::string trace;
            for (const Record& record : world.records()) {
                trace += trace_line(record) + "\n";
                if (const auto* audited = std::get_if<StandbyAudited>(&record.body)) {
                    if (audited->audit.verdict != AuditVerdict::unreachable) {
                        known = audited->audit.verdict;
                    }
                }
                const auto* step = std::get_if<StepStarted>(&record.body);
                const bool commits = step != nullptr && step->run.verb == HookVerb::apply &&
                                     world.rules().steps[step->run.step].point_of_no_return &&
                                     step->run.attempt == 1;
                if (commits || std::holds_alternative<MigrationProposed>(record.body)) {
                    CHECK(known == AuditVerdict::ready);
                }
            }
            traces.push_back(std::move(trace));
        }
        CHECK(traces[0] == traces[1]);
    }
}

}  // namespace
}  // namespace vc::test
