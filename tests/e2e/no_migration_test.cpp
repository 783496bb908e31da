// The stories in which moving the broker would be wrong, each with the right name for it.
#include <doctest/doctest.h>

#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

// The incident gets this name and decision, and nothing is moved, then and for minutes after.
void check_held(Story& story, const std::string& diagnosis, const std::string& decision) {
    const bool named = story.eventually(12min, [&] {
        return story.incident("diagnosis") == diagnosis && story.incident("decision") == decision;
    });
    CHECK_MESSAGE(named, story.incident("diagnosis") << ", " << story.incident("decision"));
    CHECK(story.throughout(4min, [&] { return story.count("migrations") == 0; }));
    CHECK(story.incident("diagnosis") == diagnosis);
    CHECK(story.hook_effects().empty());
    const auto active = story.platform().get("/state").at("active");
    CHECK(active.as_string() == "primary");
}

}  // namespace

TEST_CASE("a stalled backend is named and paged, and nothing is moved") {
    Story story;
    story.platform().inject({{"component", "backend"}, {"kind", "stall"}});
    check_held(story, "consumers", "page");
    CHECK(story.pages_received() == 1);
    story.platform().clear_all();
    story.end();
}

TEST_CASE("a bridge that is down is named and paged, and nothing is moved") {
    Story story;
    story.platform().inject({{"component", "bridge"}, {"kind", "refuse"}});
    story.platform().inject({{"component", "bridge"}, {"kind", "drop"}});
    check_held(story, "bridge", "page");
    CHECK(story.pages_received() == 1);
    story.platform().clear_all();
    story.end();
}

TEST_CASE("when the watcher's own network is cut, nobody is woken and nothing is moved") {
    WatcherOptions options;
    options.over_relays = true;
    Story story(options);
    story.platform().inject({{"component", "network"}, {"kind", "cut"}});
    check_held(story, "watcher_network", "suppress");
    CHECK(story.pages_received() == 0);
    story.platform().clear_all();
    story.end();
}

TEST_CASE("when the standby is sick as well, a person is told so and nothing is moved") {
    Story story;
    story.platform().inject({{"component", "primary"}, {"kind", "stall"}});
    story.platform().inject({{"component", "standby"}, {"kind", "stall"}});
    check_held(story, "standby_shared_fate", "hold");
    CHECK(story.pages_received() >= 1);
    story.platform().clear_all();
    story.end();
}

TEST_CASE("one drop shorter than a minute is a transient: nobody is woken, nothing is moved") {
    Story story;
    story.platform().inject(
        {{"component", "primary"}, {"kind", "stall"}, {"new_connections", true}, {"for_s", 43}});
    story.platform().inject({{"component", "primary"}, {"kind", "drop"}});
    // It is noticed, and then it is over.
    REQUIRE(story.eventually(6min, [&] { return story.incident("state") == "suspected"; }));
    REQUIRE(story.eventually(20min, [&] { return story.incident("state").empty(); }));
    const auto incident = story.watcher().incident(1);
    const auto diagnoses = records_of(incident, "diagnosis_made");
    REQUIRE_FALSE(diagnoses.empty());
    CHECK(diagnoses.back().at("body").at("diagnosis").as_string() == "transient");
    CHECK(incident.at("incident").at("state").as_string() == "closed");
    CHECK(story.count("migrations") == 0);
    CHECK(story.pages_received() == 0);
    story.end();
}

TEST_CASE("in observe mode, and without an accepted quorum, the refusals are named") {
    WatcherOptions options;
    options.automatic = false;
    options.accept_single = false;
    Story story(options);
    story.platform().inject({{"component", "primary"}, {"kind", "stall"}});
    check_held(story, "primary_broker", "hold");
    const auto status = story.watcher().status();
    std::string names;
    for (const auto& refusal : status.at("incident").at("refusals").as_array()) {
        names += std::string(refusal.at("name").as_string()) + " ";
    }
    CHECK(names.find("mode_observe") != std::string::npos);
    CHECK(names.find("quorum_not_accepted") != std::string::npos);
    story.platform().clear_all();
    story.end();
}
