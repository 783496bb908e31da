#include "tests/lab/servicebus/rule.h"

#include <doctest/doctest.h>

#include "tests/lab/servicebus/testing.h"

namespace vc::lab::servicebus {
namespace {

Message sample() {
    Parts parts;
    parts.id = "m1";
    parts.subject = "CP-17";
    parts.session = "s";
    parts.properties.add("colour", string("red"));
    parts.properties.add("size", int_value(7));
    parts.properties.add("open", boolean(true));
    return message_of(parts);
}

bool passes(const std::string& sql) {
    RuleDescription rule;
    rule.name = "r";
    rule.filter = SqlFilter{sql};
    const auto compiled = Rule::compile(rule);
    REQUIRE_MESSAGE(compiled, sql << ": " << compiled.error().description);
    return compiled->matches(sample());
}

std::string refusal(const std::string& sql, const std::string& action = "") {
    RuleDescription rule;
    rule.name = "r";
    rule.filter = SqlFilter{sql};
    rule.action = action;
    const auto compiled = Rule::compile(rule);
    return compiled ? "understood" : compiled.error().description;
}

TEST_CASE("an SQL filter passes what is true, and neither what is false nor what is unknown") {
    CHECK(passes("1=1"));
    CHECK(passes("user.colour='red' AND size > 6"));
    CHECK(passes("sys.Label = 'CP-17' OR size = 0"));
    CHECK(passes("sys.SessionId = 's' and sys.messageid <> 'm2'"));
    CHECK(passes("NOT (colour = 'blue') AND (size <= 7 AND size >= 7.0)"));
    CHECK(passes("colour IN ('green', 'red')"));
    CHECK(passes("colour NOT IN ('green')"));
    CHECK(passes("sys.Label LIKE 'CP-%' AND sys.Label NOT LIKE 'CP-_'"));
    CHECK(passes("missing IS NULL AND colour IS NOT NULL"));
    CHECK(passes("EXISTS(colour) AND NOT EXISTS(missing)"));
    CHECK(passes("open"));
    CHECK(passes("open = true AND size > -8"));
    CHECK(passes("[colour] = 'red' AND \"size\" <> 8"));
    CHECK_FALSE(passes("1=0"));
    CHECK_FALSE(passes("colour = 'it''s'"));
    CHECK_FALSE(passes("missing = 'x'"));
    CHECK_FALSE(passes("missing <> 'x'"));
    CHECK_FALSE(passes("NOT missing = 'x'"));
    CHECK_FALSE(passes("colour > 3"));
}

TEST_CASE("an SQL expression that is not understood is refused in words that say where") {
    CHECK(refusal("colour = ") ==
          "The SQL expression 'colour = ' is not understood: a value is missing at ''");
    CHECK(refusal("newid() = 'x'").find("'newid' is no function that is known here") !=
          std::string::npos);
    CHECK(refusal("sys.Colour = 1").find("sys.Colour is not known") != std::string::npos);
    CHECK(refusal("a = 'x").find("a quote is not closed") != std::string::npos);
    CHECK(refusal("a = 1 b").find("it goes on after its end at 'b'") != std::string::npos);
    CHECK(refusal("1").find("a comparison is missing") != std::string::npos);
    CHECK(refusal("(a = 1").find("')' is missing") != std::string::npos);
    CHECK(refusal("").find("is not understood") != std::string::npos);
    CHECK(refusal(std::string(5000, '(')).find("nested too deeply") != std::string::npos);
    CHECK(refusal("a LIKE 3").find("LIKE wants a text") != std::string::npos);
    CHECK(refusal("1=1", "SET a = b").find("SET takes a value, not 'b'") != std::string::npos);
    CHECK(refusal("1=1", "DROP a").find("SET or REMOVE is missing") != std::string::npos);
}

TEST_CASE("an expression has parameters, and each needs a value") {
    RuleDescription rule;
    rule.name = "r";
    rule.filter = SqlFilter{"colour = @wanted AND size > @least",
                            {{"@wanted", string("red")}, {"@least", int_value(3)}}};
    rule.action = "SET seen = @by";
    rule.action_parameters["@by"] = string("me");
    const auto compiled = Rule::compile(rule);
    REQUIRE(compiled);
    CHECK(compiled->matches(sample()));
    CHECK(*application_properties(compiled->changed(sample())).find("seen") == string("me"));
    CHECK(refusal("colour = @wanted").find("the parameter '@wanted' has no value") !=
          std::string::npos);
}

TEST_CASE("a correlation filter looks at what it names") {
    RuleDescription rule;
    rule.name = "r";
    CorrelationFilter filter;
    filter.label = "CP-17";
    filter.properties["colour"] = string("red");
    rule.filter = filter;
    CHECK(Rule::compile(rule)->matches(sample()));
    filter.properties["size"] = int_value(8);
    rule.filter = filter;
    CHECK_FALSE(Rule::compile(rule)->matches(sample()));
    filter.properties.clear();
    filter.correlation_id = "x";
    rule.filter = filter;
    CHECK_FALSE(Rule::compile(rule)->matches(sample()));
}

TEST_CASE("an action sets and removes properties") {
    RuleDescription rule;
    rule.name = "r";
    rule.action = "SET seen = 'yes'; REMOVE colour; SET sys.Label = 'new'";
    const auto compiled = Rule::compile(rule);
    REQUIRE(compiled);
    CHECK(compiled->changes());
    const Message changed = compiled->changed(sample());
    CHECK(*application_properties(changed).find("seen") == string("yes"));
    CHECK(application_properties(changed).find("colour") == nullptr);
    CHECK(property_fields(changed)[3] == string("new"));
}

TEST_CASE("a topic hands each subscription what its rules let pass") {
    Store store("test");
    const EntityId topic = store.create(EntityKind::Topic, "t", {}, noon).value();
    for (const char* name : {"all", "red", "both", "none"})
        store.create(EntityKind::Subscription, std::string("t/Subscriptions/") + name, {}, noon);
    const auto only = [&](const std::string& name, const std::vector<RuleDescription>& rules) {
        const std::string path = "t/Subscriptions/" + name;
        CHECK(store.remove_rule(path, "$Default"));
        for (const RuleDescription& rule : rules)
            CHECK(store.add_rule(path, rule, noon));
    };
    only("red", {{"r", SqlFilter{"colour = 'red'"}, "", {}}});
    only("both", {{"a", TrueFilter{}, "SET a = 1", {}}, {"b", SqlFilter{"size=7"}, "", {}}});
    only("none", {{"f", FalseFilter{}, "", {}}});
    const auto count = [&](const std::string& name) {
        return store.counts(*store.find("t/Subscriptions/" + name)).active;
    };
    std::vector<Message> one;
    one.push_back(sample());
    const auto sent = store.send(topic, std::move(one), noon);
    REQUIRE(sent);
    CHECK(sent->at(0).sequence == 1);
    CHECK(count("all") == 1);
    CHECK(count("red") == 1);
    CHECK(count("both") == 2);
    CHECK(count("none") == 0);
    CHECK(store.traffic().unrouted == 0);
    for (const char* name : {"all", "red", "both"})
        CHECK(store.remove(std::string("t/Subscriptions/") + name));
    std::vector<Message> two;
    two.push_back(sample());
    two.back().scheduled = noon + std::chrono::seconds(5);
    CHECK(store.send(topic, std::move(two), noon));
    CHECK(store.counts(*store.find(topic)).scheduled == 1);
    store.run_due(noon + std::chrono::seconds(5));
    CHECK(store.traffic().unrouted == 1);
}

TEST_CASE("rules are added once, replaced and removed by name") {
    Store store("test");
    store.create(EntityKind::Topic, "t", {}, noon);
    store.create(EntityKind::Subscription, "t/Subscriptions/s", {}, noon);
    const RuleDescription rule{"r", FalseFilter{}, "", {}};
    CHECK(store.add_rule("t/Subscriptions/s", rule, noon));
    CHECK(store.add_rule("t/Subscriptions/s", rule, noon).error().condition ==
          "com.microsoft:entity-already-exists");
    CHECK(store.replace_rule("t/Subscriptions/s", {"R", TrueFilter{}, "", {}}, noon));
    CHECK(store.replace_rule("t/Subscriptions/s", {"x", TrueFilter{}, "", {}}, noon)
              .error()
              .condition == "amqp:not-found");
    CHECK(store.remove_rule("t/Subscriptions/s", "r"));
    CHECK(store.remove_rule("t/Subscriptions/s", "r").error().condition == "amqp:not-found");
    CHECK(store.add_rule("t", rule, noon).error().condition == "amqp:not-allowed");
    CHECK(store.add_rule("x", rule, noon).error().condition == "amqp:not-found");
    CHECK(store.add_rule("t/Subscriptions/s", {"", TrueFilter{}, "", {}}, noon).error().condition ==
          "amqp:invalid-field");
}

}  // namespace
}  // namespace vc::lab::servicebus
