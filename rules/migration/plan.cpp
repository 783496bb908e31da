#include "rules/migration/plan.h"

#include "rules/base/check.h"

namespace vc {

std::string idempotency_key(const MigrationPlan& plan, const HookRun& run) {
    VC_CHECK(run.step < plan.steps.size(), "a hook run belongs to a step of its plan");
    std::string key = std::to_string(plan.epoch.value) + "." + std::to_string(run.step + 1) + "." +
                      plan.steps[run.step].hook;
    if (run.verb == HookVerb::undo) key += ".undo";
    return key;
}

}  // namespace vc
