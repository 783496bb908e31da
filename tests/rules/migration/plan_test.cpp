#include "rules/migration/plan.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

TEST_CASE(
    "the key is the epoch, the step and the hook, the same for each attempt; undo has its own") {
    const MigrationPlan plan{
        {7},       {1}, "primary",
        "standby", "",  {{"attach-consumers", "consumers"}, {"switch-producers", "producers"}}};
    CHECK(idempotency_key(plan, {{7}, 1, HookVerb::apply, 1}) == "7.2.producers");
    CHECK(idempotency_key(plan, {{7}, 1, HookVerb::apply, 2}) == "7.2.producers");
    CHECK(idempotency_key(plan, {{7}, 1, HookVerb::undo, 1}) == "7.2.producers.undo");
}

}  // namespace
}  // namespace vc
