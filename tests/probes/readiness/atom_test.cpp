#include "probes/readiness/atom.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/probes/readiness/feeds.h"

namespace vc {
namespace {

using test::entry;
using test::feed;
using test::queue;
using test::rule;

std::string error_of(FeedKind kind, const std::string& xml) {
    const auto page = read_feed(kind, xml, "t");
    return page ? "no error" : page.error().message;
}

TEST_CASE("a queue is read with its settings, and what nobody compares is passed over") {
    const auto page = read_feed(FeedKind::queues, feed({queue("orders"), queue("b/c")}));
    REQUIRE(page);
    REQUIRE(page->entities.size() == 2);
    const InventoryEntity& orders = page->entities[0];
    CHECK(orders.kind == InventoryKind::queue);
    CHECK(orders.path == "orders");
    CHECK(orders.settings.at("LockDuration") == "PT1M");
    CHECK(orders.settings.at("RequiresSession") == "false");
    CHECK_FALSE(orders.settings.contains("MessageCount"));
    CHECK_FALSE(orders.settings.contains("ForwardTo"));
    CHECK(page->entities[1].path == "b/c");
}

TEST_CASE("topics and subscriptions are read, prefixes of namespaces or not") {
    const auto topics = read_feed(FeedKind::topics, feed({test::topic("events")}));
    REQUIRE(topics);
    CHECK(topics->entities.at(0).kind == InventoryKind::topic);
    const auto subscriptions =
        read_feed(FeedKind::subscriptions, feed({test::subscription("billing")}), "events");
    REQUIRE(subscriptions);
    CHECK(subscriptions->entities.at(0).path == "events/billing");
    const std::string prefixed =
        R"(<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry><a:title>q</a:title><a:content>)"
        R"(<s:QueueDescription xmlns:s="x"><s:Status> Active </s:Status></s:QueueDescription>)"
        R"(</a:content></a:entry></a:feed>)";
    const auto page = read_feed(FeedKind::queues, prefixed);
    REQUIRE(page);
    CHECK(page->entities.at(0).settings.at("Status") == "Active");
}

TEST_CASE("every kind of filter and action has a text that can be compared") {
    const std::string correlation =
        R"(<Filter i:type="CorrelationFilter"><Label>a</Label><CorrelationId/><Properties>)"
        R"(<KeyValueOfstringanyType><Key>z</Key><Value i:type="d:int">2</Value>)"
        R"(</KeyValueOfstringanyType></Properties></Filter>)";
    const std::string act =
        R"(<Action i:type="SqlRuleAction"><SqlExpression>SET b = 2</SqlExpression></Action>)";
    const std::string with_parameter =
        R"(<Filter i:type="SqlFilter"><SqlExpression>a = @p</SqlExpression><Parameters>)"
        R"(<KeyValueOfstringanyType><Key>@p</Key><Value>4</Value></KeyValueOfstringanyType>)"
        R"(</Parameters></Filter>)";
    const auto page = read_feed(
        FeedKind::rules,
        feed({rule("a", test::sql("color = 'red' AND n &lt; 3"), act),
              rule("b",
                   R"(<Filter i:type="TrueFilter"><SqlExpression>1=1</SqlExpression></Filter>)"),
              rule("c", test::sql("1=1")), rule("d", R"(<Filter i:type="FalseFilter"/>)"),
              rule("e", correlation), rule("f", with_parameter),
              rule("g", R"(<Filter i:type="NewFilter"><Odd>5</Odd></Filter>)", "")}));
    REQUIRE_MESSAGE(page, page.error().message);
    CHECK(page->rules[0].filter == "sql: color = 'red' AND n < 3");
    CHECK(page->rules[0].action == "SET b = 2");
    CHECK(page->rules[1].filter == "true");
    CHECK(page->rules[2].filter == "true");
    CHECK(page->rules[2].action.empty());
    CHECK(page->rules[3].filter == "false");
    CHECK(page->rules[4].filter == "correlation: Label=a, property z=2");
    CHECK(page->rules[5].filter == "sql: a = @p, @p=4");
    CHECK(page->rules[6].filter == "NewFilter: Odd=5");
}

TEST_CASE("an empty feed is a page without entities") {
    const auto page = read_feed(FeedKind::queues, feed({}));
    REQUIRE(page);
    CHECK(page->size() == 0);
}

TEST_CASE("what is no feed is an error with its name") {
    const FeedKind queues = FeedKind::queues;
    CHECK(error_of(queues, "").find("the feed is not XML: ") == 0);
    CHECK(error_of(queues, "<feed><entry>").find("the feed is not XML: ") == 0);
    CHECK(error_of(queues, "{\"error\":1}").find("the feed is not XML: ") == 0);
    CHECK(error_of(queues, "<html/>") == "expected a feed, found <html>");
    CHECK(error_of(queues, std::string(most_feed_bytes + 1, ' ')) == "the feed is too large");
    CHECK(error_of(queues, "<feed><entry/></feed>") == "an entry has no title");
    CHECK(error_of(queues, "<feed><entry><title>q</title></entry></feed>") ==
          "the entry q has no QueueDescription");
    CHECK(error_of(FeedKind::topics, feed({queue("q")})) == "the entry q has no TopicDescription");
    CHECK(error_of(queues, feed({queue(std::string(261, 'q'))})) ==
          "the title '" + std::string(40, 'q') + "' is no entity's name");
    CHECK(error_of(queues, feed({queue("a&#10;b")})) == "the title 'a b' is no entity's name");
    CHECK(error_of(queues, feed({queue("q", "<Status>A&#7;</Status>")})) ==
          "queue q: Status 'A ' is too long or not printable");
    CHECK(error_of(queues, feed({queue("q", "<AutoDeleteOnIdle>soon</AutoDeleteOnIdle>")})) ==
          "queue q: AutoDeleteOnIdle 'soon' is no duration such as PT1M");
    CHECK(error_of(queues, feed(std::vector<std::string>(1001, queue("q")))) ==
          "the feed has too many entries");
    CHECK(error_of(FeedKind::rules, feed({rule("r", "")})) == "rule r has no filter");
    CHECK(error_of(FeedKind::rules, feed({rule("r", test::sql(std::string(9000, 'x')))})) ==
          "rule r is too long");
    std::string many = R"(<Filter i:type="CorrelationFilter">)";
    for (int i = 0; i < 65; ++i)
        many += "<P" + std::to_string(i) + ">1</P" + std::to_string(i) + ">";
    CHECK(error_of(FeedKind::rules, feed({rule("r", many + "</Filter>")})) ==
          "rule r has too many properties");
}

TEST_CASE("a bomb of entities is refused, and nothing of it is expanded") {
    std::string bomb = "<!DOCTYPE feed [<!ENTITY a0 \"ha\">";
    for (int i = 1; i < 30; ++i) {
        const std::string last = "&a" + std::to_string(i - 1) + ";";
        bomb += "<!ENTITY a" + std::to_string(i) + " \"" + last + last + "\">";
    }
    bomb += "]><feed><entry><title>&a29;</title></entry></feed>";
    CHECK(error_of(FeedKind::queues, bomb) == "the feed has a document type");
    // An entity that nobody declared stays the text that it is.
    const auto page = read_feed(FeedKind::queues, feed({queue("&unknown;")}));
    REQUIRE(page);
    CHECK(page->entities[0].path == "&unknown;");
}

TEST_CASE("a very deep text neither exhausts the stack nor passes") {
    std::string deep = "<feed>";
    for (int i = 0; i < 200'000; ++i)
        deep += "<a>";
    for (int i = 0; i < 200'000; ++i)
        deep += "</a>";
    const auto page = read_feed(FeedKind::queues, deep + "</feed>");
    REQUIRE(page);
    CHECK(page->size() == 0);
}

TEST_CASE("a refusal tells its detail in one line") {
    CHECK(error_detail("<Error><Code>401</Code><Detail>Manage,EntityRead claims\nneeded.</Detail>"
                       "</Error>") == "Manage,EntityRead claims needed.");
    CHECK(error_detail("<Error><Detail>" + std::string(500, 'x') + "</Detail></Error>").size() ==
          200);
    CHECK(error_detail("<html>no</html>").empty());
    CHECK(error_detail("not XML").empty());
}

TEST_CASE("feeds broken at random are read or refused, never worse") {
    const std::string good = feed({queue("orders", "<ForwardTo>sb://h/b</ForwardTo>"), queue("b")});
    const std::string rules = feed({rule("a", test::sql("x = 1")), rule("b", test::sql("1=1"))});
    std::mt19937_64 dice(7);
    int refused = 0;
    for (int i = 0; i < 4000; ++i) {
        std::string text = i % 2 == 0 ? good : rules;
        const std::size_t changes = 1 + dice() % 8;
        for (std::size_t c = 0; c < changes; ++c) {
            const std::size_t at = dice() % text.size();
            switch (dice() % 4) {
                case 0:
                    text[at] = static_cast<char>(dice() % 256);
                    break;
                case 1:
                    text.erase(at, 1 + dice() % 40);
                    break;
                case 2:
                    text.insert(at, text.substr(dice() % text.size(), dice() % 60));
                    break;
                default:
                    text.insert(at, 1, "<>&\"'/!?"[dice() % 8]);
            }
            if (text.empty()) text = " ";
        }
        const auto page = read_feed(i % 2 == 0 ? FeedKind::queues : FeedKind::rules, text);
        if (page) continue;
        ++refused;
        CHECK(!page.error().message.empty());
        CHECK(page.error().message.find('\n') == std::string::npos);
    }
    CHECK(refused > 1000);
}

}  // namespace
}  // namespace vc
