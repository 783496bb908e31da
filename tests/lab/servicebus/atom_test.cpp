#include "tests/lab/servicebus/atom.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

using namespace std::chrono_literals;
using namespace vc;
using namespace vc::lab;
using namespace vc::lab::servicebus;

namespace {

struct Feed {
    boost::asio::io_context io;
    Agenda agenda{io, Clock(TimeLapse{})};
    Store store{"primary"};
    AtomHooks hooks;
    int changes = 0;

    HttpResponse ask(const std::string& method, const std::string& target,
                     const std::string& body = "", bool update = false) {
        HttpRequest request;
        request.method = method;
        read_target(target, request);
        request.body = body;
        request.headers = {{"host", "127.0.0.1:1"}, {"authorization", "the key"}};
        if (update) request.headers["if-match"] = "*";
        AtomHooks given = hooks;
        given.changed = [this] { ++changes; };
        return Atom(agenda, store, "primary", given).answer(request);
    }

    unsigned status(const std::string& method, const std::string& target,
                    const std::string& body = "", bool update = false) {
        return ask(method, target, body, update).status;
    }
};

std::string described(const std::string& kind, const std::string& inside = "") {
    return "<entry><content><" + kind + "Description>" + inside + "</" + kind +
           "Description></content></entry>";
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

}  // namespace

TEST_CASE("a queue is made, told, changed and removed") {
    Feed feed;
    CHECK(feed.status("PUT", "/q?api-version=2021-05", described("Queue")) == 201);
    CHECK(feed.status("PUT", "/q", described("Queue")) == 409);
    CHECK(holds(feed.ask("GET", "/Q").body, "<title type=\"text\">q</title>"));
    const std::string three = described("Queue", "<MaxDeliveryCount>3</MaxDeliveryCount>");
    CHECK(feed.status("PUT", "/q", three, true) == 200);
    CHECK(feed.store.find("q")->options.max_delivery_count == 3);
    CHECK(feed.status("DELETE", "/q") == 200);
    CHECK(feed.status("DELETE", "/q") == 404);
    CHECK(feed.changes == 3);
}

TEST_CASE("an entity that is not there is an empty feed, a subscription or a rule is not found") {
    Feed feed;
    const HttpResponse missing = feed.ask("GET", "/q");
    CHECK(missing.status == 200);
    CHECK(holds(missing.body, "<feed"));
    CHECK_FALSE(holds(missing.body, "<entry"));
    CHECK(feed.status("PUT", "/q", described("Queue"), true) == 404);
    CHECK(feed.status("GET", "/t/Subscriptions/s") == 404);
    CHECK(feed.status("GET", "/t/Subscriptions") == 404);
    CHECK(feed.status("PUT", "/t/Subscriptions/s", described("Subscription")) == 404);
    CHECK(feed.status("GET", "/t/Subscriptions/s/Rules") == 404);
    REQUIRE(feed.status("PUT", "/t", described("Topic")) == 201);
    REQUIRE(feed.status("PUT", "/t/subscriptions/s", described("Subscription")) == 201);
    CHECK(feed.status("GET", "/t/Subscriptions/s/Rules/none") == 404);
}

TEST_CASE("subscriptions and rules are known in any case of the fixed words") {
    Feed feed;
    REQUIRE(feed.status("PUT", "/t", described("Topic")) == 201);
    const std::string rule =
        "<DefaultRuleDescription><Filter i:type=\"SqlFilter\"><SqlExpression>a = 1</SqlExpression>"
        "</Filter><Name>first</Name></DefaultRuleDescription>";
    REQUIRE(feed.status("PUT", "/t/subscriptions/s", described("Subscription", rule)) == 201);
    const std::string rules = feed.ask("GET", "/t/subscriptions/s/rules").body;
    CHECK(count(rules, "<entry") == 1);
    CHECK(holds(rules, "<Name>first</Name>"));
    CHECK(feed.status("PUT", "/t/subscriptions/s/rules/r", described("Rule")) == 201);
    CHECK(feed.status("PUT", "/t/subscriptions/s/rules/r", described("Rule")) == 409);
    CHECK(feed.status("GET", "/t/Subscriptions/s/Rules/R") == 200);
    CHECK(feed.status("DELETE", "/t/Subscriptions/s/Rules/r") == 200);
    CHECK(feed.status("DELETE", "/t/Subscriptions/s/Rules/r") == 404);
    CHECK(feed.status("DELETE", "/t/Subscriptions/s") == 200);
}

TEST_CASE("a subscription whose first rule cannot be is not made") {
    Feed feed;
    REQUIRE(feed.status("PUT", "/t", described("Topic")) == 201);
    const std::string rule =
        "<DefaultRuleDescription><Filter i:type=\"SqlFilter\"><SqlExpression>a = =</SqlExpression>"
        "</Filter><Name>first</Name></DefaultRuleDescription>";
    CHECK(feed.status("PUT", "/t/Subscriptions/s", described("Subscription", rule)) == 400);
    CHECK(feed.status("GET", "/t/Subscriptions/s") == 404);
}

TEST_CASE("a list is told in pages, each with the address of the next") {
    Feed feed;
    for (int i = 0; i < 5; ++i)
        REQUIRE(feed.status("PUT", "/q" + std::to_string(i), described("Queue")) == 201);
    const std::string first = feed.ask("GET", "/$Resources/Queues?$skip=1&$top=2").body;
    CHECK(count(first, "<entry") == 2);
    CHECK(holds(first, ">q1<"));
    CHECK(holds(first,
                "https://127.0.0.1:1/$Resources/Queues?api-version=2021-05&amp;$skip=3"
                "&amp;$top=2"));
    const std::string last = feed.ask("GET", "/$resources/queues?$skip=3&$top=2").body;
    CHECK(count(last, "<entry") == 2);
    CHECK_FALSE(holds(last, "rel=\"next\""));
    CHECK(count(feed.ask("GET", "/$Resources/Queues?$skip=99").body, "<entry") == 0);
    CHECK(count(feed.ask("GET", "/$Resources/Topics").body, "<entry") == 0);
    CHECK(feed.status("GET", "/$Resources/Relays") == 404);
}

TEST_CASE("the namespace tells its name") {
    Feed feed;
    CHECK(holds(feed.ask("GET", "/$namespaceinfo").body, "<Name>primary</Name>"));
    CHECK(feed.status("PUT", "/$namespaceinfo") == 405);
}

TEST_CASE("what is not understood is refused") {
    Feed feed;
    CHECK(feed.status("PUT", "/q", "no xml") == 400);
    CHECK(feed.status("PUT", "/q", described("Subscription")) == 400);
    CHECK(feed.status("POST", "/q", described("Queue")) == 405);
    REQUIRE(feed.status("PUT", "/q", described("Queue")) == 201);
    CHECK(feed.status("PUT", "/q", described("Topic"), true) == 400);
    CHECK(feed.status("PUT", "/q/Subscriptions/s", described("Subscription")) / 100 == 4);
}

TEST_CASE("who may not manage is told so, with the address that the key was asked for") {
    Feed feed;
    std::string url;
    feed.hooks.authorize = [&](const std::string& authorization,
                               const std::string& asked) -> Result<void> {
        url = asked;
        if (authorization == "the key") return {};
        return failure("No.");
    };
    CHECK(feed.status("PUT", "/q?x=%20", described("Queue")) == 201);
    CHECK(url == "https://127.0.0.1:1/q?x=%20");
    feed.hooks.authorize = [](const std::string&, const std::string&) { return failure("No."); };
    const HttpResponse refused = feed.ask("GET", "/q");
    CHECK(refused.status == 401);
    CHECK(refused.body == "<Error><Code>401</Code><Detail>SubCode=40100. No.</Detail></Error>");
}

TEST_CASE("management can be down, slow, and blind to counts") {
    Feed feed;
    REQUIRE(feed.status("PUT", "/q", described("Queue")) == 201);
    const EntityId id = feed.store.find("q")->id;
    Message message;
    message.id = "m";
    REQUIRE(feed.store.send(id, {message}, feed.agenda.now()).has_value());
    const std::string one = "<d2p1:ActiveMessageCount>1</d2p1:ActiveMessageCount>";
    CHECK(holds(feed.ask("GET", "/q").body, one));
    feed.hooks.hides_counts = [](const std::string& entity) { return entity == "q"; };
    CHECK_FALSE(holds(feed.ask("GET", "/q").body, one));
    feed.hooks.delay = [] { return Duration(2s); };
    CHECK(feed.ask("GET", "/q").delay == 2s);
    feed.hooks.down = [] { return true; };
    CHECK(feed.ask("GET", "/q").status == 503);
}
