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
             "voltcanary_vendor_claim{claim=\"green\"} 0",
             "voltcanary_vendor_disagrees 0",
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
             "voltcanary_vendor_claim{claim=\"green\"} 1",
             "voltcanary_vendor_claim{claim=\"missing\"} 0",
             "voltcanary_vendor_disagrees 1",
             "voltcanary_active_broker{broker=\"primary\"} 1",
         }) {
        CHECK_MESSAGE(has(metrics, line), line);
    }
    status.incident->diagnosis = "bridge";
    status.incident->runner_up = "";
    status.vendor = VendorClaim::red;
    metrics.status(status);
    CHECK(has(metrics, "voltcanary_diagnosis_posterior{diagnosis=\"primary_broker\"} 0"));
    CHECK(has(metrics, "voltcanary_diagnosis_posterior{diagnosis=\"bridge\"} 0.875"));
    CHECK(has(metrics, "voltcanary_vendor_disagrees 0"));
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

}  // namespace vc
