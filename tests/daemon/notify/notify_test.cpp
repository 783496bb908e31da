#include "daemon/notify/notify.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "daemon/host/file.h"
#include "tests/daemon/loop.h"
#include "tests/daemon/peer.h"

namespace vc {

using namespace test;
using namespace std::chrono_literals;

namespace {

PageRaised page(std::uint64_t incident, const std::string& text = "the primary is gray") {
    return {IncidentId{incident}, Severity::high, text};
}

HttpCommand post(const Peer& peer, const std::string& target = "/pages") {
    HttpCommand command;
    command.url = peer.url(target);
    return command;
}

NotifyOptions quick() {
    NotifyOptions options;
    options.first_pause = 10ms;
    options.longest_pause = 40ms;
    return options;
}

struct Running {
    boost::asio::io_context io;
    Clock clock;
    std::vector<std::string> troubles;
    std::unique_ptr<Notifier> notifier;

    void notify(std::vector<HookCommand> targets, NotifyOptions options) {
        notifier = std::make_unique<Notifier>(io, clock, std::move(targets), options);
        notifier->on_trouble([this](const std::string& words) { troubles.push_back(words); });
    }
    template <class Done>
    void until(Done done) {
        REQUIRE(run_until(io, done));
    }
};

std::string key_of(const PeerRequest& request) {
    const auto at = request.head.find("Idempotency-Key: ");
    return request.head.substr(at, request.head.find('\r', at) - at);
}

}  // namespace

TEST_CASE("a page goes to every target, a request and a program alike") {
    Running running;
    const TemporaryDirectory dir;
    Peer peer(running.io, [](const PeerRequest&) { return answer(202); });
    ExecCommand program;
    program.argv = {"/bin/sh", "-c",
                    "echo \"$VOLTCANARY_INCIDENT $VOLTCANARY_SEVERITY $VOLTCANARY_TEXT\" > " +
                        dir.file("page")};
    running.notify({post(peer), program}, quick());
    running.notifier->page(page(42), running.clock.now());
    CHECK(running.notifier->counts().queued == 2);
    running.until([&] { return running.notifier->counts().sent == 2; });
    CHECK(running.notifier->counts().queued == 0);
    CHECK(peer.seen()[0].body.starts_with(
        "{\"incident\":42,\"severity\":\"high\",\"text\":\"the primary is gray\","));
    CHECK(read_file(dir.file("page"), 1000).value() == "42 high the primary is gray\n");
    CHECK(running.troubles.empty());
}

TEST_CASE("a target that fails is tried again with the same key until it takes the page") {
    Running running;
    int failures = 3;
    Peer peer(running.io, [&](const PeerRequest&) { return answer(failures-- > 0 ? 500 : 200); });
    running.notify({post(peer)}, quick());
    running.notifier->page(page(1), running.clock.now());
    running.until([&] { return running.notifier->counts().sent == 1; });
    CHECK(running.notifier->counts().retried == 3);
    CHECK(running.notifier->counts().failed == 0);
    REQUIRE(peer.seen().size() == 4);
    for (const PeerRequest& request : peer.seen())
        CHECK(key_of(request) == key_of(peer.seen()[0]));
    REQUIRE(running.troubles.size() == 3);
    CHECK(running.troubles[0] == "page to target 1: HTTP 500");
}

TEST_CASE("pages keep their order, and each has a key of its own") {
    Running running;
    bool first = true;
    Peer peer(running.io, [&](const PeerRequest&) {
        const int status = first ? 503 : 200;
        first = false;
        return answer(status);
    });
    running.notify({post(peer)}, quick());
    for (std::uint64_t incident = 1; incident <= 3; ++incident)
        running.notifier->page(page(incident), running.clock.now());
    running.until([&] { return running.notifier->counts().sent == 3; });
    REQUIRE(peer.seen().size() == 4);
    for (std::size_t i = 1; i < 4; ++i) {
        CHECK(peer.seen()[i].body.starts_with("{\"incident\":" + std::to_string(i) + ","));
        if (i > 1) CHECK(key_of(peer.seen()[i]) != key_of(peer.seen()[i - 1]));
    }
}

TEST_CASE("a target that hangs holds up nobody else, and its try ends in time") {
    Running running;
    Peer deaf(running.io, [](const PeerRequest&) { return PeerReply{"", PeerReply::Then::stall}; });
    Peer good(running.io, [](const PeerRequest&) { return answer(200); });
    NotifyOptions options = quick();
    options.timeout = 200ms;
    running.notify({post(deaf), post(good)}, options);
    for (std::uint64_t incident = 1; incident <= 5; ++incident)
        running.notifier->page(page(incident), running.clock.now());
    running.until([&] { return running.notifier->counts().sent == 5; });
    CHECK(good.seen().size() == 5);
    running.until([&] { return deaf.seen().size() >= 2; });
    CHECK(running.troubles[0].ends_with("did not answer in time"));
}

TEST_CASE("a page that nobody takes is given up when it is old, and the next one gets its turn") {
    Running running;
    Peer peer(running.io, [](const PeerRequest& request) {
        return answer(request.body.starts_with("{\"incident\":1,") ? 500 : 200);
    });
    NotifyOptions options = quick();
    options.give_up_after = 100ms;
    running.notify({post(peer)}, options);
    running.notifier->page(page(1), running.clock.now());
    running.until([&] { return running.notifier->counts().failed == 1; });
    CHECK(running.troubles.back() == "page to target 1: given up, too old: HTTP 500");
    running.notifier->page(page(2), running.clock.now());
    running.until([&] { return running.notifier->counts().sent == 1; });
    CHECK(running.notifier->counts().queued == 0);
}

TEST_CASE("a full queue gives up its oldest page that is not under way") {
    Running running;
    bool open = false;
    Peer peer(running.io, [&](const PeerRequest&) { return answer(open ? 200 : 500); });
    NotifyOptions options = quick();
    options.queue_max = 3;
    running.notify({post(peer)}, options);
    for (std::uint64_t incident = 1; incident <= 6; ++incident)
        running.notifier->page(page(incident), running.clock.now());
    CHECK(running.notifier->counts().queued == 3);
    CHECK(running.notifier->counts().failed == 3);
    CHECK(running.troubles[0] == "page to target 1: given up, too many are waiting");
    open = true;
    running.until([&] { return running.notifier->counts().sent == 3; });
    std::string order;
    for (const PeerRequest& request : peer.seen())
        order += request.body.substr(12, 1);
    CHECK(order.ends_with("156"));
}

TEST_CASE("pages are settled when every target has taken or given up all until then") {
    Running running;
    int refusals = 2;
    Peer prompt(running.io, [](const PeerRequest&) { return answer(200); });
    Peer slow(running.io, [&](const PeerRequest&) { return answer(refusals-- > 0 ? 503 : 200); });
    running.notify({post(prompt), post(slow)}, quick());
    std::vector<Instant> settled;
    running.notifier->on_settled([&](Instant until) { settled.push_back(until); });
    const Instant first = running.clock.now();
    const Instant second = first + 1s;
    running.notifier->page(page(1), first);
    running.notifier->page(page(1), second);
    running.until([&] { return prompt.seen().size() == 2; });
    CHECK((settled.empty() || settled.back() < second));
    running.until([&] { return running.notifier->counts().queued == 0; });
    REQUIRE(!settled.empty());
    CHECK(settled.back() == second);
    CHECK(std::is_sorted(settled.begin(), settled.end()));
}

TEST_CASE("a page that is sent again after a restart has the key that it had") {
    std::vector<std::string> keys;
    const Instant raised = Clock().now() - 10min;
    for (int run = 0; run < 2; ++run) {
        Running running;
        Peer peer(running.io, [](const PeerRequest&) { return answer(200); });
        running.notify({post(peer)}, quick());
        running.notifier->page(page(7), raised);
        running.until([&] { return running.notifier->counts().queued == 0; });
        keys.push_back(key_of(peer.seen().at(0)));
    }
    CHECK(keys[0] == keys[1]);
}

TEST_CASE("with nobody to tell, a page is settled at once") {
    Running running;
    running.notify({}, quick());
    std::optional<Instant> settled;
    running.notifier->on_settled([&](Instant until) { settled = until; });
    const Instant raised = running.clock.now();
    running.notifier->page(page(1), raised);
    CHECK(settled == raised);
}

TEST_CASE("a notifier that is destroyed in the middle of a try leaves nothing behind") {
    Running running;
    Peer deaf(running.io, [](const PeerRequest&) { return PeerReply{"", PeerReply::Then::stall}; });
    running.notify({post(deaf)}, quick());
    running.notifier->page(page(1), running.clock.now());
    running.until([&] { return !deaf.seen().empty(); });
    running.notifier.reset();
    running.io.restart();
    running.io.poll();
    CHECK(running.troubles.empty());
}

}  // namespace vc
