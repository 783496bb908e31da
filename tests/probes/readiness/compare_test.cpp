#include "probes/readiness/compare.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using Settings = std::map<std::string, std::string>;

InventoryEntity queue(std::string path, Settings settings = {}) {
    return {InventoryKind::queue, std::move(path), std::move(settings), {}};
}
InventoryEntity topic(std::string path) {
    return {InventoryKind::topic, std::move(path), {}, {}};
}
InventoryEntity subscription(std::string path, std::vector<InventoryRule> rules = {}) {
    return {InventoryKind::subscription, std::move(path), {}, std::move(rules)};
}

using List = std::vector<std::string>;

Differences between(std::vector<InventoryEntity> primary, std::vector<InventoryEntity> standby) {
    return compare({std::move(primary), {}}, {std::move(standby), {}});
}

TEST_CASE("the same, however it is written, is no difference") {
    const Differences found =
        between({queue("In", {{"LockDuration", "PT1M"}, {"ForwardTo", "sb://one/b"}}), queue("b"),
                 topic("t"), subscription("t/s", {{"R", "true", ""}})},
                {topic("T"), subscription("T/S", {{"r", "true", ""}}), queue("B"),
                 queue("in", {{"LockDuration", "PT60S"}, {"ForwardTo", "https://two/B"}})});
    CHECK(found.none());
}

TEST_CASE("what is missing stands in the way, and what is only on the standby does not") {
    const Differences found = between(
        {queue("b"), queue("a"), topic("t"), subscription("t/s"), topic("u"), subscription("u/v")},
        {topic("t"), queue("extra")});
    CHECK(found.unfit == List{"queue a: missing on the standby", "queue b: missing on the standby",
                              "topic u: missing on the standby",
                              "subscription t/s: missing on the standby"});
    CHECK(found.told == List{"queue extra: only on the standby"});
}

TEST_CASE("a queue is no topic") {
    const Differences found = between({queue("x")}, {topic("x")});
    CHECK(found.unfit == List{"queue x: missing on the standby"});
    CHECK(found.told == List{"topic x: only on the standby"});
}

TEST_CASE("sessions, duplicate detection and what is disabled stand in the way") {
    const Differences found = between(
        {queue("a", {{"RequiresSession", "true"}, {"Status", "Active"}}),
         queue("b", {{"RequiresDuplicateDetection", "true"}})},
        {queue("a", {{"RequiresSession", "false"}, {"Status", "SendDisabled"}}), queue("b")});
    CHECK(found.unfit ==
          List{"queue a: Status Active on the primary, SendDisabled on the standby",
               "queue a: RequiresSession true on the primary, false on the standby",
               "queue b: RequiresDuplicateDetection true on the primary, not set on the standby"});
    CHECK(found.told.empty());
}

TEST_CASE("a standby that is active where the primary is not can serve") {
    const Differences found =
        between({queue("a", {{"Status", "Disabled"}})}, {queue("a", {{"Status", "Active"}})});
    CHECK(found.unfit.empty());
    CHECK(found.told == List{"queue a: Status Disabled on the primary, Active on the standby"});
}

TEST_CASE("lengths, sizes and counts are told with both values") {
    const Differences found =
        between({queue("ocpp-in", {{"LockDuration", "PT1M"},
                                   {"MaxSizeInMegabytes", "5120"},
                                   {"MaxDeliveryCount", "10"},
                                   {"DefaultMessageTimeToLive", "P14D"},
                                   {"DuplicateDetectionHistoryTimeWindow", "PT10M"}})},
                {queue("ocpp-in", {{"LockDuration", "PT30S"},
                                   {"MaxSizeInMegabytes", "1024"},
                                   {"MaxDeliveryCount", "5"},
                                   {"DefaultMessageTimeToLive", "P1D"},
                                   {"DuplicateDetectionHistoryTimeWindow", "PT1M"}})});
    CHECK(found.unfit.empty());
    REQUIRE(found.told.size() == 5);
    CHECK(found.told[1] == "queue ocpp-in: LockDuration PT1M on the primary, PT30S on the standby");
}

TEST_CASE("messages must not be forwarded elsewhere, or to nowhere") {
    const Differences elsewhere =
        between({queue("a", {{"ForwardTo", "b"}}), queue("b")}, {queue("a"), queue("b")});
    CHECK(elsewhere.unfit == List{"queue a: ForwardTo b on the primary, not set on the standby"});
    const Differences nowhere =
        between({queue("a", {{"ForwardDeadLetteredMessagesTo", "b"}})},
                {queue("a", {{"ForwardDeadLetteredMessagesTo", "sb://x/B"}})});
    CHECK(nowhere.unfit == List{"queue a: ForwardDeadLetteredMessagesTo names b, which is missing "
                                "on the standby"});
    Inventory primary{{queue("a", {{"ForwardTo", "b"}})}, {}};
    Inventory ignoring = primary;
    ignoring.ignored = {"b"};
    CHECK(compare(primary, ignoring).none());
}

TEST_CASE("rules are compared by name, filter and action") {
    const Differences found =
        between({topic("t"), subscription("t/s", {{"gone", "true", ""},
                                                  {"red", "sql: color = 'red'", ""},
                                                  {"same", "true", "SET a = 1"},
                                                  {"act", "true", "SET a = 1"}})},
                {topic("t"), subscription("t/s", {{"$Default", "true", ""},
                                                  {"red", "sql: color = 'blue'", ""},
                                                  {"same", "true", "SET a = 1"},
                                                  {"act", "true", ""}})});
    CHECK(found.unfit ==
          List{"subscription t/s: rule $Default (true) is only on the standby",
               "subscription t/s: rule act does 'SET a = 1' on the primary, '' on the standby",
               "subscription t/s: rule gone is missing on the standby",
               "subscription t/s: rule red filters 'sql: color = 'red'' on the primary, 'sql: "
               "color = 'blue'' on the standby"});
}

}  // namespace
}  // namespace vc
