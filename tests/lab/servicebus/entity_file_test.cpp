#include "tests/lab/servicebus/entity_file.h"

#include <doctest/doctest.h>

#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {
namespace {

TEST_CASE("a file of entities that is not understood says where") {
    const auto wrong = [](const std::string& text) {
        const auto read = read_entities(text);
        return read ? "understood" : read.error().message;
    };
    CHECK(wrong("{") == "this is no JSON");
    CHECK(wrong("[]") == "this must be an object");
    CHECK(wrong(R"({"queues":[{"name":"q","speed":1}]})") == "queues[0].speed: is not known");
    CHECK(wrong(R"({"queues":[{"name":7}]})") == "queues[0].name: must be a text");
    CHECK(wrong(R"({"queues":[{"lock_duration_s":"x"}]})") ==
          "queues[0].lock_duration_s: must be a number of seconds");
    CHECK(wrong(R"({"queues":[{"max_delivery_count":-1}]})") ==
          "queues[0].max_delivery_count: must be a whole number");
    CHECK(wrong(R"({"queues":[{"requires_session":1}]})") ==
          "queues[0].requires_session: must be true or false");
    CHECK(wrong(R"({"queues":[{"status":"tired"}]})") ==
          "queues[0].status: must be Active, Disabled, SendDisabled or ReceiveDisabled");
    CHECK(wrong(R"({"topics":[{"subscriptions":{}}]})") ==
          "topics[0].subscriptions: must be a list");
    CHECK(wrong(R"({"topics":[{"subscriptions":[{"rules":[{"sqll":""}]}]}]})") ==
          "topics[0].subscriptions[0].rules[0].sqll: is not known");
    CHECK(wrong(R"({"queues":[{"name":"a b"}]})") ==
          "a b: 'a b' cannot be the name of a queue or a topic.");
    CHECK(wrong(R"({"queues":[{"name":"q"},{"name":"Q"}]})") ==
          "Q: The messaging entity 'Q' already exists.");
}

TEST_CASE("entities of a file are made, and rules that are given stand instead of the default") {
    Store store("x");
    CHECK(make_entities(
        store,
        read_entities(
            R"({"topics":[{"name":"t","subscriptions":[{"name":"s","rules":[{"name":"r",
                "sql":"a=1","action":"SET b=2"}]}]}]})")
            .value(),
        Instant{}));
    CHECK(store.find("t/Subscriptions/s")->rules.at(0).description().action == "SET b=2");
}

}  // namespace
}  // namespace vc::lab::servicebus
