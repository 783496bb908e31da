#include "rules/record.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

MigrationPlan plan() {
    return {{7},
            {3},
            "primary",
            "standby",
            "because \"x\"\n",
            {{"attach-consumers", "consumers", false, 30s, 3},
             {"switch-producers", "producers", true, 1500ms, 1, true}}};
}

std::vector<RecordBody> one_of_each() {
    return {BlockClosed{Instant{-5s},
                        true,
                        true,
                        true,
                        -3,
                        Instant{7s},
                        Instant{8s},
                        {{Channel::HB, 1, 2, 3}, {Channel::SC, 0, 1, 0}}},
            IncidentOpened{{3}, "a minute was bad", {{1}, {UINT64_MAX}}},
            IncidentMoved{{3}, IncidentState::quarantine, "\u00e9 \"q\""},
            DiagnosisMade{{3},
                          "primary_broker",
                          0.998877,
                          "bridge",
                          0.000123,
                          {"DL 31 of 60 bad", "b"},
                          {{9}},
                          VendorClaim::green,
                          "azure-health",
                          90s},
            DecisionMade{{3},
                         Decision::hold,
                         "primary_broker",
                         0.1,
                         {Refusal::paused, Refusal::standby_shared_fate},
                         "why"},
            PageRaised{{3}, Severity::low, "text"},
            MigrationProposed{plan()},
            StepStarted{{{7}, 1, HookVerb::undo, 2}, "switch-producers", "7.2.producers.undo"},
            StepFinished{{{7}, 1, HookVerb::verify, 4}, HookOutcome::timed_out, "late"},
            VerifyStarted{{7}},
            MigrationEnded{{7}, MigrationResult::rolled_back, "given up"},
            CommandTaken{{Command::ack, "ann", "seen"}},
            GaugeChanged{{GaugeRole::chargers_connected, "fleet", VendorClaim::missing, 0.123457,
                          90s, 10min, ""}},
            StandbyAudited{{3},
                           {12,
                            AuditVerdict::unfit,
                            {"queue a: missing on the standby", "b"},
                            {"c"},
                            "2 queues"}}};
}

std::string error_of(std::string_view kind, std::string_view json) {
    const auto read = record_from_json(Instant{}, kind, json);
    return read ? "no error" : read.error().message;
}

TEST_CASE("every kind of record comes back from JSON as it was") {
    const auto bodies = one_of_each();
    CHECK(bodies.size() == std::variant_size_v<RecordBody>);
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        CHECK(bodies[i].index() == i);
        const Record record{Instant{12'345'678'901ns}, bodies[i]};
        const std::string json = to_json(record);
        CAPTURE(json);
        CHECK(json.find('\n') == std::string::npos);
        const auto back = record_from_json(record.at, kind_of(record), json);
        REQUIRE(back);
        CHECK(back->at == record.at);
        CHECK(back->body.index() == record.body.index());
        CHECK(to_json(*back) == json);
    }
    const auto back =
        record_from_json({}, "migration_proposed", to_json(Record{{}, MigrationProposed{plan()}}));
    REQUIRE(back);
    const MigrationPlan& read = std::get<MigrationProposed>(back->body).plan;
    CHECK(read.steps.size() == 2);
    CHECK(read.steps[1].deadline == 1500ms);
    CHECK(read.steps[1].point_of_no_return);
    CHECK_FALSE(read.steps[0].verify);
    CHECK(read.steps[1].verify);
    CHECK(read.reason == plan().reason);
}

TEST_CASE("a gauge's number is read back exactly, and none as none") {
    Gauge gauge;
    gauge.source = "x";
    for (const double value : {0.1, 0.000001, 1234.567891, 999999999.123457, -3.3, 0.0}) {
        gauge.value = value;
        const auto back =
            record_from_json({}, "gauge_changed", to_json(Record{{}, GaugeChanged{gauge}}));
        REQUIRE(back);
        CHECK(std::get<GaugeChanged>(back->body).gauge.value == value);
    }
    gauge.value.reset();
    const std::string json = to_json(Record{{}, GaugeChanged{gauge}});
    const auto back = record_from_json({}, "gauge_changed", json);
    REQUIRE(back);
    CHECK_FALSE(std::get<GaugeChanged>(back->body).gauge.value);
    CHECK(std::get<GaugeChanged>(back->body).gauge.limit == Duration::max());
    std::string wrong = json;
    wrong.replace(wrong.find("null"), 4, "\"5\"");
    CHECK(error_of("gauge_changed", wrong) == "gauge_changed: value is not a number");
}

TEST_CASE("a diagnosis of a journal from before claims had ages is still read") {
    const auto back = record_from_json(
        {}, "diagnosis_made",
        R"({"incident":3,"diagnosis":"x","posterior":0.5,"runner_up":"","runner_up_posterior":0,)"
        R"("reasons":[],"evidence":[],"vendor":"green"})");
    REQUIRE(back);
    const DiagnosisMade& made = std::get<DiagnosisMade>(back->body);
    CHECK(made.vendor == VendorClaim::green);
    CHECK(made.vendor_age == Duration::zero());
    CHECK(made.vendor_source.empty());
}

TEST_CASE("a record knows its incident and its migration") {
    const auto bodies = one_of_each();
    const auto record = [&](std::size_t i) { return Record{{}, bodies[i]}; };
    CHECK(kind_of(record(0)) == "block_closed");
    CHECK(kind_of(record(11)) == "command_taken");
    CHECK(incident_of(record(0)) == IncidentId{});
    CHECK(incident_of(record(4)) == IncidentId{3});
    CHECK(incident_of(record(6)) == IncidentId{3});
    CHECK(epoch_of(record(6)) == Epoch{7});
    CHECK(epoch_of(record(8)) == Epoch{7});
    CHECK(epoch_of(record(10)) == Epoch{7});
    CHECK(epoch_of(record(4)) == Epoch{});
}

TEST_CASE("what is no record is refused with the member that is wrong") {
    CHECK(error_of("nonsense", "{}") == "unknown record kind 'nonsense'");
    CHECK(error_of("page_raised", "{").find("page_raised: not JSON: ") == 0);
    CHECK(error_of("page_raised", "[]") == "page_raised: the record is not an object");
    CHECK(error_of("page_raised", R"({"severity":"low","text":"x"})") ==
          "page_raised: incident is missing");
    CHECK(error_of("page_raised", R"({"incident":-1,"severity":"low","text":"x"})") ==
          "page_raised: incident is not a whole number from 0");
    CHECK(error_of("page_raised", R"({"incident":1,"severity":"odd","text":"x"})") ==
          "page_raised: severity has the unknown value 'odd'");
    CHECK(error_of("page_raised", R"({"incident":1,"severity":"low","text":5})") ==
          "page_raised: text is not a text");
    CHECK(error_of("block_closed", R"({"from_ns":1.5})") ==
          "block_closed: from_ns is not a whole number");
    CHECK(error_of("block_closed", R"({"from_ns":1,"bad":1})") ==
          "block_closed: bad is neither true nor false");
    const std::string block =
        R"({"from_ns":1,"bad":true,"blind":false,"control_bad":false,"score":1,)"
        R"("first_bad_ns":0,"last_bad_ns":0,"counts":)";
    CHECK(error_of("block_closed", block + "[]}") == "block_closed: counts is not an object");
    CHECK(error_of("block_closed", block + R"({"ZZ":[1,2,3]}})") ==
          "block_closed: counts has the unknown channel 'ZZ'");
    CHECK(error_of("block_closed", block + R"({"HB":[1,2]}})") ==
          "block_closed: counts is not three numbers per channel");
    CHECK(error_of("block_closed", block + R"({"HB":[1,2,-3]}})") ==
          "block_closed: counts has something else than a count");
    CHECK(error_of("diagnosis_made", R"({"incident":1,"diagnosis":"x","posterior":"y"})") ==
          "diagnosis_made: posterior is not a number");
    CHECK(error_of("incident_opened", R"({"incident":1,"reason":"x","evidence":4})") ==
          "incident_opened: evidence is not a list");
    CHECK(error_of("incident_opened", R"({"incident":1,"reason":"x","evidence":["a"]})") ==
          "incident_opened: evidence has an item that is not an attempt's number");
    CHECK(error_of("step_started",
                   R"({"run":{"epoch":1,"step":5000000000,"verb":"apply","attempt":1}})") ==
          "step_started: run.step is too large");
    CHECK(error_of("decision_made", R"({"incident":1,"decision":"page","diagnosis":"x",)"
                                    R"("posterior":1,"refusals":["never"],"why":""})") ==
          "decision_made: refusals has an unknown item");
    CHECK(error_of("standby_audited",
                   R"({"incident":0,"number":1,"verdict":"unfit","unfit":[1],"told":[]})") ==
          "standby_audited: unfit has an item that is not a text");
    CHECK(error_of("standby_audited", R"({"incident":0,"number":1,"verdict":"good"})") ==
          "standby_audited: verdict has the unknown value 'good'");
    CHECK(error_of("migration_proposed", R"({"epoch":1,"incident":1,"from":"a","to":"b",)"
                                         R"("reason":"","steps":[{"name":"x"}]})") ==
          "migration_proposed: steps has a step whose hook is missing");
}

}  // namespace
}  // namespace vc
