// How the engine reads settled minutes: what opens an incident, what renames it, what is recorded.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/rules/world.h"

namespace vc::test {
namespace {

using namespace std::chrono_literals;

Fault fault(Component component, FaultKind kind, double share, Duration from, Duration length) {
    return {component, kind, share, World::start() + from, World::start() + from + length};
}

template <class Body>
std::vector<std::pair<Instant, Body>> all(const World& world) {
    std::vector<std::pair<Instant, Body>> out;
    for (const Record& record : world.records()) {
        if (const auto* body = std::get_if<Body>(&record.body)) out.emplace_back(record.at, *body);
    }
    return out;
}

TEST_CASE("a calm platform writes nothing at all") {
    WorldOptions options;
    options.loss = 0;
    World world(options);
    world.run_for(6h);
    CHECK(world.records().empty());
}

TEST_CASE("an incident cites the attempts that opened it") {
    World world({});
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 30s));
    world.run_for(7min);
    const auto opened = all<IncidentOpened>(world);
    REQUIRE(opened.size() == 1);
    CHECK(!opened[0].second.evidence.empty());
    CHECK(opened[0].second.evidence.size() <= 9 * world.rules().detectors.evidence_kept);
}

TEST_CASE("what the vendor claims is recorded beside the diagnosis and vetoes nothing") {
    for (const VendorClaim claim : {VendorClaim::green, VendorClaim::red, VendorClaim::missing}) {
        World world({});
        world.vendor(claim);
        world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
        world.run_for(15min);
        CHECK(world.status().migrations == 1);
        const auto made = all<DiagnosisMade>(world);
        REQUIRE(!made.empty());
        CHECK(made[0].second.vendor == claim);
    }
}

TEST_CASE("the claim is cited with its source and its age, in the record and in the page") {
    World world({});
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.run_for(6min);
    world.gauge({GaugeRole::vendor_claim, "azure", VendorClaim::green, {}, 90s, 30min, ""});
    world.run_for(9min);
    const auto made = all<DiagnosisMade>(world);
    REQUIRE(!made.empty());
    const auto& [at, diagnosis] = made.back();
    CHECK(diagnosis.vendor == VendorClaim::green);
    CHECK(diagnosis.vendor_source == "azure");
    CHECK(diagnosis.vendor_age == at - (World::start() + 6min) + 90s);
    bool cited = false;
    for (const auto& [when, page] : all<PageRaised>(world))
        cited |= page.text.find("The vendor says green (azure, ") != std::string::npos;
    CHECK(cited);
}

TEST_CASE("a claim past its limit is cited as missing") {
    World world({});
    world.gauge({GaugeRole::vendor_claim, "azure", VendorClaim::green, {}, 0s, 5min, ""});
    world.add(fault(Component::primary, FaultKind::stall, 1, 10min, 10h));
    world.run_for(20min);
    const auto made = all<DiagnosisMade>(world);
    REQUIRE(!made.empty());
    CHECK(made[0].second.vendor == VendorClaim::missing);
    CHECK(made[0].second.vendor_source.empty());
}

TEST_CASE("a green claim beside a broker that is named is a disagreement, as is red beside good") {
    World world({.mode = Mode::observe});
    world.vendor(VendorClaim::red);
    CHECK(world.status().vendor_disagreement == VendorDisagreement::none);
    world.run_for(5min);
    CHECK(world.status().vendor_disagreement == VendorDisagreement::red_while_good);
    world.vendor(VendorClaim::green);
    CHECK(world.status().vendor_disagreement == VendorDisagreement::none);
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 10h));
    world.run_for(15min);
    CHECK(world.status().incident->diagnosis == "primary_broker");
    CHECK(world.status().vendor_disagreement == VendorDisagreement::green_while_broken);
    world.vendor(VendorClaim::red);
    CHECK(world.status().vendor_disagreement == VendorDisagreement::none);
}

TEST_CASE("a vendor that is green while somebody else's part is broken agrees with us") {
    World world({});
    world.vendor(VendorClaim::green);
    world.add(fault(Component::bridge, FaultKind::stall, 1, 5min, 10h));
    world.run_for(15min);
    REQUIRE(world.status().incident);
    CHECK(world.status().incident->diagnosis == "bridge");
    CHECK(world.status().vendor_disagreement == VendorDisagreement::none);
}

TEST_CASE("a decision is recorded when something changed, not at every look") {
    World world({});
    world.add(fault(Component::consumers, FaultKind::loss, 1, 5min, 2h));
    world.run_for(2h);
    const auto decisions = all<DecisionMade>(world);
    CHECK(decisions.size() < 8);
    for (std::size_t i = 1; i < decisions.size(); ++i) {
        const DecisionMade& a = decisions[i - 1].second;
        const DecisionMade& b = decisions[i].second;
        CHECK((a.decision != b.decision || a.diagnosis != b.diagnosis || a.refusals != b.refusals));
    }
}

TEST_CASE("evidence that grows old does not rename the culprit") {
    World world({});
    // Ends two seconds into a minute, so that its last block holds only a trace of it.
    world.add(fault(Component::consumers, FaultKind::loss, 1, 5min, 10min + 4s));
    world.run_for(40min);
    for (const auto& [at, made] : all<DiagnosisMade>(world))
        CHECK(made.diagnosis == "consumers");
}

TEST_CASE("the minute beside a cut of our own is not held against the platform") {
    for (int second = 40; second < 60; ++second) {
        CAPTURE(second);
        World world({});
        world.add(fault(Component::watcher, FaultKind::loss, 1, 5min + std::chrono::seconds{second},
                        3min + 25s));
        world.run_for(20min);
        for (const auto& [at, closed] : all<BlockClosed>(world))
            CHECK(!closed.bad);
        CHECK(world.status().score == 0);
    }
}

TEST_CASE("pages of one incident are bounded, whatever it turns into without a quiet") {
    World world({});
    for (int i = 0; i < 12; ++i) {
        const auto component = std::array{Component::consumers, Component::bridge,
                                          Component::standby}[static_cast<std::size_t>(i) % 3];
        world.add(fault(component, FaultKind::loss, 1, 5min + i * 9min, 9min));
    }
    world.run_for(3h);
    std::map<std::uint64_t, std::size_t> pages;
    std::map<std::uint64_t, std::size_t> chances;
    for (const auto& [at, page] : all<PageRaised>(world))
        ++pages[page.incident.value];
    for (const auto& [at, moved] : all<IncidentMoved>(world)) {
        if (moved.state == IncidentState::confirmed) ++chances[moved.incident.value];
    }
    CHECK(!pages.empty());
    for (const auto& [incident, count] : pages)
        CHECK(count <= world.rules().policy.pages_at_most * chances[incident]);
}

TEST_CASE("a page says what is bad, what is good and why nothing is moved") {
    World world({});
    world.vendor(VendorClaim::green);
    world.add(fault(Component::consumers, FaultKind::loss, 1, 5min, 1h));
    world.run_for(10min);
    const auto pages = all<PageRaised>(world);
    REQUIRE(pages.size() == 1);
    const std::string& text = pages[0].second.text;
    for (const char* words : {"page: the consumers behind the broker do not answer.",
                              "what is broken would stay broken after a move", "Bad: HB ",
                              "Good: CT BH DL DF SL SF", "The vendor says green."}) {
        CAPTURE(text);
        CHECK(text.find(words) != std::string::npos);
    }
}

TEST_CASE("in quarantine every outage of the new broker is told of, not only the first") {
    WorldOptions options;
    options.loss = 0;
    World world(options);
    world.add(fault(Component::primary, FaultKind::stall, 1, 5min, 30min));
    world.add(fault(Component::standby, FaultKind::loss, 1, 3h, 30min));
    world.add(fault(Component::standby, FaultKind::loss, 1, 10h, 2h));
    world.run_for(9h);
    CHECK(world.status().pages == 2);
    world.run_for(2h);
    CHECK(world.status().incident->state == IncidentState::quarantine);
    CHECK(world.status().pages == 3);
}

TEST_CASE("that a move is called for and not made is told of, however much was said before") {
    WorldOptions options;
    options.mode = Mode::observe;
    World world(options);
    // No minute between them is quiet, so that nothing is counted anew.
    Duration at = 5min;
    for (const auto component : {Component::consumers, Component::bridge, Component::standby,
                                 Component::consumers, Component::bridge}) {
        world.add(fault(component, FaultKind::loss, 1, at, 8min));
        at += 8min;
    }
    world.add(fault(Component::primary, FaultKind::stall, 1, at, 5h));
    world.run_for(at);
    CHECK(world.status().pages >= world.rules().policy.pages_at_most);
    world.run_for(1h);
    CHECK(world.status().incident->decision == Decision::hold);
    const auto pages = all<PageRaised>(world);
    CHECK(pages.back().second.text.rfind("hold: the primary broker fails its users", 0) == 0);
}

TEST_CASE("a standby that breaks during a probation is told of") {
    WorldOptions options;
    options.loss = 0;
    World world(options);
    world.add(fault(Component::consumers, FaultKind::stall, 1, 5min, 20min));
    world.add(fault(Component::standby, FaultKind::loss, 1, 2h, 10h));
    world.run_for(119min);
    CHECK(world.status().incident->state == IncidentState::probation);
    CHECK(world.status().pages == 1);
    world.run_for(10min);
    CHECK(world.status().pages == 2);
    CHECK(world.status().incident->diagnosis == "standby_not_ready");
}

TEST_CASE("an outage does not count as quiet because nobody watched it") {
    WorldOptions options;
    options.loss = 0;
    World world(options);
    world.add(fault(Component::consumers, FaultKind::loss, 1, 5min, 10h));
    world.run_for(10min);
    Engine engine{world.rules()};
    engine.restore(world.records());
    const Instant later = world.now() + 1h;
    CHECK(engine.resume(later).records().empty());
    for (int second = 0; second < 300; ++second) {
        const Batch batch = engine.step({later + std::chrono::seconds{second}, Tick{}});
        for (const Record& record : batch.records())
            CHECK(!std::holds_alternative<IncidentMoved>(record.body));
    }
}

// Feeds an engine probe by probe: what a channel answers is told by the test.
struct Feed {
    Rules rules = rules_for({});
    Engine engine{rules};
    Instant start = World::start();
    std::vector<Record> records;

    void step(Instant at, EventBody body) {
        const Batch batch = engine.step({at, std::move(body)});
        records.insert(records.end(), batch.records().begin(), batch.records().end());
    }
    // Every answer comes at once, so that the events are in order.
    template <class Answer>
    void run(Duration from, Duration to, Answer answer) {
        for (Instant t = start + from; t < start + to; t += 1s) {
            for (const ChannelCadence& cadence : rules.cadences) {
                if ((t - start) % cadence.every != 0s) continue;
                for (std::uint32_t target = 0; target < cadence.targets; ++target) {
                    Observation seen;
                    seen.id = {1};
                    seen.channel = cadence.channel;
                    seen.target = target;
                    seen.due = seen.started = seen.finished = t;
                    seen.outcome = answer(cadence.channel);
                    step(t, ObservationSeen{seen});
                }
            }
            step(t, Tick{});
        }
    }
    template <class Body>
    std::size_t count() const {
        return static_cast<std::size_t>(std::count_if(
            records.begin(), records.end(),
            [](const Record& record) { return std::holds_alternative<Body>(record.body); }));
    }
};

Outcome all_well(Channel) {
    return Outcome::ok;
}
// The users are cut off; the control target tells nothing, so that no minute makes a statement.
Outcome dark(Channel channel) {
    if (channel == Channel::CT) return Outcome::misconfigured;
    return channel == Channel::HB || channel == Channel::TX ? Outcome::timeout : Outcome::ok;
}

Outcome dark_with_control(Channel channel) {
    return channel == Channel::CT ? Outcome::ok : dark(channel);
}

TEST_CASE("a plain outage is told of once, even if our control says nothing, and moves nothing") {
    Feed feed;
    feed.run(0min, 5min, all_well);
    feed.run(5min, 40min, dark);
    CHECK(feed.count<IncidentOpened>() == 1);
    CHECK(feed.count<PageRaised>() == 1);
    CHECK(feed.count<MigrationProposed>() == 0);
    CHECK(feed.engine.status().incident->state == IncidentState::confirmed);
}

TEST_CASE("a probation does not hide a plain outage in which our control says nothing") {
    Feed feed;
    feed.run(0min, 5min, all_well);
    feed.run(5min, 10min, dark_with_control);
    feed.run(10min, 30min, all_well);
    REQUIRE(feed.engine.status().incident);
    CHECK(feed.engine.status().incident->state == IncidentState::probation);
    CHECK(feed.count<PageRaised>() == 1);
    feed.run(30min, 35min, dark);
    CHECK(feed.count<PageRaised>() == 2);
}

TEST_CASE("a bad minute opens an incident though several slots settled at one look") {
    Feed feed;
    feed.run(0min, 5min, all_well);
    feed.run(5min, 6min, dark_with_control);
    feed.run(6min, 6min + 30s, all_well);
    CHECK(feed.count<IncidentOpened>() == 0);
    // The minute settles 35 s after its end; nobody looks for a while just then.
    feed.step(feed.start + 6min + 56s, Tick{});
    CHECK(feed.count<IncidentOpened>() == 1);
}

TEST_CASE("a dead control target does not silence a lasting partial outage, and moves nothing") {
    const auto no_control = [](Channel channel) {
        return channel == Channel::CT ? Outcome::timeout : Outcome::ok;
    };
    int turn = 0;
    const auto every_other = [&](Channel channel) {
        const bool primary = channel == Channel::HB || channel == Channel::TX ||
                             channel == Channel::DL || channel == Channel::DF;
        if (!primary) return no_control(channel);
        return ++turn % 2 == 0 ? Outcome::timeout : Outcome::ok;
    };
    Feed feed;
    feed.run(0min, 30min, no_control);
    CHECK(feed.count<PageRaised>() == 0);
    feed.run(30min, 40min, every_other);
    CHECK(feed.count<PageRaised>() == 1);
    feed.run(40min, 60min, every_other);
    CHECK(feed.count<PageRaised>() == 1);
    CHECK(feed.count<MigrationProposed>() == 0);
}

}  // namespace
}  // namespace vc::test
