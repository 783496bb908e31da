#include "probes/readiness/inventory.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

TEST_CASE("patterns fit whole names, in any case") {
    CHECK(fits("orders", "Orders"));
    CHECK_FALSE(fits("orders", "orders2"));
    CHECK_FALSE(fits("orders", "order"));
    CHECK(fits("*", ""));
    CHECK(fits("canary-*", "canary-0-fresh"));
    CHECK_FALSE(fits("canary-*", "my-canary-0"));
    CHECK(fits("*-fresh", "canary-0-fresh"));
    CHECK(fits("events/?illing", "events/billing"));
    CHECK_FALSE(fits("events/?", "events/"));
    CHECK(fits("a*b*c", "a-b-b-c"));
    CHECK_FALSE(fits("a*b*c", "a-b-b-cd"));
    CHECK(fits("**", "anything"));
    CHECK_FALSE(fits("", "a"));
    CHECK(fits("", ""));
}

TEST_CASE("a pattern of many stars does not take for ever") {
    std::string pattern;
    for (int i = 0; i < 50; ++i)
        pattern += "a*";
    CHECK_FALSE(fits(pattern + "b", std::string(2000, 'a')));
}

TEST_CASE("kinds have their words") {
    CHECK(to_text(InventoryKind::queue) == "queue");
    CHECK(to_text(InventoryKind::topic) == "topic");
    CHECK(to_text(InventoryKind::subscription) == "subscription");
    CHECK(to_text(static_cast<InventoryKind>(7)) == "?");
    CHECK(in_lower_case("Ab-Z9") == "ab-z9");
}

}  // namespace
}  // namespace vc
