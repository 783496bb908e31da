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

TEST_CASE("pages of one incident are bounded, whatever it turns into") {
    World world({});
    for (int i = 0; i < 12; ++i) {
        const auto component = std::array{Component::consumers, Component::bridge,
                                          Component::standby}[static_cast<std::size_t>(i) % 3];
        world.add(fault(component, FaultKind::loss, 1, 5min + i * 14min, 8min));
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

}  // namespace
}  // namespace vc::test
