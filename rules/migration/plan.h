// A migration as data: the ordered steps that move the platform from one broker to another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/base/ids.h"
#include "rules/base/time.h"

namespace vc {

// What a hook is asked to do. `apply` and `undo` act; `plan` and `verify` only look.
enum class HookVerb : std::uint8_t { plan, apply, verify, undo };
std::string_view to_text(HookVerb verb);

// How one run of a hook ended. Exit codes of exec hooks: 0 done, 10 already done, 20 refused, 75
// transient, anything else failed.
enum class HookOutcome : std::uint8_t {
    done,
    already_done,
    refused,    // a precondition does not hold; nothing was changed
    transient,  // try again later
    failed,     // permanent
    timed_out,  // killed at its deadline: nobody knows whether it took effect
};
std::string_view to_text(HookOutcome outcome);

struct MigrationStep {
    std::string name;  // attach-consumers, switch-producers, ...
    std::string hook;  // which hook of the configuration carries it out
    // From the first attempt of this step on the only way is forward, for messages may already
    // have been sent to the new broker; unless the first attempt was refused, which changes
    // nothing.
    bool point_of_no_return = false;
    Duration deadline{};         // of one run of the hook
    std::uint32_t attempts = 1;  // of apply, transient failures and time-outs included
    // The hook can tell whether it is in effect, and is asked after every apply: an exit code is a
    // claim, and consumers may take a while to attach after their order was taken.
    bool verify = false;
};

struct MigrationPlan {
    Epoch epoch;  // strictly rising; whoever follows a move ignores epochs it has already seen
    IncidentId incident;
    std::string from;  // "primary"
    std::string to;    // "standby"
    std::string reason;
    std::vector<MigrationStep> steps;
};

// One run of one hook. The key is the same for every attempt of apply, so that the hook's target
// can tell a repetition from a second order.
struct HookRun {
    Epoch epoch;
    std::uint32_t step = 0;  // index into MigrationPlan::steps
    HookVerb verb = HookVerb::apply;
    std::uint32_t attempt = 1;
    friend bool operator==(const HookRun&, const HookRun&) = default;
};

// "7.1.switch-producers": epoch, step number from 1, hook name; ".undo" is appended for undo.
std::string idempotency_key(const MigrationPlan& plan, const HookRun& run);

}  // namespace vc
