// The core: events in, journal records and actions out. Pure and deterministic: the same rules,
// records and events give the same batches, bit for bit. Not thread-safe; one owner.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/batch.h"
#include "rules/rules.h"

namespace vc {

// Where the vendor's claim and our own probes contradict each other.
enum class VendorDisagreement : std::uint8_t {
    none,
    green_while_broken,  // it claims health while the diagnosis names the broker
    red_while_good,      // it claims trouble while every judged path works
};
std::string_view to_text(VendorDisagreement disagreement);

// What an onlooker may know at this moment: for status, metrics and dashboards. Never read back.
struct EngineStatus {
    Instant at{};
    bool paused = false;
    bool blind = false;      // our own control probes fail, or too little is seen
    std::int64_t score = 0;  // block score of the platform, see evidence/block_score.h
    bool standby_certified = false;
    std::string standby_reason;  // why not, or when the last full loop passed

    struct ReadinessView {
        AuditStanding standing = AuditStanding::unaudited;
        std::optional<StandbyAudit> last;  // the newest answer on record, and its time
        Instant at{};
        std::vector<std::string> unfit;  // of the newest that was conclusive
        std::vector<std::string> told;
    };
    std::optional<ReadinessView> readiness;  // none: no audit is configured

    VendorClaim vendor = VendorClaim::missing;  // of all vendor's claims together, see gauges.h
    Duration vendor_age{};
    std::string vendor_source;
    VendorDisagreement vendor_disagreement = VendorDisagreement::none;
    std::vector<Gauge> gauges;  // every source that was read, as of `at`
    std::string active_broker;  // "primary" or "standby", as far as our own moves tell

    struct OpenIncident {
        IncidentId incident;
        IncidentState state = IncidentState::suspected;
        Instant opened{};
        std::string diagnosis;
        double posterior = 0;
        std::string runner_up;
        double runner_up_posterior = 0;
        Decision decision = Decision::none;
        std::vector<Refusal> refusals;
        std::string why;
    };
    std::optional<OpenIncident> incident;

    struct MigrationView {
        MigrationPlan plan;
        std::uint32_t step = 0;  // being carried out; steps.size() while verifying
        std::string state;       // "applying attach-consumers (attempt 1)", "verifying", "verified"
    };
    std::optional<MigrationView> migration;  // in flight, or the last one

    std::uint32_t pages = 0;       // raised since the journal began
    std::uint32_t migrations = 0;  // proposed since the journal began
};

class Engine {
  public:
    // `rules` must have passed its own checks (see rules.h).
    explicit Engine(Rules rules);
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    // Rebuilds the state from a journal's records, oldest first, before the first step(). The
    // batch that resume() then gives takes up what was left unfinished: a hook whose start is on
    // record and whose end is not is asked to `verify` first, never blindly run again.
    void restore(std::span<const Record> records);
    Batch resume(Instant now);

    // Events in order of time. An event before the previous one is our own bug (VC_CHECK).
    Batch step(const Event& event);

    // The daemon is about to end: a migration in flight takes in what its hook reports, and orders
    // nothing more. An order that nobody obeys would be on record as one that may have been.
    void hold();

    EngineStatus status() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
