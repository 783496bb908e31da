#include "tests/demo/report.h"

#include <doctest/doctest.h>

using namespace vc::demo;
namespace json = boost::json;

namespace {

json::object record(std::int64_t at_s, const char* kind, json::object body) {
    return {{"at_ns", at_s * 1'000'000'000}, {"kind", kind}, {"body", std::move(body)}};
}

// A run that went as it should: fault at 100 s, page at 160, move from 200 to 290.
Measured good_act1() {
    Measured act;
    act.truth = {json::object{{"at_ns", 50'000'000'000}, {"event", "act"}},
                 json::object{{"at_ns", 100'000'000'000}, {"event", "inject"}},
                 json::object{{"at_ns", 150'000'000'000}, {"event", "inject"}}};
    const json::object page{
        {"decision", "page"}, {"diagnosis", "unknown"}, {"posterior", 0.6}, {"why", "so"}};
    const json::object migrate{{"decision", "migrate"},
                               {"diagnosis", "primary_broker"},
                               {"posterior", 0.998},
                               {"why", "because"}};
    act.incident["records"] = json::array{record(155, "diagnosis_made", {{"vendor", "missing"}}),
                                          record(155, "decision_made", page),
                                          record(160, "page_raised", {}),
                                          record(190, "diagnosis_made", {{"vendor", "green"}}),
                                          record(200, "decision_made", migrate),
                                          record(200, "migration_proposed", {}),
                                          record(290, "migration_ended", {{"result", "verified"}}),
                                          record(300, "diagnosis_made", {{"vendor", "red"}})};
    act.ledger = {{"acknowledged", 10}, {"processed", 10}, {"lost", 0}, {"duplicated", 1}};
    act.load = {{"outage_s", 42.5}};
    act.pages = 1;
    act.migrations = 1;
    return act;
}

ObservedAct good_act2() {
    ObservedAct act;
    act.measured = good_act1();
    act.measured.incident["records"] = json::array{};
    act.measured.migrations = 0;
    act.states = {"confirmed", "probation", "confirmed"};
    act.vendor_went_missing = true;
    return act;
}

std::string failure(const Measured& act1, const ObservedAct& act2) {
    return failure_of(report(act1, act2, 25));
}

}  // namespace

TEST_CASE("a report has the facts as they were measured, counted from the first fault") {
    const json::object found = report(good_act1(), good_act2(), 25);
    CHECK(found.at("diagnosis").as_string() == "primary_broker");
    CHECK(found.at("vendor_verdict").as_string() == "green");
    CHECK(found.at("seen_after_s").as_double() == 60);
    CHECK(found.at("move_began_after_s").as_double() == 100);
    CHECK(found.at("migrated_after_s").as_double() == 190);
    CHECK(found.at("outage_s").as_double() == 42.5);
    CHECK(found.at("messages_acknowledged").to_number<int>() == 10);
    CHECK(found.at("messages_processed").to_number<int>() == 10);
    CHECK(found.at("messages_lost").to_number<int>() == 0);
    CHECK(found.at("messages_duplicated").to_number<int>() == 1);
    CHECK(found.at("migrations").to_number<int>() == 1);
    CHECK(found.at("pages").to_number<int>() == 1);
    CHECK(found.at("factor").as_double() == 25);
    CHECK(failure_of(found) == "");
    const std::string words = report_text(found);
    CHECK(words.find("primary_broker (probability 0.998); the vendor said green") !=
          std::string::npos);
    CHECK(words.find("1 min 00 s after the first fault") != std::string::npos);
    CHECK(words.find("confirmed, probation, confirmed") != std::string::npos);
}

TEST_CASE("each way in which the demo can fail is told") {
    Measured wrong_name = good_act1();
    wrong_name.incident["records"] = json::array{};
    CHECK(failure(wrong_name, good_act2()) == "the diagnosis is not the primary broker");

    Measured twice = good_act1();
    twice.migrations = 2;
    CHECK(failure(twice, good_act2()) == "there was not exactly one migration");

    Measured unproven = good_act1();
    for (json::value& one : unproven.incident["records"].as_array()) {
        if (one.at("kind").as_string() == "migration_ended") {
            one.as_object()["body"] = json::object{{"result", "failed"}};
        }
    }
    CHECK(failure(unproven, good_act2()) == "the migration was not verified");
    CHECK(report(unproven, good_act2(), 25).at("migrated_after_s").is_null());

    Measured lossy = good_act1();
    lossy.ledger["lost"] = 1;
    CHECK(failure(lossy, good_act2()) == "acknowledged messages were lost");

    Measured idle = good_act1();
    idle.ledger["acknowledged"] = 0;
    CHECK(failure(idle, good_act2()) == "no message was acknowledged at all");

    ObservedAct moved = good_act2();
    moved.measured.migrations = 1;
    CHECK(failure(good_act1(), moved) == "observe mode has migrated");

    ObservedAct never_missing = good_act2();
    never_missing.vendor_went_missing = false;
    CHECK(failure(good_act1(), never_missing) == "the vendor's metrics never went missing");

    ObservedAct healed = good_act2();
    healed.states = {"confirmed", "none", "confirmed (incident 2)"};
    CHECK(failure(good_act1(), healed) ==
          "the observed incident was confirmed, none, confirmed (incident 2), not confirmed, "
          "probation, confirmed");
}
