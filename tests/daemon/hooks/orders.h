// A migration of one step, and the orders for it.
#pragma once

#include <string>
#include <utility>

#include "daemon/hooks/hooks.h"

namespace vc::test {

using namespace std::chrono_literals;

inline RunHook order(HookVerb verb = HookVerb::apply, const std::string& hook = "attach",
                     Duration deadline = 20s) {
    RunHook order;
    order.plan.epoch = Epoch{7};
    order.plan.incident = IncidentId{42};
    order.plan.from = "primary";
    order.plan.to = "standby";
    order.plan.reason = "primary_broker (0.998)";
    MigrationStep step;
    step.name = "attach-consumers";
    step.hook = hook;
    step.deadline = deadline;
    order.plan.steps.push_back(step);
    order.run = HookRun{Epoch{7}, 0, verb, 2};
    order.key = "7.1." + hook;
    return order;
}

inline HookDefinition definition(HookVerb verb, HookCommand command) {
    HookDefinition definition;
    definition.name = "attach";
    definition.verbs[verb] = std::move(command);
    return definition;
}

inline ExecCommand shell(const std::string& script) {
    ExecCommand command;
    command.argv = {"/bin/sh", "-c", script};
    return command;
}

}  // namespace vc::test
