#include "tests/lab/servicebus/atom_xml.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace vc;
using namespace vc::lab::servicebus;

namespace {

constexpr Instant now{1'763'650'000s};
const AtomPlace place{"127.0.0.1:5671", "primary", "api-version=2021-05"};

std::string queue_body(const std::string& inside) {
    return R"(<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">)"
           R"(<QueueDescription xmlns="urn:x">)" +
           inside + "</QueueDescription></content></entry>";
}

std::string rule_body(const std::string& inside) {
    return R"(<a:entry xmlns:a="http://www.w3.org/2005/Atom"><a:content><n:RuleDescription )"
           R"(xmlns:n="urn:x" xmlns:t="http://www.w3.org/2001/XMLSchema-instance">)" +
           inside + "</n:RuleDescription></a:content></a:entry>";
}

std::string refusal(const Answer<EntityBody>& answer) {
    return answer ? "" : answer.error().description;
}

std::string refusal(const Answer<RuleDescription>& answer) {
    return answer ? "" : answer.error().description;
}

}  // namespace

TEST_CASE("a duration is spelled as .NET does, and read back") {
    CHECK(to_iso(60s) == "PT1M");
    CHECK(to_iso(0s) == "PT0S");
    CHECK(to_iso(24h) == "P1D");
    CHECK(to_iso(36h + 5s + 500ms) == "P1DT12H5.5S");
    CHECK(to_iso(100ns) == "PT0.0000001S");
    CHECK(to_iso(for_ever) == "P10675199DT2H48M5.4775807S");
    CHECK(duration_of("P1DT12H5.5S") == 36h + 5s + 500ms);
    CHECK(duration_of("PT0.0000001S") == 100ns);
    CHECK(duration_of("P2W") == 14 * 24h);
    CHECK(duration_of("P10675199DT2H48M5.4775807S") == for_ever);
    CHECK(duration_of("P10675199DT2H48M5.477581S") == for_ever);
}

TEST_CASE("what is no duration is not read as one") {
    for (const char* text : {"", "P", "PT", "60", "P1Y", "P1M", "PT1", "PTS", "P1DT", "PT-1S",
                             "PT1S ", "PT1D", "PT1e3S"}) {
        CAPTURE(text);
        CHECK_FALSE(duration_of(text).has_value());
    }
}

TEST_CASE("a queue is read over what is there") {
    EntityOptions given;
    given.max_delivery_count = 7;
    const auto body = read_entity(
        queue_body("<LockDuration>PT30S</LockDuration><RequiresSession>True</RequiresSession>"
                   "<Status>Disabled</Status><ForwardTo>sb://host/other</ForwardTo>"
                   "<UserMetadata>a &lt;b&gt;</UserMetadata><SomethingNew>1</SomethingNew>"),
        given);
    REQUIRE(body.has_value());
    CHECK(body->kind == EntityKind::Queue);
    CHECK(body->options.lock_duration == 30s);
    CHECK(body->options.requires_session);
    CHECK(body->options.status == EntityStatus::Disabled);
    CHECK(body->options.forward_to == "other");
    CHECK(body->options.user_metadata == "a <b>");
    CHECK(body->options.max_delivery_count == 7);
}

TEST_CASE("an entry says what was written, and escapes it") {
    Entity queue;
    queue.path = "q";
    queue.options.user_metadata = "<&>";
    queue.created = now;
    Counts counts;
    counts.active = 3;
    counts.total = 4;
    const std::string entry = entity_entry(place, queue, counts, now);
    CHECK(entry.find("<id>https://127.0.0.1:5671/q?api-version=2021-05</id>") != entry.npos);
    CHECK(entry.find("<LockDuration>PT1M</LockDuration>") != entry.npos);
    CHECK(entry.find("<UserMetadata>&lt;&amp;&gt;</UserMetadata>") != entry.npos);
    CHECK(entry.find("<d2p1:ActiveMessageCount>3</d2p1:ActiveMessageCount>") != entry.npos);
    const auto read = read_entity(entry, {});
    REQUIRE(read.has_value());
    CHECK(read->options.user_metadata == "<&>");
    CHECK(read->options.default_ttl == for_ever);
}

TEST_CASE("rules are read with any prefix and written so that they are read again") {
    const auto rule = read_rule(rule_body(
        R"(<n:Filter t:type="CorrelationFilter"><n:Label>x</n:Label><n:Properties>)"
        "<n:KeyValueOfstringanyType><n:Key>k</n:Key>"
        R"(<n:Value t:type="d:long">5000000000</n:Value></n:KeyValueOfstringanyType>)"
        "</n:Properties></n:Filter><n:Action t:type=\"SqlRuleAction\"><n:SqlExpression>SET a = 1"
        "</n:SqlExpression></n:Action><n:Name>r</n:Name>"));
    REQUIRE_MESSAGE(rule.has_value(), refusal(rule));
    const auto again = read_rule(rule_entry(place, "t/Subscriptions/s", *rule, now));
    REQUIRE_MESSAGE(again.has_value(), refusal(again));
    CHECK(again->name == "r");
    CHECK(again->action == "SET a = 1");
    const auto* filter = std::get_if<CorrelationFilter>(&again->filter);
    REQUIRE(filter != nullptr);
    CHECK(filter->label == "x");
    CHECK_FALSE(filter->to.has_value());
    CHECK(filter->properties.at("k") == long_value(5'000'000'000));
}

TEST_CASE("the parameters of a filter and of an action come and go with their types") {
    const std::string pair =
        "<n:Parameters><n:KeyValueOfstringanyType><n:Key>@a</n:Key>"
        R"(<n:Value t:type="d:double">2.5</n:Value></n:KeyValueOfstringanyType></n:Parameters>)";
    const auto rule = read_rule(rule_body(
        R"(<n:Filter t:type="SqlFilter"><n:SqlExpression>x = @a</n:SqlExpression>)" + pair +
        R"(</n:Filter><n:Action t:type="SqlRuleAction"><n:SqlExpression>SET x = @a)"
        "</n:SqlExpression>" +
        pair + "</n:Action>"));
    REQUIRE_MESSAGE(rule.has_value(), refusal(rule));
    const auto again = read_rule(rule_entry(place, "t/Subscriptions/s", *rule, now));
    REQUIRE_MESSAGE(again.has_value(), refusal(again));
    CHECK(std::get<SqlFilter>(again->filter).parameters.at("@a").real == 2.5);
    CHECK(again->action_parameters.at("@a").real == 2.5);
}

TEST_CASE("a body that says nothing sensible is refused in words") {
    CHECK(refusal(read_entity("", {})) == "The body is no XML: No document element found.");
    CHECK(refusal(read_entity("<entry/>", {})) == "The body has no content in an Atom entry.");
    CHECK(refusal(read_entity(rule_body(""), {})) == "'RuleDescription' describes no entity.");
    CHECK(refusal(read_rule(queue_body(""))) == "The body describes no rule.");
    CHECK(refusal(read_entity(queue_body("<LockDuration>soon</LockDuration>"), {})) ==
          "The value 'soon' of LockDuration is not valid.");
    CHECK(refusal(read_entity(queue_body("<AuthorizationRules><a/></AuthorizationRules>"), {})) ==
          "AuthorizationRules of a single entity are not supported.");
    CHECK(refusal(read_rule(rule_body(R"(<n:Filter t:type="Odd"/>)"))) ==
          "The filter type 'Odd' is not known.");
    CHECK(refusal(read_rule(rule_body(
              R"(<n:Filter t:type="CorrelationFilter"><n:Properties><n:P><n:Value t:type="int">)"
              "x</n:Value></n:P></n:Properties></n:Filter>"))) ==
          "The value 'x' of type 'int' is not understood.");
}

TEST_CASE("a deep document is read without running out of stack") {
    std::string deep;
    for (int i = 0; i < 100'000; ++i)
        deep += "<a>";
    CHECK_FALSE(read_entity(deep, {}).has_value());
}
