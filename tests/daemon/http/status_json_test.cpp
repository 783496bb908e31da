#include "daemon/http/status_json.h"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace vc {

using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

std::string refusal(const std::string& body) {
    const auto command = command_from_json(body);
    return command ? "" : command.error().message;
}

}  // namespace

TEST_CASE("a quiet daemon's status says what it is, and that it is alone") {
    StatusFacts facts;
    facts.version = "1.2.3";
    facts.engine.at = Instant{1'763'650'000s};
    facts.engine.active_broker = "primary";
    facts.channels[Channel::HB].counts.started = 3;
    facts.channels[Channel::HB].counts.finished[0] = 2;
    facts.channels[Channel::HB].counts.in_flight = 1;
    facts.channels[Channel::HB].recent.p50 = 120ms;
    json::value value = json::parse(status_json(facts));
    CHECK(value.at("version").as_string() == "1.2.3");
    CHECK(value.at("mode").as_string() == "observe");
    CHECK(value.at("at").as_string() == "2025-11-20T14:46:40.000Z");
    CHECK(value.at("quorum").at("watchers").as_int64() == 1);
    CHECK(!value.at("quorum").at("single_accepted").as_bool());
    CHECK(value.at("quorum").at("words").as_string() ==
          "A QUORUM OF ONE, not accepted in the configuration: this watcher never migrates");
    CHECK(value.at("incident").is_null());
    CHECK(value.at("migration").is_null());
    CHECK(value.at("accounted").as_bool());
    const json::value& hb = value.at("channels").at("HB");
    CHECK(hb.at("started").as_int64() == 3);
    CHECK(hb.at("finished").at("ok").as_int64() == 2);
    CHECK(hb.at("finished").at("timeout").as_int64() == 0);
    CHECK(hb.at("in_flight").as_int64() == 1);
    CHECK(hb.at("recent").at("p50_s").as_double() == doctest::Approx(0.12));
    CHECK(hb.at("recent").at("p99_s").is_null());
    CHECK(hb.at("recent").at("last_outcome").is_null());
    CHECK(value.at("channels").as_object().size() == 1);
}

TEST_CASE("an incident and its migration are told with their reasons") {
    StatusFacts facts;
    facts.mode = Mode::automatic;
    facts.single_watcher_accepted = true;
    facts.unaccounted = "TX: started 7, finished 5, in flight 1";
    EngineStatus& engine = facts.engine;
    engine.at = Instant{100s};
    engine.vendor = VendorClaim::green;
    engine.vendor_source = "azure";
    engine.vendor_age = 90s;
    engine.vendor_disagreement = VendorDisagreement::green_while_broken;
    engine.gauges = {
        {GaugeRole::vendor_claim, "azure", VendorClaim::green, {}, 90s, 10min, ""},
        {GaugeRole::chargers_connected, "fleet", VendorClaim::missing, 0.75, 5s, 10min, ""},
        {GaugeRole::own_messages, "load", VendorClaim::missing, {}, 0s, 10min, "HTTP 503"}};
    engine.standby_certified = true;
    engine.standby_reason = "the last full loop passed 20s ago";
    engine.incident.emplace();
    engine.incident->incident = IncidentId{42};
    engine.incident->state = IncidentState::migrating;
    engine.incident->opened = Instant{40s};
    engine.incident->diagnosis = "primary_broker";
    engine.incident->posterior = 0.998;
    engine.incident->decision = Decision::migrate;
    engine.incident->refusals = {Refusal::paused};
    engine.incident->why = "the \"primary\" is gray";
    engine.migration.emplace();
    engine.migration->plan.epoch = Epoch{7};
    engine.migration->plan.steps.resize(1);
    engine.migration->plan.steps[0].name = "attach-consumers";
    engine.migration->state = "verifying";
    engine.migration->step = 1;
    engine.pages = 2;
    json::value value = json::parse(status_json(facts));
    CHECK(value.at("mode").as_string() == "auto");
    CHECK(value.at("quorum").at("words").as_string() ==
          "A QUORUM OF ONE: this watcher decides alone; what it sees may be its own fault");
    CHECK(value.at("vendor").as_string() == "green");
    CHECK(value.at("vendor_source").as_string() == "azure");
    CHECK(value.at("vendor_age_s").as_double() == 90.0);
    CHECK(value.at("vendor_disagreement").as_string() == "green_while_broken");
    const json::array& gauges = value.at("gauges").as_array();
    REQUIRE(gauges.size() == 3);
    CHECK(gauges[0] == json::value({{"role", "vendor_claim"},
                                    {"source", "azure"},
                                    {"claim", "green"},
                                    {"age_s", 90.0},
                                    {"reason", ""}}));
    CHECK(gauges[1].at("value").as_double() == 0.75);
    CHECK_FALSE(gauges[1].as_object().contains("claim"));
    CHECK(gauges[2].at("value").is_null());
    CHECK(gauges[2].at("age_s").is_null());
    CHECK(gauges[2].at("reason").as_string() == "HTTP 503");
    CHECK(value.at("standby").at("certified").as_bool());
    const json::value& incident = value.at("incident");
    CHECK(incident.at("id").as_int64() == 42);
    CHECK(incident.at("state").as_string() == "migrating");
    CHECK(incident.at("open_for_s").as_double() == 60.0);
    CHECK(incident.at("posterior").as_double() == doctest::Approx(0.998));
    CHECK(incident.at("decision").as_string() == "migrate");
    CHECK(incident.at("why").as_string() == "the \"primary\" is gray");
    CHECK(incident.at("refusals").as_array().at(0).at("name").as_string() == "paused");
    CHECK(!incident.at("refusals").as_array().at(0).at("words").as_string().empty());
    CHECK(value.at("migration").at("epoch").as_int64() == 7);
    CHECK(value.at("migration").at("steps").as_array().at(0).as_string() == "attach-consumers");
    CHECK(value.at("migration").at("state").as_string() == "verifying");
    CHECK(value.at("pages").as_int64() == 2);
    CHECK(!value.at("accounted").as_bool());
    CHECK(value.at("unaccounted").as_string() == "TX: started 7, finished 5, in flight 1");
}

TEST_CASE("a command is read") {
    const auto command =
        command_from_json("{\"command\":\"ack\",\"by\":\"anna\",\"reason\":\"seen\"}");
    REQUIRE(command);
    CHECK(command->command == Command::ack);
    CHECK(command->by == "anna");
    CHECK(command->reason == "seen");
}

TEST_CASE("each broken command says what is wrong with it") {
    CHECK(refusal("{").starts_with("the body is not JSON: "));
    CHECK(refusal("[]") == "the body is not a JSON object");
    CHECK(refusal("{\"by\":\"a\",\"reason\":\"b\"}") == "'command' is missing");
    CHECK(refusal("{\"command\":1,\"by\":\"a\",\"reason\":\"b\"}") == "'command' must be a text");
    CHECK(refusal("{\"command\":\"stop\",\"by\":\"a\",\"reason\":\"b\"}") ==
          "'stop' is no command; there are pause, resume and ack");
    CHECK(refusal("{\"command\":\"pause\",\"reason\":\"b\"}") == "'by' is missing");
    CHECK(refusal("{\"command\":\"pause\",\"by\":\"\",\"reason\":\"b\"}") == "'by' is empty");
    CHECK(refusal("{\"command\":\"pause\",\"by\":\"a\",\"reason\":\"" + std::string(201, 'x') +
                  "\"}") == "'reason' is longer than 200 bytes");
    CHECK(refusal("{\"command\":\"pause\",\"by\":\"a\",\"reason\":\"b\",\"force\":true}") ==
          "'force' is not known; a command has command, by and reason");
    CHECK(refusal(std::string(10'000, '[')).starts_with("the body is not JSON: "));
}

TEST_CASE("words become JSON") {
    CHECK(error_json("a \"b\"") == "{\"error\":\"a \\\"b\\\"\"}");
    CHECK(done_json("paused") == "{\"done\":\"paused\"}");
}

}  // namespace vc
