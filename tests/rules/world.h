// A small deterministic platform for the core's tests: probes on their cadences, faults per
// component, time-outs at three budgets, hooks that take effect on it. Not a simulator of brokers;
// just enough for each channel to fail when, and as late as, it would.
#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "rules/engine.h"

namespace vc::test {

enum class Component : std::uint8_t { watcher, bridge, primary, standby, consumers };
std::optional<Component> component_from(std::string_view text);

enum class FaultKind : std::uint8_t {
    loss,    // each crossing fails with the share: no answer
    stall,   // nothing moves; what waited is answered at the end
    refuse,  // refused at once with the share
    lonely,  // as loss, but only fresh connections
    locked,  // a login is refused: probes of the broker are told, users get no answer
};
std::optional<FaultKind> fault_kind_from(std::string_view text);

struct Fault {
    Component component = Component::primary;
    FaultKind kind = FaultKind::loss;
    double share = 1;
    Instant from{};
    Instant to{};
};

struct WorldOptions {
    std::uint64_t seed = 1;
    double loss = 0.001;  // background, each attempt
    std::uint32_t chargers = 8;
    std::uint32_t entities = 1;
    Mode mode = Mode::automatic;
    bool single_watcher_accepted = true;
    Duration hook_time = std::chrono::seconds{1};
    bool audits = false;  // the standby's readiness is audited; it answers ready after a second
};

// The shipped rules with the cadences of a lab of this size and a three-step migration.
Rules rules_for(const WorldOptions& options);

class World {
  public:
    explicit World(const WorldOptions& options);

    static Instant start();
    Instant now() const { return now_; }
    void add(const Fault& fault) { faults_.push_back(fault); }
    void command(Command command);
    void vendor(VendorClaim claim);  // of a source without a name, that never grows old
    void gauge(const Gauge& gauge);
    // What every audit from now on answers, and after how long; Duration::max(): never.
    void audits_answer(StandbyAudit answer, Duration after = std::chrono::seconds{1});
    std::size_t audits_ordered() const { return audits_ordered_; }
    // What the hook answers to this run instead of "done"; consumed one by one.
    void answer(std::uint32_t step, HookVerb verb, HookOutcome outcome, bool takes_effect);
    // The daemon dies at this many-th batch with records from now, its records kept, and restarts.
    void crash_at_batch(std::size_t batch, bool before_actions);

    void run_for(Duration time);

    const std::vector<Record>& records() const { return records_; }
    EngineStatus status() const { return engine_.status(); }
    const Engine& engine() const { return engine_; }
    const Rules& rules() const { return rules_; }
    // How often each apply took effect, by idempotency key.
    const std::map<std::string, int>& effects() const { return effects_; }
    bool crashed() const { return crashed_; }
    std::size_t pages_sent() const { return pages_sent_; }
    // The statuses after each batch that had records, with the number of records so far.
    std::vector<std::pair<std::size_t, EngineStatus>> history;
    bool keep_history = false;

  private:
    struct Due {
        Instant at{};
        std::uint64_t order = 0;
        Event event;  // delivered at `at`
        bool probe = false;
        std::size_t cadence = 0;
        std::uint32_t target = 0;
        bool operator>(const Due& other) const {
            return std::pair{at, order} > std::pair{other.at, other.order};
        }
    };

    void push(Due due);
    void start_probe(const Due& due);
    Observation attempt(const ChannelCadence& cadence, std::uint32_t target, Instant due);
    void deliver(const Event& event);
    void obey(std::vector<Action> actions);
    void run_hook(const RunHook& hook);
    void audit(const AuditStandby& order);
    void restart();
    bool chance(double share);
    Duration between(Duration low, Duration high);
    std::vector<Component> crossed(Channel channel) const;

    WorldOptions options_;
    Rules rules_;
    Engine engine_;
    Instant now_{};
    std::mt19937_64 random_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
    std::uint64_t order_ = 0;
    std::uint64_t attempts_ = 0;
    std::vector<Fault> faults_;
    std::vector<Record> records_;
    bool on_standby_ = false;
    Instant switched_{};
    std::map<std::string, int> effects_;
    std::map<std::string, bool> in_effect_;
    struct Answer {
        HookOutcome outcome;
        bool takes_effect;
    };
    std::map<std::pair<std::uint32_t, HookVerb>, std::deque<Answer>> answers_;
    std::optional<std::size_t> crash_batch_;
    bool crash_before_actions_ = false;
    bool crashed_ = false;
    std::uint64_t life_ = 0;  // results of hooks of an earlier life are lost with the process
    std::size_t pages_sent_ = 0;
    StandbyAudit audit_answer_{.verdict = AuditVerdict::ready};
    Duration audit_time_ = std::chrono::seconds{1};
    std::size_t audits_ordered_ = 0;
};

// One line per record, times from the start: "12:34.0 decision_made page primary_broker ...".
std::string trace_line(const Record& record);

// "3m20s" as the daemon writes it; the tests' own inputs are trusted.
Duration parse_duration(std::string_view text);

}  // namespace vc::test
