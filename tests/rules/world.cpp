#include "tests/rules/world.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "rules/base/check.h"
#include "rules/base/overloaded.h"

namespace vc {

// The tests' journal: everything is on disk at once.
class Journal {
  public:
    static SyncedToken synced(std::uint64_t number) { return SyncedToken{number}; }
};

namespace test {

using namespace std::chrono_literals;

std::optional<Component> component_from(std::string_view text) {
    if (text == "watcher") return Component::watcher;
    if (text == "bridge") return Component::bridge;
    if (text == "primary") return Component::primary;
    if (text == "standby") return Component::standby;
    if (text == "consumers") return Component::consumers;
    return std::nullopt;
}

std::optional<FaultKind> fault_kind_from(std::string_view text) {
    if (text == "loss") return FaultKind::loss;
    if (text == "stall") return FaultKind::stall;
    if (text == "refuse") return FaultKind::refuse;
    if (text == "lonely") return FaultKind::lonely;
    if (text == "locked") return FaultKind::locked;
    return std::nullopt;
}

Rules rules_for(const WorldOptions& options) {
    Rules rules;
    rules.mode = options.mode;
    rules.single_watcher_accepted = options.single_watcher_accepted;
    rules.cadences = {{Channel::CT, 5s, 1, 1s},
                      {Channel::BH, 5s, 1, 2s},
                      {Channel::HB, 5s, options.chargers, 5s},
                      {Channel::TX, 30s, options.chargers, 10s},
                      {Channel::DL, 1s, options.entities, 2s},
                      {Channel::DF, 10s, options.entities, 5s},
                      {Channel::SL, 10s, options.entities, 2s},
                      {Channel::SF, 10s, options.entities, 5s},
                      {Channel::SC, 60s, 1, 10s}};
    if (options.audits) rules.audits = AuditCadence{};
    rules.steps = {{"attach-consumers", "consumers", false, 30s, 3},
                   {"switch-producers", "producers", true, 30s, 3},
                   {"release-primary", "release", false, 30s, 3}};
    Errors errors;
    read_rules(shipped_rules(), {"detectors.yaml", "hypotheses.yaml", "policy.yaml"}, rules,
               errors);
    VC_CHECK(errors.empty(), "the shipped rules are right");
    return rules;
}

Instant World::start() {
    // A whole minute, 17 s after which probing begins.
    return Instant{1'773'871'200s};
}

World::World(const WorldOptions& options)
    : options_(options),
      rules_(rules_for(options)),
      engine_(rules_),
      now_(start()),
      random_(options.seed) {
    obey(std::move(engine_.resume(now_)).release(Journal::synced(1)));
    for (std::size_t i = 0; i < rules_.cadences.size(); ++i) {
        const ChannelCadence& cadence = rules_.cadences[i];
        for (std::uint32_t target = 0; target < cadence.targets; ++target) {
            Due due;
            due.at = now_ + between(0s, cadence.every);
            due.probe = true;
            due.cadence = i;
            due.target = target;
            push(due);
        }
    }
    for (int s = 1; s <= 1; ++s) {
        Due tick;
        tick.at = now_ + 1s;
        tick.event.body = Tick{};
        push(tick);
    }
}

void World::push(Due due) {
    due.order = ++order_;
    if (!due.probe) due.event.at = due.at;
    queue_.push(std::move(due));
}

bool World::chance(double share) {
    return static_cast<double>(random_() >> 11) * 0x1p-53 < share;
}

Duration World::between(Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count());
    return low + Duration{static_cast<std::int64_t>(span == 0 ? 0 : random_() % span)};
}

std::vector<Component> World::crossed(Channel channel) const {
    const Component active = on_standby_ ? Component::standby : Component::primary;
    switch (channel) {
        case Channel::CT:
            return {Component::watcher};
        case Channel::BH:
            return {Component::watcher, Component::bridge};
        case Channel::HB:
        case Channel::TX:
            return {Component::watcher, Component::bridge, active, Component::consumers};
        case Channel::DL:
        case Channel::DF:
        case Channel::DX:
        case Channel::DM:
            return {Component::watcher, Component::primary};
        case Channel::SL:
        case Channel::SF:
        case Channel::SX:
        case Channel::SM:
            return {Component::watcher, Component::standby};
        case Channel::SC:
            return {Component::watcher, Component::bridge, Component::standby,
                    Component::consumers};
    }
    return {};
}

// An attempt crosses its path once in each of its round trips (TX and SC have two).
Observation World::attempt(const ChannelCadence& cadence, std::uint32_t target, Instant due) {
    Observation seen;
    seen.id = {++attempts_};
    seen.channel = cadence.channel;
    seen.target = target;
    seen.due = due;
    seen.started = due;
    const bool fresh = cadence.channel == Channel::DF || cadence.channel == Channel::SF;
    const int trips = cadence.channel == Channel::TX || cadence.channel == Channel::SC ? 2 : 1;
    bool lost = chance(options_.loss);
    bool refused = false;
    bool locked = false;
    const bool direct = crossed(cadence.channel).size() == 2 && cadence.channel != Channel::BH;
    Instant at = due;
    for (int trip = 0; trip < trips; ++trip) {
        at += between(10ms, cadence.budget / 10);
        for (const Component component : crossed(cadence.channel)) {
            for (const Fault& fault : faults_) {
                if (fault.component != component || at < fault.from || at >= fault.to) continue;
                if (fault.kind == FaultKind::stall) at = fault.to + between(10ms, 200ms);
                if (fault.kind == FaultKind::loss && chance(fault.share)) lost = true;
                if (fault.kind == FaultKind::lonely && fresh && chance(fault.share)) lost = true;
                if (fault.kind == FaultKind::locked) (direct ? locked : lost) = true;
                if (fault.kind == FaultKind::refuse && chance(fault.share)) refused = true;
            }
        }
    }
    const bool user = cadence.channel == Channel::HB || cadence.channel == Channel::TX;
    if (user && on_standby_ && due < switched_ + 45s && chance(0.4)) refused = true;
    const Duration took = at - due;
    if (locked && !lost) {
        seen.outcome = Outcome::auth;
        seen.finished = due + 5ms;
    } else if (refused && !lost) {
        seen.outcome = Outcome::refused;
        seen.finished = due + 5ms;
    } else if (lost || took >= 3 * cadence.budget) {
        seen.outcome = Outcome::timeout;
        seen.finished = due + 3 * cadence.budget;
    } else {
        seen.outcome = took > cadence.budget ? Outcome::late : Outcome::ok;
        seen.finished = at;
    }
    return seen;
}

void World::start_probe(const Due& due) {
    const ChannelCadence& cadence = rules_.cadences[due.cadence];
    Due seen;
    const Observation observation = attempt(cadence, due.target, due.at);
    seen.at = observation.finished;
    seen.event.body = ObservationSeen{observation};
    push(std::move(seen));
    Due again = due;
    again.at = due.at + cadence.every;
    push(std::move(again));
}

void World::run_for(Duration time) {
    const Instant end = now_ + time;
    while (!queue_.empty() && queue_.top().at <= end) {
        Due due = queue_.top();
        queue_.pop();
        now_ = due.at;
        if (auto* finished = std::get_if<AuditFinished>(&due.event.body)) {
            const std::uint64_t number = finished->audit.number;
            finished->audit = audit_answer_;
            finished->audit.number = number;
        }
        if (due.probe) {
            start_probe(due);
            continue;
        }
        deliver(due.event);
        if (std::holds_alternative<Tick>(due.event.body)) {
            Due tick;
            tick.at = now_ + 1s;
            tick.event.body = Tick{};
            push(tick);
        }
    }
    now_ = end;
}

void World::deliver(const Event& event) {
    Batch batch = engine_.step(event);
    records_.insert(records_.end(), batch.records().begin(), batch.records().end());
    const bool wrote = !batch.records().empty();
    if (keep_history && wrote) history.emplace_back(records_.size(), engine_.status());
    bool crash = false;
    if (wrote && crash_batch_) {
        if (*crash_batch_ == 0) {
            crash = true;
            crash_batch_.reset();
        } else {
            --*crash_batch_;
        }
    }
    const std::uint64_t number = batch.number();
    if (!crash || !crash_before_actions_) {
        obey(std::move(batch).release(Journal::synced(number)));
    }
    if (crash) restart();
}

void World::obey(std::vector<Action> actions) {
    for (const Action& action : actions) {
        if (const auto* hook = std::get_if<RunHook>(&action)) run_hook(*hook);
        if (std::holds_alternative<NotifyPage>(action)) ++pages_sent_;
        if (const auto* order = std::get_if<AuditStandby>(&action)) audit(*order);
    }
}

void World::audit(const AuditStandby& order) {
    ++audits_ordered_;
    if (audit_time_ == Duration::max()) return;
    AuditFinished finished;  // what it says is as it is then
    finished.audit.number = order.number;
    Due due;
    due.at = now_ + audit_time_;
    due.event.body = std::move(finished);
    push(std::move(due));
}

// A hook of the naive kind: it does what it is told, every time it is told.
void World::run_hook(const RunHook& hook) {
    const std::string& name = hook.plan.steps[hook.run.step].name;
    HookOutcome outcome = HookOutcome::done;
    bool effect = true;
    std::deque<Answer>& answers = answers_[{hook.run.step, hook.run.verb}];
    if (!answers.empty()) {
        outcome = answers.front().outcome;
        effect = answers.front().takes_effect;
        answers.pop_front();
    }
    switch (hook.run.verb) {
        case HookVerb::plan:
            break;
        case HookVerb::apply:
            if (!effect) break;
            ++effects_[hook.key];
            in_effect_[name] = true;
            if (hook.plan.steps[hook.run.step].point_of_no_return) {
                on_standby_ = true;
                switched_ = now_;
            }
            break;
        case HookVerb::verify:
            if (outcome == HookOutcome::done && !in_effect_[name]) outcome = HookOutcome::failed;
            break;
        case HookVerb::undo:
            if (effect) in_effect_[name] = false;
            break;
    }
    Due finished;
    finished.at = now_ + options_.hook_time;
    finished.event.body = HookFinished{hook.run, outcome, "said so"};
    push(std::move(finished));
}

// Everything in memory is gone: the engine, its evidence, and whatever a hook would have reported.
void World::restart() {
    crashed_ = true;
    std::vector<Due> kept;
    for (; !queue_.empty(); queue_.pop()) {
        const EventBody& body = queue_.top().event.body;
        if (!std::holds_alternative<HookFinished>(body) &&
            !std::holds_alternative<AuditFinished>(body)) {
            kept.push_back(queue_.top());
        }
    }
    for (Due& due : kept)
        queue_.push(std::move(due));
    engine_ = Engine{rules_};
    engine_.restore(records_);
    Batch batch = engine_.resume(now_);
    records_.insert(records_.end(), batch.records().begin(), batch.records().end());
    const std::uint64_t number = batch.number();
    obey(std::move(batch).release(Journal::synced(number)));
}

void World::command(Command command) {
    deliver({now_, CommandGiven{command, "test", "because"}});
}

void World::audits_answer(StandbyAudit answer, Duration after) {
    audit_answer_ = std::move(answer);
    audit_time_ = after;
}

void World::vendor(VendorClaim claim) {
    Gauge gauge;
    gauge.vendor = claim;
    this->gauge(gauge);
}

void World::gauge(const Gauge& gauge) {
    deliver({now_, GaugeSeen{gauge}});
}

void World::answer(std::uint32_t step, HookVerb verb, HookOutcome outcome, bool takes_effect) {
    answers_[{step, verb}].push_back({outcome, takes_effect});
}

void World::crash_at_batch(std::size_t batch, bool before_actions) {
    crash_batch_ = batch;
    crash_before_actions_ = before_actions;
}

namespace {

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f", value);
    return text.data();
}

std::string clock(Instant at) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at - World::start());
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%3lld:%02lld", static_cast<long long>(ms / 1min),
                  static_cast<long long>(ms % 1min / 1s));
    return text.data();
}

}  // namespace

std::string trace_line(const Record& record) {
    std::string line = clock(record.at) + " " + std::string(kind_of(record)) + " ";
    std::visit(
        Overloaded{
            [&](const BlockClosed& r) {
                line += r.blind ? "blind" : r.bad ? "bad" : "good";
                line += " score " + std::to_string(r.score);
            },
            [&](const IncidentOpened& r) { line += r.reason; },
            [&](const IncidentMoved& r) {
                line += std::string(to_text(r.state)) + ": " + r.reason;
            },
            [&](const DiagnosisMade& r) {
                line += r.diagnosis + " " + number(r.posterior) + ", then " + r.runner_up;
                for (const std::string& reason : r.reasons)
                    line += "\n           " + reason;
            },
            [&](const DecisionMade& r) {
                line += std::string(to_text(r.decision)) + " " + r.diagnosis;
                for (const Refusal refusal : r.refusals)
                    line += " -" + std::string(to_text(refusal));
            },
            [&](const PageRaised& r) { line += std::string(to_text(r.severity)) + ": " + r.text; },
            [&](const MigrationProposed& r) { line += r.plan.from + " to " + r.plan.to; },
            [&](const StepStarted& r) {
                line += std::string(to_text(r.run.verb)) + " " + r.key + " attempt " +
                        std::to_string(r.run.attempt);
            },
            [&](const StepFinished& r) {
                line += std::string(to_text(r.run.verb)) + " " + std::string(to_text(r.outcome)) +
                        ": " + r.detail;
            },
            [&](const VerifyStarted&) {},
            [&](const MigrationEnded& r) {
                line += std::string(to_text(r.result)) + ": " + r.detail;
            },
            [&](const StandbyAudited& r) {
                line += std::to_string(r.audit.number) + " " +
                        std::string(to_text(r.audit.verdict)) +
                        (r.audit.detail.empty() ? "" : ": " + r.audit.detail);
                for (const std::string& difference : r.audit.unfit)
                    line += "\n           " + difference;
                for (const std::string& difference : r.audit.told)
                    line += "\n           (" + difference + ")";
            },
            [&](const CommandTaken& r) { line += std::string(to_text(r.given.command)); },
            [&](const GaugeChanged& r) {
                line +=
                    std::string(to_text(r.gauge.role)) + " " + r.gauge.source + " " +
                    (r.gauge.value ? number(*r.gauge.value) : std::string(to_text(r.gauge.vendor)));
            }},
        record.body);
    return line;
}

Duration parse_duration(std::string_view text) {
    Duration total{};
    std::int64_t value = 0;
    for (const char c : text) {
        if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
        if (c == 's') total += std::chrono::seconds{std::exchange(value, 0)};
        if (c == 'm') total += std::chrono::minutes{std::exchange(value, 0)};
        if (c == 'h') total += std::chrono::hours{std::exchange(value, 0)};
    }
    return total;
}

}  // namespace test
}  // namespace vc
