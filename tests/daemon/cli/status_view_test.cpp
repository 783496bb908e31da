#include "daemon/cli/status_view.h"

#include <doctest/doctest.h>

#include "daemon/http/status_json.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

StatusFacts calm() {
    StatusFacts facts;
    facts.mode = Mode::automatic;
    facts.single_watcher_accepted = true;
    facts.engine.at = Instant{1'763'650'000s};
    facts.engine.active_broker = "primary";
    facts.engine.standby_certified = true;
    facts.engine.standby_reason = "last full loop 20 s ago";
    facts.engine.vendor = VendorClaim::green;
    return facts;
}

StatusFacts with_incident(IncidentState state, std::vector<Refusal> refusals) {
    StatusFacts facts = calm();
    EngineStatus::OpenIncident incident;
    incident.incident = IncidentId{42};
    incident.state = state;
    incident.opened = facts.engine.at - 10min;
    incident.diagnosis = "primary_broker";
    incident.posterior = 0.998;
    incident.runner_up = "backend";
    incident.runner_up_posterior = 0.001;
    incident.decision = Decision::page;
    incident.refusals = std::move(refusals);
    incident.why = "a person must decide";
    facts.engine.incident = incident;
    return facts;
}

StatusView view(const StatusFacts& facts) {
    const auto result = view_status(status_json(facts));
    REQUIRE(result.has_value());
    return *result;
}

bool has(const StatusView& shown, std::string_view part) {
    return shown.text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("all is well is said in the first word") {
    const StatusView shown = view(calm());
    CHECK(shown.code == ExitCode::ok);
    CHECK(shown.text.starts_with("OK "));
    CHECK(has(shown, "in use     primary broker"));
    CHECK(has(shown, "standby    certified: last full loop 20 s ago"));
    CHECK(has(shown, "vendor     says green"));
    CHECK(has(shown, "A QUORUM OF ONE"));
    CHECK_FALSE(has(shown, "incident"));
}

TEST_CASE("what others publish is shown by source, with age or the reason why not") {
    StatusFacts facts = calm();
    facts.engine.vendor_source = "azure";
    facts.engine.vendor_age = 90s;
    facts.engine.gauges = {
        {GaugeRole::vendor_claim, "azure", VendorClaim::green, {}, 90s, 10min, ""},
        {GaugeRole::vendor_claim, "health", VendorClaim::missing, {}, 0s, 10min, "HTTP 503"},
        {GaugeRole::chargers_connected, "fleet", VendorClaim::missing, 0.75, 5s, 10min, ""}};
    CHECK(has(view(facts), "vendor     says green, by azure, 90 s ago\n"));
    CHECK(has(view(facts), "  azure (vendor_claim) green, 90 s old\n"));
    CHECK(has(view(facts), "  health (vendor_claim) missing: HTTP 503\n"));
    CHECK(has(view(facts), "  fleet (chargers_connected) 0.75, 5 s old\n"));
    facts.engine.vendor_disagreement = VendorDisagreement::green_while_broken;
    CHECK(has(view(facts), "90 s ago; OUR PROBES SAY OTHERWISE\n"));
    facts.engine.vendor_disagreement = VendorDisagreement::red_while_good;
    CHECK(has(view(facts), "90 s ago; our probes see nothing of it\n"));
}

TEST_CASE("a standby that nobody could move to is not called certified") {
    StatusFacts facts = calm();
    facts.engine.standby_certified = false;
    facts.engine.standby_reason = "no full loop for 12 min";
    CHECK(has(view(facts), "standby    NOT certified: no full loop for 12 min"));
}

TEST_CASE("a confirmed incident is degraded, with the diagnosis and every reason not to move") {
    const StatusView shown = view(
        with_incident(IncidentState::confirmed, {Refusal::mode_observe, Refusal::posterior_low}));
    CHECK(shown.code == ExitCode::degraded);
    CHECK(shown.text.starts_with("DEGRADED "));
    CHECK(has(shown, "incident   42, confirmed, open for 10 min"));
    CHECK(has(shown, "diagnosis  primary_broker 99.8 %, next backend 0.1 %"));
    CHECK(has(shown, "decision   page: a person must decide"));
    CHECK(has(shown, "(mode_observe)"));
    CHECK(has(shown, "(posterior_low)"));
}

TEST_CASE("the states of an incident have their exit codes") {
    const auto code = [](IncidentState state) { return view(with_incident(state, {})).code; };
    CHECK(code(IncidentState::suspected) == ExitCode::ok);
    CHECK(code(IncidentState::confirmed) == ExitCode::degraded);
    CHECK(code(IncidentState::migrating) == ExitCode::in_progress);
    CHECK(code(IncidentState::probation) == ExitCode::ok);
    CHECK(code(IncidentState::quarantine) == ExitCode::ok);
    CHECK(view(with_incident(IncidentState::suspected, {})).text.starts_with("SUSPECT "));
    CHECK(view(with_incident(IncidentState::probation, {})).text.starts_with("WATCHFUL "));
    CHECK(view(with_incident(IncidentState::migrating, {})).text.starts_with("MOVING "));
}

TEST_CASE("a move that only the missing quorum forbids has a code of its own") {
    using R = Refusal;
    CHECK(view(with_incident(IncidentState::confirmed, {R::quorum_not_accepted})).code ==
          ExitCode::no_quorum);
    CHECK(view(with_incident(IncidentState::confirmed, {R::mode_observe, R::quorum_not_accepted}))
              .code == ExitCode::degraded);
}

TEST_CASE("a blind watcher says that it knows nothing") {
    StatusFacts facts = calm();
    facts.engine.blind = true;
    CHECK(view(facts).code == ExitCode::unknown);
    CHECK(view(facts).text.starts_with("BLIND "));
}

TEST_CASE("a pause, a failing journal and lost attempts are told") {
    StatusFacts facts = calm();
    CHECK_FALSE(has(view(facts), "paused"));
    CHECK_FALSE(has(view(facts), "journal"));
    facts.engine.paused = true;
    facts.journal_state = "disk_full";
    facts.unaccounted = "HB: 3 started, 2 ended";
    CHECK(has(view(facts), "paused     moves nothing until `voltcanary resume`"));
    CHECK(has(view(facts), "journal    disk_full: nothing is done until it can be kept"));
    CHECK(has(view(facts), "accounting HB: 3 started, 2 ended"));
}

TEST_CASE("a migration is shown with where it is") {
    StatusFacts facts = with_incident(IncidentState::migrating, {});
    EngineStatus::MigrationView migration;
    migration.plan.epoch = Epoch{7};
    migration.plan.from = "primary";
    migration.plan.to = "standby";
    migration.state = "applying attach-consumers (attempt 1)";
    facts.engine.migration = migration;
    CHECK(has(view(facts),
              "migration  7, primary to standby: applying attach-consumers (attempt 1)"));
}

TEST_CASE("each channel's last attempts are one line") {
    StatusFacts facts = calm();
    ChannelFacts channel;
    channel.recent.attempts = 100;
    channel.recent.bad = 31;
    channel.recent.last_outcome = Outcome::timeout;
    channel.recent.p50 = 12ms;
    channel.recent.p99 = 4800ms;
    facts.channels[Channel::HB] = channel;
    facts.channels[Channel::BH] = {};
    CHECK(has(view(facts), "  HB       31 of 100 bad, p50 12 ms, p99 4800 ms, last timeout\n"));
    CHECK(has(view(facts), "  BH       0 of 0 bad\n"));
}

TEST_CASE("what is no status is refused, and a poorer one still read") {
    for (const char* body : {"", "[]", "{}", "{\"active_broker\":", "null"}) {
        const auto result = view_status(body);
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error().message == "the daemon's answer is no status");
    }
    const auto poor = view_status(R"({"active_broker":7,"incident":[],"channels":{"HB":1}})");
    REQUIRE(poor.has_value());
    CHECK(poor->code == ExitCode::ok);
}

TEST_CASE("nothing in a status reaches the terminal as an escape sequence") {
    StatusFacts facts = with_incident(IncidentState::confirmed, {});
    facts.engine.incident->why = "x\x1b[2Jy";
    CHECK(has(view(facts), "x?[2Jy"));
}
