#include "daemon/metrics/metrics.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

namespace {

Observation seen(Channel channel, Outcome outcome, Duration took) {
    Observation observation;
    observation.id = AttemptId{1};
    observation.channel = channel;
    observation.due = Instant{1'763'650'000s};
    observation.started = observation.due + 1ms;
    observation.finished = observation.due + took;
    observation.outcome = outcome;
    if (outcome != Outcome::ok) observation.failed_phase = Phase::call;
    return observation;
}

bool has(const Metrics& metrics, const std::string& line) {
    return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("every series exists from the start, at 0") {
    const Metrics metrics(BuildFacts{"1.2.3", true});
    for (const char* line : {
             "voltcanary_probe_started_total{channel=\"CT\"} 0",
             "voltcanary_probe_finished_total{channel=\"SC\",outcome=\"abandoned\"} 0",
             "voltcanary_probe_in_flight{channel=\"DL\"} 0",
             "voltcanary_probe_duration_seconds_count{channel=\"HB\"} 0",
             "voltcanary_probe_duration_seconds_bucket{channel=\"HB\",le=\"0.001\"} 0",
             "voltcanary_probe_duration_seconds_bucket{channel=\"HB\",le=\"60\"} 0",
             "voltcanary_probe_phase_duration_seconds_count{channel=\"DL\",phase=\"credit\"} 0",
             "voltcanary_schedule_lag_seconds_count 0",
             "voltcanary_loop_lag_seconds 0",
             "voltcanary_missed_ticks_total{channel=\"TX\"} 0",
             "voltcanary_tainted_total{channel=\"TX\"} 0",
             "voltcanary_last_finish_timestamp_seconds{channel=\"BH\"} 0",
             "voltcanary_incident_state{state=\"probation\"} 0",
             "voltcanary_incident_open 0",
             "voltcanary_decision{decision=\"migrate\"} 0",
             "voltcanary_refusal{refusal=\"no_migration_plan\"} 0",
             "voltcanary_diagnosis_posterior{diagnosis=\"unknown\"} 0",
             "voltcanary_block_score 0",
             "voltcanary_standby_certified 0",
             "voltcanary_blind 0",
             "voltcanary_paused 0",
             "voltcanary_vendor_verdict{claim=\"green\"} 0",
             "voltcanary_vendor_disagrees{how=\"red_while_good\"} 0",
             "voltcanary_primary_bad_share Nan",
             "voltcanary_standby_readiness{state=\"unknown\"} 1",
             "voltcanary_standby_readiness{state=\"ready\"} 0",
             "voltcanary_standby_differences 0",
             "voltcanary_standby_readiness_timestamp_seconds 0",
             "voltcanary_tls_reloads_total{result=\"failed\"} 0",
             "voltcanary_log_lines_lost_total 0",
             "voltcanary_reconnect_duration_seconds_count{channel=\"SL\",direction=\"recv\","
             "outcome=\"ok\",planned=\"yes\"} 0",
             "voltcanary_active_broker{broker=\"standby\"} 0",
             "voltcanary_pages_total{severity=\"low\"} 0",
             "voltcanary_migrations_started_total 0",
             "voltcanary_migrations_total{result=\"rolled_back\"} 0",
             "voltcanary_hook_runs_total{outcome=\"timed_out\",verb=\"undo\"} 0",
             "voltcanary_commands_total{command=\"ack\"} 0",
             "voltcanary_journal_ok 1",
             "voltcanary_journal_records_total 0",
             "voltcanary_journal_observations_total 0",
             "voltcanary_journal_observations_dropped_total 0",
             "voltcanary_journal_failures_total 0",
             "voltcanary_journal_batches_waiting 0",
             "voltcanary_journal_bytes 0",
             "voltcanary_journal_last_commit_seconds 0",
             "voltcanary_notify_sent_total 0",
             "voltcanary_notify_retried_total 0",
             "voltcanary_notify_failed_total 0",
             "voltcanary_notify_queued 0",
             "voltcanary_quorum_of_one 1",
             "voltcanary_build_info{version=\"1.2.3\"} 1",
         }) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
    CHECK(has(Metrics(BuildFacts{"1", false}), "voltcanary_quorum_of_one 0"));
}

TEST_CASE("phases that a channel cannot have make no series") {
    const std::string text = Metrics(BuildFacts{}).text();
    CHECK(text.find("channel=\"HB\",phase=\"sasl\"") == std::string::npos);
    CHECK(text.find("channel=\"DL\",phase=\"upgrade\"") == std::string::npos);
    CHECK(text.find("channel=\"CT\",phase=\"boot\"") == std::string::npos);
    CHECK(text.find("channel=\"DF\",phase=\"cbs_put_token\"") != std::string::npos);
    CHECK(text.find("channel=\"SC\",phase=\"boot\"") != std::string::npos);
}

TEST_CASE("an attempt is counted once, from its intended start, with its phases") {
    Metrics metrics(BuildFacts{});
    metrics.started(Channel::HB);
    metrics.started(Channel::HB);
    Observation late = seen(Channel::HB, Outcome::late, 6800ms);
    late.phases = {{Phase::call, 6700ms}, {Phase::sasl, 1s}};
    late.tainted = true;
    metrics.finished(late);
    CHECK(has(metrics, "voltcanary_probe_started_total{channel=\"HB\"} 2"));
    CHECK(has(metrics, "voltcanary_probe_finished_total{channel=\"HB\",outcome=\"late\"} 1"));
    CHECK(has(metrics, "voltcanary_probe_duration_seconds_bucket{channel=\"HB\",le=\"5\"} 0"));
    CHECK(has(metrics, "voltcanary_probe_duration_seconds_bucket{channel=\"HB\",le=\"10\"} 1"));
    CHECK(has(metrics, "voltcanary_probe_duration_seconds_sum{channel=\"HB\"} 6.8"));
    CHECK(has(metrics,
              "voltcanary_probe_phase_duration_seconds_sum{channel=\"HB\",phase=\"call\"} 6.7"));
    CHECK(has(metrics,
              "voltcanary_probe_failures_total{channel=\"HB\",outcome=\"late\","
              "phase=\"call\"} 1"));
    CHECK(has(metrics, "voltcanary_tainted_total{channel=\"HB\"} 1"));
    CHECK(metrics.last_finish(Channel::HB) == late.finished);
    CHECK(!metrics.last_finish(Channel::TX));
    metrics.finished(seen(Channel::HB, Outcome::ok, 1s));
    CHECK(metrics.text().find("outcome=\"ok\",phase=") == std::string::npos);
}

TEST_CASE("attempts add up, or it is said which do not") {
    Metrics metrics(BuildFacts{});
    CHECK(!metrics.unaccounted());
    for (int i = 0; i < 7; ++i)
        metrics.started(Channel::TX);
    for (int i = 0; i < 5; ++i)
        metrics.finished(seen(Channel::TX, Outcome::ok, 1s));
    CHECK(metrics.unaccounted() == "TX: started 7, finished 5, in flight 0");
    metrics.in_flight(Channel::TX, 2);
    CHECK(!metrics.unaccounted());
    const Accounting tx = metrics.accounting(Channel::TX);
    CHECK(tx.started == 7);
    CHECK(tx.finished_sum() == 5);
    CHECK(tx.in_flight == 2);
    CHECK(tx.holds());
    metrics.finished(seen(Channel::CT, Outcome::ok, 1s));
    metrics.in_flight(Channel::TX, 1);
    CHECK(metrics.unaccounted() ==
          "CT: started 0, finished 1, in flight 0; TX: started 7, finished 5, in flight 1");
}

TEST_CASE("the engine's state is shown, and what has ended is taken back") {
    Metrics metrics(BuildFacts{});
    EngineStatus status;
    status.score = 12;
    status.standby_certified = true;
    status.vendor = VendorClaim::green;
    status.vendor_disagreement = VendorDisagreement::green_while_broken;
    status.active_broker = "primary";
    status.incident.emplace();
    status.incident->state = IncidentState::confirmed;
    status.incident->decision = Decision::hold;
    status.incident->diagnosis = "primary_broker";
    status.incident->posterior = 0.875;
    status.incident->runner_up = "bridge";
    status.incident->runner_up_posterior = 0.125;
    status.incident->refusals = {Refusal::mode_observe, Refusal::standby_not_certified};
    metrics.status(status);
    for (const char* line : {
             "voltcanary_incident_open 1",
             "voltcanary_incident_state{state=\"confirmed\"} 1",
             "voltcanary_incident_state{state=\"suspected\"} 0",
             "voltcanary_decision{decision=\"hold\"} 1",
             "voltcanary_decision{decision=\"migrate\"} 0",
             "voltcanary_refusal{refusal=\"mode_observe\"} 1",
             "voltcanary_refusal{refusal=\"standby_not_certified\"} 1",
             "voltcanary_refusal{refusal=\"paused\"} 0",
             "voltcanary_diagnosis_posterior{diagnosis=\"primary_broker\"} 0.875",
             "voltcanary_diagnosis_posterior{diagnosis=\"bridge\"} 0.125",
             "voltcanary_block_score 12",
             "voltcanary_standby_certified 1",
             "voltcanary_vendor_verdict{claim=\"green\"} 1",
             "voltcanary_vendor_verdict{claim=\"missing\"} 0",
             "voltcanary_vendor_disagrees{how=\"green_while_broken\"} 1",
             "voltcanary_active_broker{broker=\"primary\"} 1",
         }) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
    status.incident->diagnosis = "bridge";
    status.incident->runner_up = "";
    status.vendor = VendorClaim::red;
    status.vendor_disagreement = VendorDisagreement::none;
    metrics.status(status);
    CHECK(has(metrics, "voltcanary_diagnosis_posterior{diagnosis=\"primary_broker\"} 0"));
    CHECK(has(metrics, "voltcanary_diagnosis_posterior{diagnosis=\"bridge\"} 0.875"));
    CHECK(has(metrics, "voltcanary_vendor_disagrees{how=\"green_while_broken\"} 0"));
    status.incident.reset();
    metrics.status(status);
    CHECK(has(metrics, "voltcanary_incident_state{state=\"confirmed\"} 0"));
    CHECK(has(metrics, "voltcanary_decision{decision=\"hold\"} 0"));
    CHECK(has(metrics, "voltcanary_refusal{refusal=\"mode_observe\"} 0"));
    CHECK(has(metrics, "voltcanary_incident_open 0"));
}

TEST_CASE("records are counted by what they say") {
    Metrics metrics(BuildFacts{});
    metrics.record({Instant{}, PageRaised{IncidentId{1}, Severity::low, "x"}});
    metrics.record({Instant{}, MigrationProposed{}});
    metrics.record({Instant{}, MigrationEnded{Epoch{1}, MigrationResult::verified, ""}});
    metrics.record({Instant{}, CommandTaken{CommandGiven{Command::pause, "a", "b"}}});
    metrics.record({Instant{}, BlockClosed{}});
    metrics.hook_run(HookVerb::apply, HookOutcome::already_done);
    CHECK(has(metrics, "voltcanary_pages_total{severity=\"low\"} 1"));
    CHECK(has(metrics, "voltcanary_pages_total{severity=\"high\"} 0"));
    CHECK(has(metrics, "voltcanary_migrations_started_total 1"));
    CHECK(has(metrics, "voltcanary_migrations_total{result=\"verified\"} 1"));
    CHECK(has(metrics, "voltcanary_commands_total{command=\"pause\"} 1"));
    CHECK(has(metrics, "voltcanary_hook_runs_total{outcome=\"already_done\",verb=\"apply\"} 1"));
}

TEST_CASE("others' counts are taken over, and never go back") {
    Metrics metrics(BuildFacts{});
    JournalFacts journal;
    journal.ok = false;
    journal.records = 9;
    journal.observations_dropped = 3;
    journal.batches_waiting = 2;
    journal.last_commit = 4ms;
    metrics.journal(journal);
    journal.records = 8;
    metrics.journal(journal);
    metrics.notify(NotifyFacts{.sent = 5, .retried = 1, .failed = 2, .queued = 4});
    metrics.missed_ticks(Channel::CT, 3);
    metrics.schedule_lag(2ms);
    metrics.loop_lag(250ms);
    for (const char* line :
         {"voltcanary_journal_ok 0", "voltcanary_journal_records_total 9",
          "voltcanary_journal_observations_dropped_total 3", "voltcanary_journal_batches_waiting 2",
          "voltcanary_journal_last_commit_seconds 0.004", "voltcanary_notify_sent_total 5",
          "voltcanary_notify_retried_total 1", "voltcanary_notify_failed_total 2",
          "voltcanary_notify_queued 4", "voltcanary_missed_ticks_total{channel=\"CT\"} 3",
          "voltcanary_schedule_lag_seconds_bucket{le=\"0.001\"} 0",
          "voltcanary_schedule_lag_seconds_bucket{le=\"0.0025\"} 1",
          "voltcanary_loop_lag_seconds 0.25"}) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
}

TEST_CASE("what sessions count only rises, and every event has its series from the start") {
    Metrics metrics(BuildFacts{"1", true});
    for (const SessionEvent event : all_session_events) {
        const std::string series =
            "voltcanary_session_events_total{event=\"" + std::string(to_text(event)) + "\"} 0";
        CHECK_MESSAGE(metrics.text().find(series) != std::string::npos, series);
    }
    metrics.session_events({{SessionEvent::drop, 3}});
    metrics.session_events({{SessionEvent::drop, 2}});
    CHECK(metrics.text().find("voltcanary_session_events_total{event=\"drop\"} 3") !=
          std::string::npos);
}

namespace {

const Instant noon{1'763'640'000s};

EngineStatus read_at(Instant at, std::vector<Gauge> gauges) {
    EngineStatus status;
    status.at = at;
    status.gauges = std::move(gauges);
    return status;
}

Gauge claim(VendorClaim says, Duration age) {
    Gauge gauge;
    gauge.source = "azure";
    gauge.vendor = says;
    gauge.age = age;
    return gauge;
}

void attempts(Metrics& metrics, Channel channel, Outcome outcome, int count, Instant at) {
    for (int i = 0; i < count; ++i) {
        Observation one = seen(channel, outcome, 1ms);
        one.finished = at;
        metrics.finished(one);
    }
}

}  // namespace

TEST_CASE("what is named has its series before anything is known of it") {
    Metrics metrics(BuildFacts{});
    NamedParts parts;
    parts.sources = {{GaugeRole::vendor_claim, "azure"}, {GaugeRole::own_messages, "prometheus"}};
    parts.primary_entities = {"canary-0"};
    parts.standby_entities = {"spare-0"};
    parts.credentials = {"primary"};
    metrics.expect(parts);
    for (const char* line : {
             "voltcanary_vendor_claim{claim=\"missing\",source=\"azure\"} 1",
             "voltcanary_vendor_claim_age_seconds{source=\"azure\"} Nan",
             "voltcanary_vendor_contradicts_probes{kind=\"red_while_good\",source=\"azure\"} 0",
             "voltcanary_vendor_contradiction_seconds_total{kind=\"green_while_bad\","
             "source=\"azure\"} 0",
             "voltcanary_gauge{role=\"own_messages\",source=\"prometheus\"} Nan",
             "voltcanary_gauge_present{role=\"own_messages\",source=\"prometheus\"} 0",
             "voltcanary_gauge_age_seconds{role=\"own_messages\",source=\"prometheus\"} Nan",
             "voltcanary_entity_attempts_total{broker=\"primary\",entity=\"canary-0\"} 0",
             "voltcanary_entity_last_ok_timestamp_seconds{broker=\"standby\",entity=\"spare-0\"} "
             "0",
             "voltcanary_credential_expiry_timestamp_seconds{credential=\"primary\"} 0",
             "voltcanary_credential_refreshes_total{credential=\"primary\",outcome=\"refused\"} "
             "0",
         }) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
}

TEST_CASE("a gauge shows its number and its age, and that it is missing") {
    Metrics metrics(BuildFacts{});
    Gauge gauge;
    gauge.role = GaugeRole::chargers_connected;
    gauge.source = "fleet";
    gauge.value = 0.75;
    gauge.age = 90s;
    metrics.status(read_at(noon, {gauge}));
    CHECK(has(metrics, "voltcanary_gauge{role=\"chargers_connected\",source=\"fleet\"} 0.75"));
    CHECK(has(metrics,
              "voltcanary_gauge_age_seconds{role=\"chargers_connected\",source=\"fleet\"} 90"));
    CHECK(has(metrics, "voltcanary_gauge_present{role=\"chargers_connected\",source=\"fleet\"} 1"));
    gauge.value.reset();
    metrics.status(read_at(noon + 1s, {gauge}));
    CHECK(has(metrics, "voltcanary_gauge{role=\"chargers_connected\",source=\"fleet\"} Nan"));
    CHECK(has(metrics, "voltcanary_gauge_present{role=\"chargers_connected\",source=\"fleet\"} 0"));
}

TEST_CASE("a green claim while one attempt in twenty is bad is a contradiction, and it is timed") {
    Metrics metrics(BuildFacts{});
    const std::string state =
        "voltcanary_vendor_contradicts_probes{kind=\"green_while_bad\",source=\"azure\"} ";
    const std::string time =
        "voltcanary_vendor_contradiction_seconds_total{kind=\"green_while_bad\","
        "source=\"azure\"} ";
    const auto claim_at = [&](Duration since, VendorClaim says) {
        metrics.status(read_at(noon + since, {claim(says, 60s)}));
    };
    claim_at(0s, VendorClaim::green);
    CHECK(has(metrics, state + "0"));  // nothing was seen yet
    attempts(metrics, Channel::DL, Outcome::ok, 18, noon);
    attempts(metrics, Channel::DF, Outcome::timeout, 1, noon);
    attempts(metrics, Channel::HB, Outcome::timeout, 9, noon);        // not of the broker alone
    attempts(metrics, Channel::DF, Outcome::misconfigured, 9, noon);  // no vote
    claim_at(1s, VendorClaim::green);
    CHECK(has(metrics, state + "1"));
    CHECK(has(metrics, time + "1"));
    claim_at(4s, VendorClaim::green);
    CHECK(has(metrics, time + "4"));
    attempts(metrics, Channel::DL, Outcome::ok, 20, noon);  // one in forty
    claim_at(6s, VendorClaim::green);
    CHECK(has(metrics, state + "0"));
    CHECK(has(metrics, time + "4"));
    claim_at(7s, VendorClaim::red);
    CHECK(has(metrics,
              "voltcanary_vendor_contradicts_probes{kind=\"red_while_good\","
              "source=\"azure\"} 1"));
    CHECK(has(metrics, "voltcanary_vendor_claim{claim=\"red\",source=\"azure\"} 1"));
    CHECK(has(metrics, "voltcanary_vendor_claim_age_seconds{source=\"azure\"} 60"));
    claim_at(7min, VendorClaim::red);  // what was seen is too old by now
    CHECK(has(metrics,
              "voltcanary_vendor_contradicts_probes{kind=\"red_while_good\","
              "source=\"azure\"} 0"));
    CHECK(has(metrics, "voltcanary_primary_bad_share Nan"));
}

TEST_CASE("an entity counts its attempts, and what was not ok by outcome") {
    Metrics metrics(BuildFacts{});
    NamedParts parts;
    parts.primary_entities = {"a", "b"};
    parts.standby_entities = {"a"};
    metrics.expect(parts);
    Observation one = seen(Channel::DX, Outcome::lost, 1s);
    one.target = 1;
    metrics.finished(one);
    one = seen(Channel::DL, Outcome::ok, 1s);
    one.target = 1;
    metrics.finished(one);
    one.channel = Channel::SF;
    one.target = 0;
    metrics.finished(one);
    one.target = 7;  // nobody's
    metrics.finished(one);
    metrics.finished(seen(Channel::HB, Outcome::lost, 1s));
    for (const char* line : {
             "voltcanary_entity_attempts_total{broker=\"primary\",entity=\"a\"} 0",
             "voltcanary_entity_attempts_total{broker=\"primary\",entity=\"b\"} 2",
             "voltcanary_entity_attempts_total{broker=\"standby\",entity=\"a\"} 1",
             "voltcanary_entity_failures_total{broker=\"primary\",entity=\"b\","
             "outcome=\"lost\"} 1",
             "voltcanary_entity_last_ok_timestamp_seconds{broker=\"primary\",entity=\"a\"} 0",
             "voltcanary_entity_last_ok_timestamp_seconds{broker=\"primary\",entity=\"b\"} "
             "1763650001",
         }) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
    CHECK(metrics.text().find("outcome=\"ok\",broker") == std::string::npos);
}

TEST_CASE("a reconnect is counted and timed by what it was") {
    Metrics metrics(BuildFacts{});
    metrics.reconnect({Channel::DL, Direction::recv, Outcome::ok, Phase::none, true, 70s});
    metrics.reconnect({Channel::DL, Direction::recv, Outcome::refused, Phase::tcp, false, 5ms});
    metrics.reconnect({Channel::DL, Direction::recv, Outcome::refused, Phase::tcp, false, 5ms});
    const std::string family = "voltcanary_reconnect_duration_seconds_";
    for (const std::string line :
         {"count{channel=\"DL\",direction=\"recv\",outcome=\"ok\",planned=\"yes\"} 1",
          "sum{channel=\"DL\",direction=\"recv\",outcome=\"ok\",planned=\"yes\"} 70",
          "count{channel=\"DL\",direction=\"recv\",outcome=\"ok\",planned=\"no\"} 0",
          "count{channel=\"DL\",direction=\"recv\",outcome=\"refused\",planned=\"no\"} 2"}) {
        CHECK_MESSAGE(has(metrics, family + line), line);
    }
}

TEST_CASE("the standby's readiness, credentials, certificates and lost lines are shown") {
    Metrics metrics(BuildFacts{});
    metrics.readiness({ReadinessFacts::State::differs, 3, noon});
    metrics.credential("primary", CredentialRefresh::renewed, noon + 1h);
    metrics.credential("primary", CredentialRefresh::failed, noon + 1h);
    metrics.certificate("ns:5671", WallTime{1'800'000'000'000'000'000});
    metrics.certificate("ns:5671", WallTime{1'900'000'000'000'000'000});
    metrics.certificates_reloaded(false);
    metrics.log_lines_lost(4);
    for (const char* line : {
             "voltcanary_standby_readiness{state=\"differs\"} 1",
             "voltcanary_standby_readiness{state=\"unknown\"} 0",
             "voltcanary_standby_differences 3",
             "voltcanary_standby_readiness_timestamp_seconds 1763640000",
             "voltcanary_credential_refreshes_total{credential=\"primary\",outcome=\"renewed\"} "
             "1",
             "voltcanary_credential_refreshes_total{credential=\"primary\",outcome=\"failed\"} 1",
             "voltcanary_credential_expiry_timestamp_seconds{credential=\"primary\"} 1763643600",
             "voltcanary_tls_certificate_expiry_timestamp_seconds{peer=\"ns:5671\"} 1900000000",
             "voltcanary_tls_reloads_total{result=\"failed\"} 1",
             "voltcanary_log_lines_lost_total 4",
         }) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
    metrics.credential("primary", CredentialRefresh::renewed, std::nullopt);
    CHECK(has(metrics, "voltcanary_credential_expiry_timestamp_seconds{credential=\"primary\"} 0"));
}

}  // namespace vc
