// A standby that lacks what the primary has: found by its management plane, told before it is
// needed, not moved to, and moved to once it is mended.
#include <doctest/doctest.h>

#include <algorithm>

#include "daemon/host/http_client.h"
#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

// As an administrator would, over the namespace's own management plane.
void make_queue(Story& story, const char* broker, const std::string& name,
                const std::string& settings = "") {
    vc::HttpRequest request;
    request.method = "PUT";
    request.url = "http://127.0.0.1:" + std::to_string(story.platform().port(broker)) + "/" + name +
                  "?api-version=2021-05";
    request.headers = {{"Content-Type", "application/atom+xml"}};
    request.body =
        R"(<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">)"
        R"(<QueueDescription )"
        R"(xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">)" +
        settings + "</QueueDescription></content></entry>";
    const auto answer = vc::http_fetch(request, 10s, vc::Clock());
    REQUIRE_MESSAGE(answer, answer.error().message);
    REQUIRE_MESSAGE(answer->status == 201, answer->body);
}

boost::json::object readiness(Story& story) {
    return story.watcher().status().at("standby").at("readiness").as_object();
}

bool finds(Story& story, const std::string& standing, const std::string& difference = "") {
    const boost::json::object found = readiness(story);
    if (found.at("standing").as_string() != standing) return false;
    if (difference.empty()) return true;
    const auto& list = found.at("unfit").as_array();
    return std::any_of(list.begin(), list.end(), [&](const boost::json::value& one) {
        return one.as_string() == difference;
    });
}

}  // namespace

TEST_CASE("a standby that lacks a queue is told of, not moved to, and moved to once it has one") {
    WatcherOptions options;
    options.more = "readiness: {every: 2m, deadline: 2m, ignore: [\"ocpp-in/*\"]}";
    Story story(options);
    const std::string missing = "queue orders: missing on the standby";
    CHECK(story.eventually(4min, [&] { return finds(story, "ready"); }));

    make_queue(story, "primary", "orders", "<LockDuration>PT30S</LockDuration>");
    REQUIRE(story.eventually(6min, [&] { return finds(story, "unfit", missing); }));
    CHECK(story.eventually(1min, [&] { return story.pages_received() == 1; }));
    const Watcher::Said said = story.watcher().say({"check", "--live"});
    CHECK_MESSAGE(said.exit_code == 3, said.output);
    CHECK_MESSAGE(said.output.find("UNFIT  " + missing) != std::string::npos, said.output);

    story.platform().inject({{"component", "primary"}, {"kind", "stall"}});
    CHECK(story.eventually(15min, [&] { return story.incident("decision") == "hold"; }));
    CHECK(story.incident("why").find(missing) != std::string::npos);
    CHECK(story.throughout(3min, [&] { return story.count("migrations") == 0; }));

    make_queue(story, "standby", "orders", "<LockDuration>PT30S</LockDuration>");
    CHECK(story.eventually(12min, [&] { return story.migration_state() == "verified"; }));
    const auto chain = story.watcher().incident(1);
    CHECK_FALSE(records_of(chain, "standby_audited").empty());
    story.end();
}

TEST_CASE("a live check of a good platform names every queue, compares and is content") {
    TempDir dir;
    PlatformOptions options;
    options.factor = 1;
    Platform platform(dir, options);
    const auto port = [&](const char* name) { return std::to_string(platform.port(name)); };
    const auto file = dir.path() / "live.yaml";
    write_text(file, "state: " + (dir.path() / "state").string() +
                         "\nlisten: 127.0.0.1:0\nplatform:\n  bridge:\n    url: ws://127.0.0.1:" +
                         port("bridge") + R"(/ocpp
    identity_prefix: SYN-
    standby_identity_prefix: SYN-STANDBY-
    id_tag: SYNTH01
  primary: {url: "amqp://127.0.0.1:)" +
                         port("primary") +
                         R"(", entities: [canary-0, canary-1]}
  standby: {url: "amqp://127.0.0.1:)" +
                         port("standby") + R"(", entities: [canary-0]}
control: ["http://127.0.0.1:)" +
                         port("ping") + R"(/ping"]
readiness: {ignore: ["ocpp-in/*"]}
)");
    Child check({binary("voltcanary"), "check", "--live", "--config", file.string()}, {},
                dir.path() / "check.log");
    CHECK(check.wait(40s) == 0);
    const std::string said = check.log_text();
    CAPTURE(said);
    CHECK(said.find("  canary-0: ok in ") != std::string::npos);
    CHECK(said.find("  canary-1: ok in ") != std::string::npos);
    CHECK(said.find("send_receive ") != std::string::npos);
    CHECK(said.find("readiness: the standby has what the primary has") != std::string::npos);
}
