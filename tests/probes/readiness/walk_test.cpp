#include "probes/readiness/walk.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/probes/readiness/feeds.h"

namespace vc {
namespace {

using test::feed;

// A namespace by the paths it answers, without their queries.
struct Namespace {
    std::map<std::string, std::vector<std::string>> lists;
    std::vector<std::string> asked;

    std::string answer(const std::string& target) {
        asked.push_back(target);
        const auto query = target.find('?');
        const auto skip_at = target.find("$skip=") + 6;
        const std::size_t skip = std::stoul(target.substr(skip_at));
        std::vector<std::string> page = lists[target.substr(0, query)];
        page.erase(page.begin(),
                   page.begin() + static_cast<std::ptrdiff_t>(std::min(skip, page.size())));
        if (page.size() > 100) page.resize(100);
        return feed(page);
    }
};

Result<Inventory> walked(Namespace& ns, std::vector<std::string> ignore = {}) {
    InventoryWalk walk(std::move(ignore));
    while (const auto target = walk.next()) {
        auto taken = walk.answer(200, ns.answer(*target));
        if (!taken) return tl::unexpected(taken.error());
    }
    return std::move(walk).take();
}

Namespace small() {
    return {{{"/$Resources/Queues", {test::queue("in"), test::queue("canary-0")}},
             {"/$Resources/Topics", {test::topic("a/b"), test::topic("temp-1")}},
             {"/a/b/Subscriptions", {test::subscription("s 1")}},
             {"/a/b/Subscriptions/s%201/Rules", {test::rule("$Default", test::sql("1=1"))}},
             {"/temp-1/Subscriptions", {test::subscription("x")}}},
            {}};
}

TEST_CASE("everything is asked for, from queues to the rules of each subscription") {
    Namespace ns = small();
    const auto inventory = walked(ns);
    REQUIRE_MESSAGE(inventory, inventory.error().message);
    std::vector<std::string> paths;
    for (const InventoryEntity& entity : inventory->entities)
        paths.push_back(entity.path);
    CHECK(paths ==
          std::vector<std::string>{"in", "canary-0", "a/b", "temp-1", "a/b/s 1", "temp-1/x"});
    CHECK(inventory->entities[4].rules.at(0).name == "$Default");
    CHECK(ns.asked[0] == "/$Resources/Queues?api-version=2021-05&$skip=0&$top=100");
    CHECK(ns.asked.size() == 6);
}

TEST_CASE("what is ignored is neither kept nor asked further, and is known to be there") {
    Namespace ns = small();
    const auto inventory = walked(ns, {"canary-*", "TEMP-*"});
    REQUIRE(inventory);
    CHECK(inventory->entities.size() == 3);
    CHECK(inventory->ignored == std::set<std::string>{"canary-0", "temp-1"});
    CHECK(ns.asked.size() == 4);
}

TEST_CASE("long lists are read page by page") {
    Namespace ns;
    for (int i = 0; i < 250; ++i)
        ns.lists["/$Resources/Queues"].push_back(test::queue("q" + std::to_string(i)));
    const auto inventory = walked(ns);
    REQUIRE(inventory);
    CHECK(inventory->entities.size() == 250);
    CHECK(ns.asked[2].find("$skip=200") != std::string::npos);
    CHECK(ns.asked.size() == 4);
}

TEST_CASE("a namespace that gives the same page for ever is found out") {
    std::vector<std::string> page;
    for (int i = 0; i < 100; ++i)
        page.push_back(test::queue("q" + std::to_string(i)));
    InventoryWalk walk({});
    CHECK(walk.answer(200, feed(page)));
    const auto again = walk.answer(200, feed(page));
    REQUIRE_FALSE(again);
    CHECK(again.error().message == "/$Resources/Queues lists q0 twice");
}

TEST_CASE("a namespace without end is left") {
    InventoryWalk walk({});
    int number = 0;
    std::string error;
    for (int i = 0; i < 6000 && error.empty(); ++i) {
        std::vector<std::string> page;
        for (int k = 0; k < 100; ++k)
            page.push_back(test::entry("q" + std::to_string(number++), "QueueDescription", ""));
        const auto taken = walk.answer(200, feed(page));
        if (!taken) error = taken.error().message;
    }
    CHECK(error == "/$Resources/Queues lists too many entities");
}

TEST_CASE("a refusal is told with its place, its number and its detail") {
    InventoryWalk walk({});
    const auto refused =
        walk.answer(401, "<Error><Code>401</Code><Detail>claims needed</Detail></Error>");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "/$Resources/Queues answered 401: claims needed");
    const auto broken = walk.answer(200, "<html/>");
    REQUIRE_FALSE(broken);
    CHECK(broken.error().message == "/$Resources/Queues: expected a feed, found <html>");
    const auto none = walk.answer(503, "");
    REQUIRE_FALSE(none);
    CHECK(none.error().message == "/$Resources/Queues answered 503");
}

TEST_CASE("throttling and bad moments pass; refusals do not") {
    for (const unsigned status : {408u, 429u, 500u, 502u, 503u, 504u})
        CHECK(is_passing(status));
    for (const unsigned status : {200u, 400u, 401u, 403u, 404u, 501u})
        CHECK_FALSE(is_passing(status));
}

}  // namespace
}  // namespace vc
