#include "daemon/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <type_traits>
#include <variant>

#include "daemon/metrics/broker_metrics.h"
#include "daemon/metrics/series.h"
#include "daemon/metrics/source_metrics.h"
#include "daemon/metrics/trust_metrics.h"

namespace vc {
namespace {

// From a millisecond (a local broker) to a minute (three budgets of the slowest probe and more).
const Histogram::BucketBoundaries latency_buckets{
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60};
const Histogram::BucketBoundaries lag_buckets{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};

constexpr std::array all_phases{
    Phase::dns,         Phase::tcp,           Phase::tls,          Phase::upgrade,
    Phase::boot,        Phase::call,          Phase::sasl,         Phase::open,
    Phase::cbs_attach,  Phase::cbs_put_token, Phase::attach_send,  Phase::credit,
    Phase::attach_recv, Phase::send_settle,   Phase::send_receive, Phase::complete_settle,
    Phase::close};
constexpr std::array all_states{IncidentState::suspected,  IncidentState::confirmed,
                                IncidentState::migrating,  IncidentState::probation,
                                IncidentState::quarantine, IncidentState::closed};
constexpr std::array all_decisions{Decision::migrate, Decision::hold, Decision::page,
                                   Decision::suppress, Decision::none};
constexpr std::array all_refusals{
    Refusal::mode_observe,          Refusal::quorum_not_accepted,   Refusal::paused,
    Refusal::evidence_insufficient, Refusal::diagnosis_unknown,     Refusal::not_curable_by_move,
    Refusal::posterior_low,         Refusal::users_not_harmed,      Refusal::watcher_blind,
    Refusal::primary_unseen,        Refusal::standby_not_certified, Refusal::standby_shared_fate,
    Refusal::standby_unfit,         Refusal::standby_unaudited,     Refusal::standby_audit_pending,
    Refusal::migration_in_flight,   Refusal::already_migrated,      Refusal::no_migration_plan};
constexpr std::array all_claims{VendorClaim::missing, VendorClaim::green, VendorClaim::red};
constexpr std::array all_disagreements{VendorDisagreement::green_while_broken,
                                       VendorDisagreement::red_while_good};
constexpr std::array all_verbs{HookVerb::plan, HookVerb::apply, HookVerb::verify, HookVerb::undo};
constexpr std::array all_hook_outcomes{HookOutcome::done,    HookOutcome::already_done,
                                       HookOutcome::refused, HookOutcome::transient,
                                       HookOutcome::failed,  HookOutcome::timed_out};
constexpr std::array all_results{MigrationResult::verified, MigrationResult::rolled_back,
                                 MigrationResult::failed};
constexpr std::array all_severities{Severity::low, Severity::high};
constexpr std::array all_commands{Command::pause, Command::resume, Command::ack};

// The phases that a channel's attempts can pass through, so that the series that can never move
// are not made.
bool can_have(Channel channel, Phase phase) {
    constexpr auto last_of_ocpp = Phase::call;
    switch (channel) {
        case Channel::CT:
            return phase == Phase::dns || phase == Phase::tcp || phase == Phase::tls ||
                   phase == Phase::call;
        case Channel::BH:
        case Channel::HB:
        case Channel::TX:
        case Channel::SC:
            return phase <= last_of_ocpp || phase == Phase::close;
        case Channel::DL:
        case Channel::DF:
        case Channel::SL:
        case Channel::SF:
        case Channel::DX:
        case Channel::SX:
        case Channel::DM:
        case Channel::SM:
            return phase <= Phase::tls || phase > last_of_ocpp;
    }
    return true;
}

// What is known of one channel.
struct ChannelMetrics {
    Counter* started = nullptr;
    Series<Counter, Outcome> finished;
    std::map<std::pair<Phase, Outcome>, Counter*> failures;  // made when first seen
    Meter* in_flight = nullptr;
    Histogram* duration = nullptr;
    Series<Histogram, Phase> phases;
    Counter* missed = nullptr;
    Counter* tainted = nullptr;
    Meter* last_finish = nullptr;
    std::optional<Instant> last_finished;
};

}  // namespace

struct Metrics::State {
    Registry registry;
    std::map<Channel, ChannelMetrics> channels;
    Family<Counter>* failures = nullptr;
    Histogram* schedule_lag = nullptr;
    Meter* loop_lag = nullptr;

    Series<Meter, IncidentState> incident_state;
    Series<Meter, Decision> decision;
    Series<Meter, Refusal> refusal;
    Family<Meter>* posterior = nullptr;
    std::map<std::string, Meter*> posteriors;  // of every diagnosis named so far
    Meter* incident_open = nullptr;
    Meter* score = nullptr;
    Meter* certified = nullptr;
    Meter* blind = nullptr;
    Meter* paused = nullptr;
    Series<Meter, VendorClaim> vendor_verdict;
    Series<Meter, VendorDisagreement> vendor_disagrees;
    Series<Meter, std::size_t> active;  // 0 primary, 1 standby

    Series<Counter, Severity> pages;
    Counter* migrations_started = nullptr;
    Series<Counter, MigrationResult> migrations;
    std::map<std::pair<HookVerb, HookOutcome>, Counter*> hook_runs;
    Series<Counter, Command> commands;

    Meter* journal_ok = nullptr;
    Counter* journal_records = nullptr;
    Counter* journal_observations = nullptr;
    Counter* journal_dropped = nullptr;
    Counter* journal_failures = nullptr;
    Meter* journal_waiting = nullptr;
    Meter* journal_bytes = nullptr;
    Meter* journal_commit = nullptr;
    Counter* notify_sent = nullptr;
    Counter* notify_retried = nullptr;
    Counter* notify_failed = nullptr;
    Meter* notify_queued = nullptr;
    Series<Counter, SessionEvent> session_events;

    SourceMetrics sources{registry};
    BrokerMetrics brokers{registry};
    TrustMetrics trust{registry};
    Counter* lines_lost = nullptr;

    void make_channels();
    void make_engine();
    void make_actions();
    void make_journal();
    void make_build(const BuildFacts& facts);
};

void Metrics::State::make_channels() {
    auto& started = counters(registry, "voltcanary_probe_started_total", "Attempts taken up.");
    auto& finished =
        counters(registry, "voltcanary_probe_finished_total", "Attempts ended, by outcome.");
    auto& in_flight = gauges(registry, "voltcanary_probe_in_flight", "Attempts under way.");
    auto& duration = histograms(registry, "voltcanary_probe_duration_seconds",
                                "From the intended start to the known outcome.");
    auto& phase = histograms(registry, "voltcanary_probe_phase_duration_seconds",
                             "Time that attempts spent in a phase.");
    auto& missed = counters(registry, "voltcanary_missed_ticks_total",
                            "Due times that passed without an attempt.");
    auto& tainted = counters(registry, "voltcanary_tainted_total",
                             "Attempts made while our own loop lagged: they have no vote.");
    auto& last = gauges(registry, "voltcanary_last_finish_timestamp_seconds",
                        "When an attempt last ended, as Unix time; 0 before the first.");
    failures = &counters(registry, "voltcanary_probe_failures_total",
                         "Attempts that were not ok, by the phase that failed.");
    for (const Channel channel : all_channels) {
        ChannelMetrics& mine = channels[channel];
        const Labels labels{{"channel", word(channel)}};
        mine.started = &started.Add(labels);
        mine.in_flight = &in_flight.Add(labels);
        mine.duration = &duration.Add(labels, latency_buckets);
        mine.missed = &missed.Add(labels);
        mine.tainted = &tainted.Add(labels);
        mine.last_finish = &last.Add(labels);
        for (const Outcome outcome : all_outcomes) {
            mine.finished[outcome] =
                &finished.Add({{"channel", word(channel)}, {"outcome", word(to_text(outcome))}});
        }
        for (const Phase one : all_phases) {
            if (!can_have(channel, one)) continue;
            mine.phases[one] = &phase.Add(
                {{"channel", word(channel)}, {"phase", word(to_text(one))}}, latency_buckets);
        }
    }
    schedule_lag = &histograms(registry, "voltcanary_schedule_lag_seconds",
                               "Start of an attempt behind its due time.")
                        .Add({}, lag_buckets);
    loop_lag = &meter(registry, "voltcanary_loop_lag_seconds", "Lag of our own event loop.");
}

void Metrics::State::make_engine() {
    incident_state = add_all<Meter>(
        gauges(registry, "voltcanary_incident_state", "1 for the open incident's state."), "state",
        all_states);
    decision = add_all<Meter>(gauges(registry, "voltcanary_decision",
                                     "1 for the decision that stands in the open incident."),
                              "decision", all_decisions);
    refusal = add_all<Meter>(
        gauges(registry, "voltcanary_refusal", "1 for every reason not to migrate now."), "refusal",
        all_refusals);
    posterior = &gauges(registry, "voltcanary_diagnosis_posterior",
                        "Probability of the open incident's diagnosis and its runner-up.");
    posteriors["unknown"] = &posterior->Add({{"diagnosis", "unknown"}});
    incident_open = &meter(registry, "voltcanary_incident_open", "1 while an incident is open.");
    score = &meter(registry, "voltcanary_block_score", "Bad minutes against good ones.");
    certified = &meter(registry, "voltcanary_standby_certified",
                       "1 when full loops through the standby passed recently.");
    blind = &meter(registry, "voltcanary_blind",
                   "1 when our own control probes fail or too little is seen.");
    paused = &meter(registry, "voltcanary_paused", "1 while an operator has paused it.");
    vendor_verdict = add_all<Meter>(
        gauges(registry, "voltcanary_vendor_verdict", "1 for what all claims together say."),
        "claim", all_claims);
    vendor_disagrees = add_all<Meter>(
        gauges(registry, "voltcanary_vendor_disagrees",
               "1 while that verdict contradicts our own: green while the diagnosis names the "
               "broker, or red while every judged path works."),
        "how", all_disagreements);
    auto& broker = gauges(registry, "voltcanary_active_broker",
                          "1 for the broker that our own moves have made the active one.");
    active[0] = &broker.Add({{"broker", "primary"}});
    active[1] = &broker.Add({{"broker", "standby"}});
}

void Metrics::State::make_actions() {
    pages = add_all<Counter>(counters(registry, "voltcanary_pages_total", "Pages raised."),
                             "severity", all_severities);
    migrations_started =
        &counter(registry, "voltcanary_migrations_started_total", "Migrations proposed and begun.");
    migrations = add_all<Counter>(
        counters(registry, "voltcanary_migrations_total", "Migrations that ended."), "result",
        all_results);
    auto& runs = counters(registry, "voltcanary_hook_runs_total", "Hook runs that ended.");
    for (const HookVerb verb : all_verbs) {
        for (const HookOutcome outcome : all_hook_outcomes) {
            hook_runs[{verb, outcome}] =
                &runs.Add({{"verb", word(to_text(verb))}, {"outcome", word(to_text(outcome))}});
        }
    }
    commands = add_all<Counter>(
        counters(registry, "voltcanary_commands_total", "Commands that operators gave."), "command",
        all_commands);
    notify_sent = &counter(registry, "voltcanary_notify_sent_total", "Pages that a target took.");
    notify_retried = &counter(registry, "voltcanary_notify_retried_total",
                              "Tries to deliver a page that failed and were repeated.");
    notify_failed =
        &counter(registry, "voltcanary_notify_failed_total", "Pages that were given up.");
    notify_queued = &meter(registry, "voltcanary_notify_queued", "Pages not delivered yet.");
}

void Metrics::State::make_journal() {
    journal_ok = &meter(registry, "voltcanary_journal_ok",
                        "1 while the journal can be written; actions wait while it is 0.");
    journal_ok->Set(1);
    journal_records = &counter(registry, "voltcanary_journal_records_total", "Records on disk.");
    journal_observations = &counter(registry, "voltcanary_journal_observations_total",
                                    "Observations on disk: those not ok, and those cited.");
    journal_dropped = &counter(registry, "voltcanary_journal_observations_dropped_total",
                               "Observations that were dropped because too many waited.");
    journal_failures =
        &counter(registry, "voltcanary_journal_failures_total", "Writes that failed.");
    journal_waiting =
        &meter(registry, "voltcanary_journal_batches_waiting", "Batches not on disk yet.");
    journal_bytes = &meter(registry, "voltcanary_journal_bytes", "Size of the journal.");
    journal_commit = &meter(registry, "voltcanary_journal_last_commit_seconds",
                            "How long the last commit took, in the machine's time.");
}

void Metrics::State::make_build(const BuildFacts& facts) {
    auto& events = counters(registry, "voltcanary_session_events_total",
                            "Connections, and what peers did outside any attempt.");
    session_events = add_all<Counter>(events, "event", all_session_events);
    lines_lost = &counter(registry, "voltcanary_log_lines_lost_total",
                          "Lines of our log that nobody read in time.");
    gauges(registry, "voltcanary_build_info", "Always 1; the version is in the label.")
        .Add({{"version", facts.version}})
        .Set(1);
    meter(registry, "voltcanary_quorum_of_one", "1 when one watcher decides alone.")
        .Set(facts.quorum_of_one ? 1 : 0);
}

std::uint64_t Accounting::finished_sum() const {
    return std::accumulate(finished.begin(), finished.end(), std::uint64_t{0});
}

Metrics::Metrics(const BuildFacts& facts) : state_(std::make_unique<State>()) {
    state_->make_channels();
    state_->make_engine();
    state_->make_actions();
    state_->make_journal();
    state_->make_build(facts);
}

Metrics::~Metrics() = default;

void Metrics::expect(const NamedParts& parts) {
    for (const NamedParts::Source& source : parts.sources)
        state_->sources.expect(source.role, source.name);
    state_->brokers.expect(parts.primary_entities, parts.standby_entities);
    for (const std::string& name : parts.credentials)
        state_->trust.expect(name);
}

void Metrics::started(Channel channel) {
    state_->channels[channel].started->Increment();
}

void Metrics::finished(const Observation& seen) {
    ChannelMetrics& mine = state_->channels[seen.channel];
    mine.finished[seen.outcome]->Increment();
    mine.duration->Observe(seconds(seen.latency()));
    for (const PhaseTime& phase : seen.phases) {
        const auto series = mine.phases.find(phase.phase);
        if (series != mine.phases.end()) series->second->Observe(seconds(phase.took));
    }
    if (seen.tainted) mine.tainted->Increment();
    if (seen.outcome != Outcome::ok) {
        Counter*& failed = mine.failures[{seen.failed_phase, seen.outcome}];
        if (failed == nullptr) {
            failed = &state_->failures->Add({{"channel", word(seen.channel)},
                                             {"phase", word(to_text(seen.failed_phase))},
                                             {"outcome", word(to_text(seen.outcome))}});
        }
        failed->Increment();
    }
    state_->sources.finished(seen);
    state_->brokers.finished(seen);
    mine.last_finished = seen.finished;
    mine.last_finish->Set(seconds(seen.finished.time_since_epoch()));
}

void Metrics::in_flight(Channel channel, std::uint64_t attempts) {
    state_->channels[channel].in_flight->Set(static_cast<double>(attempts));
}

void Metrics::missed_ticks(Channel channel, std::uint64_t ticks) {
    state_->channels[channel].missed->Increment(static_cast<double>(ticks));
}

void Metrics::schedule_lag(Duration lag) {
    state_->schedule_lag->Observe(seconds(lag));
}

void Metrics::loop_lag(Duration lag) {
    state_->loop_lag->Set(seconds(lag));
}

void Metrics::hook_run(HookVerb verb, HookOutcome outcome) {
    state_->hook_runs[{verb, outcome}]->Increment();
}

void Metrics::record(const Record& record) {
    if (const auto* raised = std::get_if<PageRaised>(&record.body)) {
        state_->pages[raised->severity]->Increment();
    } else if (std::get_if<MigrationProposed>(&record.body) != nullptr) {
        state_->migrations_started->Increment();
    } else if (const auto* ended = std::get_if<MigrationEnded>(&record.body)) {
        state_->migrations[ended->result]->Increment();
    } else if (const auto* taken = std::get_if<CommandTaken>(&record.body)) {
        state_->commands[taken->given.command]->Increment();
    }
}

void Metrics::status(const EngineStatus& status) {
    State& state = *state_;
    const auto& incident = status.incident;
    state.incident_open->Set(incident ? 1 : 0);
    set_one(state.incident_state, incident ? std::optional(incident->state) : std::nullopt);
    set_one(state.decision, incident ? std::optional(incident->decision) : std::nullopt);
    std::set<Refusal> refused;
    if (incident) refused.insert(incident->refusals.begin(), incident->refusals.end());
    for (const auto& [refusal, gauge] : state.refusal)
        gauge->Set(refused.contains(refusal) ? 1 : 0);

    for (const auto& [name, gauge] : state.posteriors)
        gauge->Set(0);
    const auto set_posterior = [&](const std::string& name, double value) {
        if (name.empty()) return;
        Meter*& gauge = state.posteriors[name];
        if (gauge == nullptr) gauge = &state.posterior->Add({{"diagnosis", name}});
        gauge->Set(value);
    };
    if (incident) set_posterior(incident->runner_up, incident->runner_up_posterior);
    if (incident) set_posterior(incident->diagnosis, incident->posterior);

    state.score->Set(static_cast<double>(status.score));
    state.certified->Set(status.standby_certified ? 1 : 0);
    state.blind->Set(status.blind ? 1 : 0);
    state.paused->Set(status.paused ? 1 : 0);
    for (const Gauge& reading : status.gauges)
        state.sources.gauge(reading);
    state.sources.pass(status.at);
    set_one(state.vendor_verdict, std::optional(status.vendor));
    set_one(state.vendor_disagrees, std::optional(status.vendor_disagreement));
    state.active[0]->Set(status.active_broker == "primary" ? 1 : 0);
    state.active[1]->Set(status.active_broker == "standby" ? 1 : 0);
}

void Metrics::reconnect(const Reconnect& one) {
    state_->brokers.reconnect(one);
}

void Metrics::readiness(const ReadinessFacts& facts) {
    state_->trust.readiness(facts);
}

void Metrics::credential(const std::string& name, CredentialRefresh how,
                         std::optional<Instant> expires) {
    state_->trust.credential(name, how, expires);
}

void Metrics::certificate(const std::string& peer, WallTime expires) {
    state_->trust.certificate(peer, expires);
}

void Metrics::certificates_reloaded(bool ok) {
    state_->trust.reloaded(ok);
}

void Metrics::log_lines_lost(std::uint64_t lines) {
    raise(*state_->lines_lost, lines);
}

void Metrics::journal(const JournalFacts& facts) {
    State& state = *state_;
    state.journal_ok->Set(facts.ok ? 1 : 0);
    raise(*state.journal_records, facts.records);
    raise(*state.journal_observations, facts.observations);
    raise(*state.journal_dropped, facts.observations_dropped);
    raise(*state.journal_failures, facts.failures);
    state.journal_waiting->Set(static_cast<double>(facts.batches_waiting));
    state.journal_bytes->Set(static_cast<double>(facts.file_bytes));
    state.journal_commit->Set(seconds(facts.last_commit));
}

void Metrics::notify(const NotifyFacts& facts) {
    raise(*state_->notify_sent, facts.sent);
    raise(*state_->notify_retried, facts.retried);
    raise(*state_->notify_failed, facts.failed);
    state_->notify_queued->Set(static_cast<double>(facts.queued));
}

void Metrics::session_events(const std::map<SessionEvent, std::uint64_t>& counts) {
    for (const auto& [event, count] : counts)
        raise(*state_->session_events.at(event), count);
}

Accounting Metrics::accounting(Channel channel) const {
    const ChannelMetrics& mine = state_->channels.at(channel);
    Accounting accounting;
    accounting.started = static_cast<std::uint64_t>(mine.started->Value());
    for (std::size_t i = 0; i < all_outcomes.size(); ++i) {
        accounting.finished[i] =
            static_cast<std::uint64_t>(mine.finished.at(all_outcomes[i])->Value());
    }
    accounting.in_flight = static_cast<std::uint64_t>(mine.in_flight->Value());
    return accounting;
}

std::optional<std::string> Metrics::unaccounted() const {
    std::string words;
    for (const Channel channel : all_channels) {
        const Accounting one = accounting(channel);
        if (one.holds()) continue;
        if (!words.empty()) words += "; ";
        words += word(channel) + ": started " + std::to_string(one.started) + ", finished " +
                 std::to_string(one.finished_sum()) + ", in flight " +
                 std::to_string(one.in_flight);
    }
    return words.empty() ? std::nullopt : std::optional(words);
}

std::optional<Instant> Metrics::last_finish(Channel channel) const {
    return state_->channels.at(channel).last_finished;
}

std::string Metrics::text() const {
    return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace vc
