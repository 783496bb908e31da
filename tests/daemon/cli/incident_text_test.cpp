#include "daemon/cli/incident_text.h"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/daemon/cli/scratch.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

std::string told(RecordBody body) {
    return describe(Record{Instant{}, std::move(body)});
}

MigrationPlan plan() {
    MigrationPlan plan;
    plan.epoch = Epoch{7};
    plan.incident = IncidentId{42};
    plan.from = "primary";
    plan.to = "standby";
    plan.reason = "primary_broker";
    plan.steps = {{"attach", "attach-consumers", false, 30s, 3},
                  {"switch", "switch", true, 45s, 1}};
    return plan;
}

IncidentChain chain() {
    IncidentChain chain;
    chain.summary.incident = IncidentId{42};
    chain.summary.opened = Instant{1'763'650'000s};
    chain.summary.state = IncidentState::quarantine;
    chain.summary.diagnosis = "primary_broker";
    chain.summary.posterior = 0.998;
    chain.summary.decision = Decision::migrate;
    chain.summary.pages = 1;
    chain.summary.migrations = 1;
    chain.summary.result = MigrationResult::verified;
    Observation seen;
    seen.id = AttemptId{9};
    seen.channel = Channel::DL;
    seen.due = Instant{1'763'649'990s};
    seen.finished = seen.due + 6s;
    seen.outcome = Outcome::timeout;
    seen.failed_phase = Phase::send_receive;
    chain.evidence = {seen};
    const auto at = [](int second) { return Instant{1'763'650'000s} + second * 1s; };
    chain.records = {
        {2, {}, {at(0), IncidentOpened{IncidentId{42}, "DL fails", {AttemptId{9}}}}},
        {4, {}, {at(2), PageRaised{IncidentId{42}, Severity::high, "the \"primary\" broker"}}}};
    BlockClosed block;
    block.bad = true;
    block.score = 95;
    chain.blocks = {{3, {}, {at(1), block}}};
    return chain;
}

}  // namespace

TEST_CASE("every kind of record is told in words") {
    BlockClosed block;
    block.bad = true;
    block.score = 95;
    block.counts = {{Channel::HB, 60, 36, 0}, {Channel::CT, 12, 0, 0}};
    CHECK(told(block) == "bad minute, score 95, HB 36 of 96 bad");
    block.blind = true;
    block.counts.clear();
    CHECK(told(block) == "minute without a statement (we are blind), score 95");
    CHECK(told(IncidentOpened{IncidentId{42}, "DL fails", {AttemptId{1}, AttemptId{2}}}) ==
          "OPENED: DL fails\n                            evidence #1, #2");
    CHECK(told(IncidentMoved{IncidentId{42}, IncidentState::confirmed, "it lasts"}) ==
          "now confirmed: it lasts");
    DiagnosisMade diagnosis{IncidentId{42},
                            "primary_broker",
                            0.998,
                            "backend",
                            0.001,
                            {"DL 31 of 60 bad (expected bad)"},
                            {},
                            VendorClaim::green,
                            "",
                            0s};
    CHECK(told(diagnosis) ==
          "DIAGNOSIS primary_broker 99.8 %, next backend 0.1 %; the vendor said green"
          "\n                            DL 31 of 60 bad (expected bad)"
          "\n                            no evidence kept");
    diagnosis.vendor_source = "azure";
    diagnosis.vendor_age = 90s;
    CHECK(told(diagnosis).find("; the vendor said green (azure, 1m30s old)\n") !=
          std::string::npos);
    Gauge gauge{GaugeRole::chargers_connected, "fleet", VendorClaim::missing, 0.75, 5s, 10min, ""};
    CHECK(told(GaugeChanged{gauge}) == "chargers_connected of fleet: 0.75");
    gauge = {GaugeRole::vendor_claim, "azure", VendorClaim::missing, {}, 0s, 10min, "HTTP 503"};
    CHECK(told(GaugeChanged{gauge}) == "vendor_claim of azure: missing (HTTP 503)");
    CHECK(told(PageRaised{IncidentId{42}, Severity::low, "look"}) == "PAGE (low): look");
    CHECK(told(MigrationProposed{plan()}) ==
          "MIGRATION 7 from primary to standby: primary_broker"
          "\n                            step attach by hook attach-consumers, 30s, 3 attempts"
          "\n                            step switch by hook switch, 45s, 1 attempts, point of no "
          "return");
    const HookRun run{Epoch{7}, 1, HookVerb::apply, 2};
    CHECK(told(StepStarted{run, "switch", "7.2.switch"}) ==
          "step switch: apply attempt 2, key 7.2.switch");
    CHECK(told(StepFinished{run, HookOutcome::timed_out, "no answer"}) ==
          "step 2: apply attempt 2 ended timed_out\n                            no answer");
    CHECK(told(StepFinished{run, HookOutcome::done, ""}) == "step 2: apply attempt 2 ended done");
    CHECK(told(VerifyStarted{Epoch{7}}) ==
          "every step of migration 7 is done; now it is watched whether it works");
    CHECK(told(MigrationEnded{Epoch{7}, MigrationResult::rolled_back, "undone"}) ==
          "MIGRATION 7 rolled_back: undone");
    CHECK(told(CommandTaken{{Command::ack, "anna", "understood"}}) == "anna said ack: understood");
}

TEST_CASE("a decision names every refusal, in words and by name") {
    const DecisionMade made{IncidentId{42},
                            Decision::page,
                            "primary_broker",
                            0.998,
                            {Refusal::mode_observe, Refusal::paused},
                            "a person must decide"};
    const std::string text = told(made);
    CHECK(text.starts_with("DECISION page: a person must decide\n"));
    for (const Refusal refusal : made.refusals) {
        CHECK(text.find(std::string(explain(refusal)) + " (" + std::string(to_text(refusal)) +
                        ")") != std::string::npos);
    }
}

TEST_CASE("text from hooks cannot command a terminal") {
    const HookRun run{Epoch{7}, 0, HookVerb::apply, 1};
    CHECK(told(StepFinished{run, HookOutcome::failed, "\x1b[2J"}).find('\x1b') ==
          std::string::npos);
}

TEST_CASE("an incident is told from its evidence to its end, in the order of the journal") {
    const std::string text = incident_text(chain());
    CHECK(text ==
          "incident 42, quarantine, opened 2025-11-20T14:46:40.000Z\n"
          "primary_broker 99.8 %, decision migrate, 1 pages, 1 migrations (the last verified)\n"
          "\n"
          "evidence\n"
          "  #9  2025-11-20T14:46:30.000Z  DL target 0 timeout at send_receive after 6.000 s\n"
          "\n"
          "2025-11-20T14:46:40.000Z    OPENED: DL fails\n"
          "                            evidence #9\n"
          "2025-11-20T14:46:41.000Z    bad minute, score 95\n"
          "2025-11-20T14:46:42.000Z    PAGE (high): the \"primary\" broker\n");
}

TEST_CASE("the list is one line each") {
    CHECK(incident_list_text({}) == "no incidents\n");
    CHECK(incident_list_text({chain().summary}) ==
          "42    2025-11-20T14:46:40.000Z  quarantine primary_broker 99.8 %, decision migrate, 1 "
          "pages, 1 migrations (the last verified)\n");
}

TEST_CASE("the JSON is JSON, and has the same") {
    namespace json = boost::json;
    const json::value whole = json::parse(incident_json(chain()));
    CHECK(whole.at("incident").at("id").as_int64() == 42);
    CHECK(whole.at("incident").at("result").as_string() == "verified");
    CHECK(whole.at("incident").at("closed").is_null());
    CHECK(whole.at("evidence").at(0).at("outcome").as_string() == "timeout");
    CHECK(whole.at("evidence").at(0).at("latency_s").as_double() == 6.0);
    CHECK(whole.at("records").at(1).at("kind").as_string() == "page_raised");
    CHECK(whole.at("records").at(1).at("body").at("text").as_string() == "the \"primary\" broker");
    CHECK(whole.at("blocks").at(0).at("seq").as_int64() == 3);
    IncidentSummary odd;
    odd.diagnosis = "a\"b\\c\n";
    CHECK(json::parse(incident_list_json({odd})).at(0).at("diagnosis").as_string() == "a\"b\\c\n");
    CHECK(json::parse(incident_list_json({})).as_array().empty());
}

TEST_CASE("without a journal there is nothing to tell, and the reader says so") {
    const test::Scratch scratch;
    scratch.write_config();
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"incident", "list", "--config", scratch.config()},
             {"incident", "show", "1", "--json", "--config", scratch.config()}}) {
        const test::Told answer = scratch.run(arguments);
        CHECK(answer.code == 1);
        CHECK(answer.out.empty());
        CHECK(answer.err.find("journal") != std::string::npos);
    }
}
