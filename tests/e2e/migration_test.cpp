// The story the product exists for: a primary broker goes gray while its vendor says green.
#include <doctest/doctest.h>

#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

// Stalls, a heavy tail and connection drops; the vendor goes on claiming that all is well.
void make_gray(const Platform& platform) {
    platform.inject({{"component", "primary"}, {"kind", "stall"}, {"p", 0.5}});
    platform.inject({{"component", "primary"},
                     {"kind", "delay"},
                     {"scale_ms", 2000},
                     {"alpha", 1.2},
                     {"cap_ms", 30000}});
    platform.inject({{"component", "primary"}, {"kind", "drop"}, {"share", 0.3}, {"every_s", 30}});
}

void check_incident(const json::object& incident) {
    const auto proposed = records_of(incident, "migration_proposed");
    REQUIRE(proposed.size() == 1);
    const auto decisions = records_of(incident, "decision_made");
    REQUIRE_FALSE(decisions.empty());
    const auto ended = records_of(incident, "migration_ended");
    REQUIRE(ended.size() == 1);
    CHECK(ended.front().at("body").at("result").as_string() == "verified");
    // Intent before effect: each step's start is on record before its end.
    const auto started = records_of(incident, "step_started");
    const auto finished = records_of(incident, "step_finished");
    CHECK(started.size() == finished.size());
    REQUIRE(started.size() >= 2);
    for (std::size_t i = 0; i < started.size(); ++i) {
        CHECK(started[i].at("seq").to_number<int>() < finished[i].at("seq").to_number<int>());
    }
    CHECK_FALSE(incident.at("evidence").as_array().empty());
}

}  // namespace

TEST_CASE("a gray primary is named, left behind once, and nothing acknowledged is lost") {
    Story story;
    make_gray(story.platform());
    REQUIRE(story.eventually(25min, [&] { return story.migration_state() == "verified"; }));

    CHECK(story.incident("diagnosis") == "primary_broker");
    CHECK(story.incident("state") == "quarantine");
    CHECK(story.watcher().status().at("vendor").as_string() == "green");
    CHECK(story.count("migrations") == 1);
    CHECK(story.pages_received() >= 1);
    CHECK(story.watcher().status().at("incident").at("id").to_number<int>() == 1);

    story.platform().clear_all();
    const json::object ledger = story.platform().settled_ledger();
    CHECK(ledger.at("acknowledged").to_number<int>() > 100);
    CHECK(ledger.at("lost").to_number<int>() == 0);
    CHECK(ledger.at("processed").to_number<int>() >= ledger.at("acknowledged").to_number<int>());

    check_incident(story.watcher().incident(1));
    const auto said = story.watcher().say({"incident", "show", "1"});
    CHECK(said.exit_code == 0);
    for (const char* words :
         {"primary_broker", "attach-consumers", "switch-producers", "verified"}) {
        CHECK_MESSAGE(said.output.find(words) != std::string::npos, words << " in\n"
                                                                          << said.output);
    }
    CHECK(story.watcher().say({"status"}).exit_code == 0);
    const auto list = story.watcher().say({"incident", "list", "--json"});
    CHECK(json::parse(list.output).as_array().size() == 1);
    story.end();
    // The journal outlives the daemon.
    CHECK(story.watcher().say({"incident", "show", "1"}).exit_code == 0);
}
