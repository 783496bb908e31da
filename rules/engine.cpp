#include "rules/engine.h"

#include <algorithm>

#include "rules/base/check.h"
#include "rules/base/overloaded.h"
#include "rules/engine_state.h"

namespace vc {
namespace {

constexpr std::size_t most_detail = 500;  // characters of a hook's last words that are kept

}  // namespace

Engine::State::State(Rules the_rules)
    : rules(std::move(the_rules)),
      ledger(rules.detectors, rules.cadences),
      standby(rules.detectors, rules.cadences),
      failures(rules.detectors.evidence_kept),
      memory(rules) {}

void Engine::State::begin(Instant at) {
    begun = true;
    now = at;
    watch_from = at;
    ledger.clear();
    settled = ledger.settled_at(at);
    reviewed = settled;
    audit_orders.begin(at);
}

// Brings the time forward and closes every block that has settled since.
void Engine::State::advance(Instant at) {
    VC_CHECK(at >= now, "events come in order of time");
    // Nobody told us the time for so long: we were not running, and must not read our own absence
    // as silence of the platform.
    if (at - now > 2 * rules.detectors.block) begin(at);
    now = at;
    const Instant target = ledger.settled_at(now);
    while (settled < target) {
        settled += rules.detectors.slot;
        if (ledger.block_of(settled) == settled) close_block(settled - rules.detectors.block);
        review_due = true;
    }
    const Duration kept = std::max(rules.detectors.window, rules.policy.verify_within);
    ledger.forget_before(settled - kept - rules.detectors.block);
}

void Engine::State::take(const EventBody& body) {
    std::visit(
        Overloaded{[](const Tick&) {},
                   [&](const ObservationSeen& seen) {
                       if (!is_evidence(seen.observation.channel)) return;
                       ledger.add(seen.observation, now);
                       standby.add(seen.observation, now);
                       failures.add(seen.observation);
                   },
                   [&](const GaugeSeen& seen) { take_gauge(seen.gauge); },
                   [&](const HookFinished& finished) {
                       // One that nobody waits for belongs to a run before a restart.
                       if (!memory.machine.awaits(finished.run)) return;
                       emit(StepFinished{finished.run, finished.outcome,
                                         finished.detail.substr(0, most_detail)});
                   },
                   [&](const AuditFinished& finished) { audit_finished(finished.audit); },
                   [&](const CommandGiven& given) {
                       emit(CommandTaken{given});
                       review_due = true;
                       const bool open = memory.incident.has_value();
                       const IncidentState state =
                           open ? memory.incident->state : IncidentState::closed;
                       if (given.command == Command::ack && (state == IncidentState::probation ||
                                                             state == IncidentState::quarantine)) {
                           move_incident(IncidentState::closed,
                                         "acknowledged by " + given.by + ": " + given.reason);
                       }
                   }},
        body);
}

void Engine::State::take_gauge(const Gauge& gauge) {
    gauges.add(gauge, now);
    if (memory.gauges.is_news(gauge, now)) emit(GaugeChanged{gauge});
}

void Engine::State::emit(RecordBody body) {
    Record record{now, std::move(body)};
    memory.fold(record, ledger);
    records.push_back(std::move(record));
}

void Engine::State::raise(Severity severity, std::string text) {
    PageRaised page{memory.incident->id, severity, std::move(text)};
    emit(page);
    actions.push_back(NotifyPage{std::move(page)});
}

void Engine::State::drive_migration() {
    if (!memory.machine.in_flight() || held) return;
    while (auto body = memory.machine.next(now, move_conditions())) {
        emit(*body);
        if (const auto* started = std::get_if<StepStarted>(&*body)) {
            actions.push_back(RunHook{*memory.machine.plan(), started->run, started->key});
        }
        if (const auto* ended = std::get_if<MigrationEnded>(&*body)) migration_ended(*ended);
    }
}

void Engine::State::migration_ended(const MigrationEnded& ended) {
    ledger.clear();
    named.reset();
    if (!memory.incident) return;
    if (ended.result == MigrationResult::verified) {
        move_incident(IncidentState::quarantine, ended.detail);
        return;
    }
    const bool back = ended.result == MigrationResult::rolled_back;
    const std::string what =
        back ? "the move was given up and undone: " : "the move FAILED and needs a person: ";
    const DecisionMade before = memory.incident->decision;
    move_incident(IncidentState::confirmed, what + ended.detail);
    DecisionMade hold{
        memory.incident->id,         Decision::hold,     before.diagnosis, before.posterior,
        {Refusal::already_migrated}, what + ended.detail};
    emit(hold);
    // Never silent, whatever was said before.
    raise(Severity::high, what + ended.detail);
}

MoveConditions Engine::State::move_conditions() const {
    MoveConditions conditions;
    const Certificate certificate = standby.at(now);
    if (memory.paused) conditions.obstacle = explain(Refusal::paused);
    // After a restart the loops of before are forgotten. The move was decided on them; unless
    // something failed since, they hold for as long as they would have.
    const bool outdated = now - memory.machine.proposed() > rules.detectors.standby_loops_within;
    if (certificate.refuted || (!certificate.certified && outdated)) {
        conditions.obstacle =
            std::string(explain(Refusal::standby_not_certified)) + ": " + certificate.reason;
    }
    if (outage_over()) {
        conditions.obstacle = "the outage is over, and too little else has gone wrong";
    }
    if (audit_standing() == AuditStanding::unfit) {
        conditions.obstacle =
            std::string(explain(Refusal::standby_unfit)) + ": " + memory.audits.lacks();
    }
    if (control_fails_now()) conditions.obstacle = explain(Refusal::watcher_blind);
    conditions.proven = users_served();
    conditions.watched_since = watch_from;
    return conditions;
}

// A row that clears the control target and the bridge, and finds a direct path to the primary bad.
bool Engine::State::names_broker(const std::string& diagnosis) const {
    return std::any_of(
        rules.hypotheses.begin(), rules.hypotheses.end(), [&](const Hypothesis& row) {
            const auto bad = [&](Channel channel) { return row.of(channel) == Expectation::bad; };
            return row.name == diagnosis && !bad(Channel::CT) && !bad(Channel::BH) &&
                   (bad(Channel::DL) || bad(Channel::DF));
        });
}

VendorDisagreement Engine::State::vendor_disagreement() const {
    const VendorClaim claim = gauges.vendor(now).claim;
    if (claim == VendorClaim::green && memory.incident) {
        const IncidentState state = memory.incident->state;
        const bool goes_on = state == IncidentState::suspected ||
                             state == IncidentState::confirmed || state == IncidentState::migrating;
        if (goes_on && names_broker(memory.incident->diagnosis.diagnosis)) {
            return VendorDisagreement::green_while_broken;
        }
    }
    if (claim == VendorClaim::red && !memory.incident &&
        settled - watch_from >= rules.detectors.block) {
        const Duration block = rules.detectors.block;
        const BlockJudgement last = judge(ledger.between(settled - block, settled), block,
                                          memory.active(), ledger, rules.detectors);
        if (!last.bad && !last.blind) return VendorDisagreement::red_while_good;
    }
    return VendorDisagreement::none;
}

// The control probes answer within a second, so a cut of our own shows in them long before its
// minute has settled. Looked at before anything irrevocable.
bool Engine::State::control_fails_now() const {
    return control_fails(ledger.slot_of(now - rules.detectors.block), now + rules.detectors.slot);
}

bool Engine::State::control_fails(Instant from, Instant to) const {
    const Counts counts = ledger.between(from, to);
    const ChannelCount& count = at(counts, Channel::CT);
    return count.bad >= bad_threshold(votes(count), rules.detectors.background_loss,
                                      rules.detectors.false_block);
}

// Hooks may be slow. A move that a plain outage alone called for is not made for a platform that
// has served its users since; one that the score called for is made between two drops as well.
bool Engine::State::outage_over() const {
    if (memory.machine.committed() || memory.score >= act_score()) return false;
    const Duration over = rules.detectors.hard_page_over;
    if (settled - over < memory.machine.proposed()) return false;
    const BlockJudgement since = judge(ledger.between(settled - over, settled), over,
                                       memory.active(), ledger, rules.detectors);
    return !since.blind && !since.bad;
}

// The newest settled minute (or longer, until it holds enough attempts) since the move: do the
// users' own journeys work?
bool Engine::State::users_served() const {
    if (!memory.machine.verifying()) return false;
    const PolicyRules& policy = rules.policy;
    const auto enough = [&](const ChannelCount& count, std::uint32_t wanted) {
        return !ledger.configured(count.channel) || votes(count) >= wanted;
    };
    const auto good = [&](const ChannelCount& count) {
        return static_cast<double>(count.good) >= policy.verify_share * votes(count);
    };
    Instant from = settled;
    while (from - rules.detectors.slot >= *memory.machine.verify_started()) {
        from -= rules.detectors.slot;
        if (settled - from < policy.verify_over) continue;
        const Counts counts = ledger.between(from, settled);
        const ChannelCount& heartbeats = at(counts, Channel::HB);
        const ChannelCount& transactions = at(counts, Channel::TX);
        if (votes(heartbeats) + votes(transactions) == 0) continue;
        if (!enough(heartbeats, policy.verify_heartbeats)) continue;
        if (!enough(transactions, policy.verify_transactions)) continue;
        return good(heartbeats) && good(transactions);
    }
    return false;
}

Batch Engine::State::flush() {
    return Batch{++batches, std::exchange(records, {}), std::exchange(actions, {})};
}

std::string_view to_text(VendorDisagreement disagreement) {
    switch (disagreement) {
        case VendorDisagreement::none:
            return "none";
        case VendorDisagreement::green_while_broken:
            return "green_while_broken";
        case VendorDisagreement::red_while_good:
            return "red_while_good";
    }
    return "";
}

Engine::Engine(Rules rules) : state_(std::make_unique<State>(std::move(rules))) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::restore(std::span<const Record> records) {
    VC_CHECK(!state_->begun, "restore comes before the first event");
    for (const Record& record : records)
        state_->memory.fold(record, state_->ledger);
}

Batch Engine::resume(Instant now) {
    VC_CHECK(!state_->begun, "resume comes before the first event");
    state_->begin(now);
    state_->memory.machine.resume();
    state_->drive_migration();
    state_->drive_audits();
    return state_->flush();
}

Batch Engine::step(const Event& event) {
    State& state = *state_;
    if (!state.begun) state.begin(event.at);
    state.advance(event.at);
    state.take(event.body);
    if (std::exchange(state.review_due, false)) state.review();
    state.drive_migration();
    state.drive_audits();
    return state.flush();
}

void Engine::hold() {
    state_->held = true;
}

EngineStatus Engine::status() const {
    const State& state = *state_;
    const Memory& memory = state.memory;
    EngineStatus status;
    status.at = state.now;
    status.paused = memory.paused;
    status.blind = memory.blind_run >= state.rules.detectors.blind_blocks;
    status.score = memory.score;
    const Certificate certificate = state.standby.at(state.now);
    status.standby_certified = certificate.certified;
    status.standby_reason = certificate.reason;
    status.readiness = state.readiness_view();
    const VendorSaid said = state.gauges.vendor(state.now);
    status.vendor = said.claim;
    status.vendor_age = said.age;
    status.vendor_source = said.source;
    status.vendor_disagreement = state.vendor_disagreement();
    status.gauges = state.gauges.at(state.now);
    status.active_broker = to_text(memory.active());
    status.pages = memory.pages;
    status.migrations = memory.migrations;
    if (memory.incident) {
        const Incident& incident = *memory.incident;
        status.incident = EngineStatus::OpenIncident{
            .incident = incident.id,
            .state = incident.state,
            .opened = incident.opened,
            .diagnosis = incident.diagnosis.diagnosis,
            .posterior = incident.diagnosis.posterior,
            .runner_up = incident.diagnosis.runner_up,
            .runner_up_posterior = incident.diagnosis.runner_up_posterior,
            .decision = incident.decision.decision,
            .refusals = incident.decision.refusals,
            .why = incident.decision.why};
    }
    if (memory.machine.plan()) {
        status.migration = EngineStatus::MigrationView{
            *memory.machine.plan(), memory.machine.current_step(), memory.machine.describe()};
    }
    return status;
}

}  // namespace vc
