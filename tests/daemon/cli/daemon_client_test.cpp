#include "daemon/cli/daemon_client.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

#include "daemon/http/status_json.h"
#include "tests/daemon/cli/scratch.h"
#include "tests/daemon/peer.h"

using namespace vc;
using vc::test::PeerReply;
using vc::test::PeerRequest;
using vc::test::Scratch;
using vc::test::Told;

namespace {

// A daemon's HTTP door that answers by script, on a thread of its own; noted in http.json.
class Door {
  public:
    Door(const Scratch& scratch, test::Peer::Script script) : peer_(io_, std::move(script)) {
        const std::string url = peer_.url("");
        scratch.write("http.json", "{\"port\":" + url.substr(url.rfind(':') + 1) + ",\"pid\":1}");
        thread_ = std::thread([this] { io_.run(); });
    }
    ~Door() {
        io_.stop();
        thread_.join();
    }
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

    // Only when no request is under way.
    const std::vector<PeerRequest>& seen() const { return peer_.seen(); }

  private:
    boost::asio::io_context io_;
    test::Peer peer_;
    std::thread thread_;
};

std::string some_status(bool blind) {
    StatusFacts facts;
    facts.engine.active_broker = "primary";
    facts.engine.blind = blind;
    return status_json(facts);
}

}  // namespace

TEST_CASE("the port is the one that the daemon has noted, else the configured one") {
    const Scratch scratch;
    DaemonPlace place{scratch.directory(), {"127.0.0.1", 9470}};
    CHECK(*daemon_url(place) == "http://127.0.0.1:9470");
    scratch.write("http.json", "{\"port\":4711,\"pid\":1}");
    CHECK(*daemon_url(place) == "http://127.0.0.1:4711");
    for (const char* broken : {"", "{}", "[1]", "{\"port\":\"x\"}", "{\"port\":0}",
                               "{\"port\":65536}", "{\"port\":-1}"}) {
        scratch.write("http.json", broken);
        CHECK(*daemon_url(place) == "http://127.0.0.1:9470");
    }
    place.listen.port = 0;
    CHECK(daemon_url(place).error().message ==
          "the daemon is not running: no " + scratch.directory() + "/http.json tells its port");
}

TEST_CASE("status of a daemon that is not there is unknown") {
    const Scratch scratch;
    scratch.write_config();
    const Told told = scratch.run({"status", "--config", scratch.config()});
    CHECK(told.code == 7);
    CHECK(told.out.empty());
    CHECK(told.err.starts_with("the daemon is not running: "));
}

TEST_CASE("status of a daemon that was killed is unknown") {
    const Scratch scratch;
    scratch.write_config();
    {
        // Its port is free again when the door is gone.
        const Door door(scratch, [](const PeerRequest&) { return test::answer(200); });
    }
    const Told told = scratch.run({"status", "--config", scratch.config()});
    CHECK(told.code == 7);
    CHECK(told.err.starts_with("the daemon does not answer: "));
}

TEST_CASE("status is text for people and the whole answer for programs") {
    const Scratch scratch;
    scratch.write_config();
    const std::string body = some_status(false);
    const Door door(scratch, [body](const PeerRequest&) { return test::answer(200, body); });
    const Told text = scratch.run({"status", "--config", scratch.config()});
    CHECK(text.code == 0);
    CHECK(text.out.starts_with("OK "));
    const Told json = scratch.run({"status", "--json", "--config", scratch.config()});
    CHECK(json.code == 0);
    CHECK(json.out == body + "\n");
    CHECK(door.seen().at(0).head.starts_with("GET /api/status HTTP/1.1\r\n"));
}

TEST_CASE("status --json has the same exit code as the text") {
    const Scratch scratch;
    scratch.write_config();
    const Door door(scratch,
                    [](const PeerRequest&) { return test::answer(200, some_status(true)); });
    CHECK(scratch.run({"status", "--config", scratch.config()}).code == 7);
    CHECK(scratch.run({"status", "--json", "--config", scratch.config()}).code == 7);
}

TEST_CASE("an answer that is no status is unknown, whoever gave it") {
    const Scratch scratch;
    scratch.write_config();
    const Door door(scratch, [](const PeerRequest&) { return test::answer(404, "not here"); });
    const Told told = scratch.run({"status", "--config", scratch.config()});
    CHECK(told.code == 7);
    CHECK(told.err == "the daemon's answer is no status (HTTP 404)\n");
}

TEST_CASE("status asks also when the rest of the configuration is broken") {
    const Scratch scratch;
    scratch.write_config("mode: on\nnonsense: 1\n");
    const Door door(scratch,
                    [](const PeerRequest&) { return test::answer(200, some_status(false)); });
    CHECK(scratch.run({"status", "--config", scratch.config()}).code == 0);
    scratch.write("voltcanary.yaml", "state: relative\n");
    const Told told = scratch.run({"status", "--config", scratch.config()});
    CHECK(told.code == 2);
    CHECK(told.err == scratch.config() + ":1:8: state: must be an absolute path\n");
}

TEST_CASE("an order goes out with its reason and who gave it") {
    const Scratch scratch;
    scratch.write_config();
    REQUIRE(::setenv("SUDO_USER", "anna", 1) == 0);
    const Door door(scratch,
                    [](const PeerRequest&) { return test::answer(200, done_json("paused")); });
    const Told told =
        scratch.run({"pause", "--reason", "maint \"x\"", "--config", scratch.config()});
    CHECK(told.code == 0);
    CHECK(told.out == "paused\n");
    CHECK(scratch.run({"resume", "--config", scratch.config()}).code == 0);
    CHECK(scratch.run({"ack", "--reason", "seen", "--config", scratch.config()}).code == 0);
    REQUIRE(door.seen().size() == 3);
    CHECK(door.seen()[0].head.starts_with("POST /api/command HTTP/1.1\r\n"));
    CHECK(door.seen()[0].head.find("Content-Type: application/json\r\n") != std::string::npos);
    const auto pause = command_from_json(door.seen()[0].body);
    REQUIRE(pause.has_value());
    CHECK(pause->command == Command::pause);
    CHECK(pause->by == "anna");
    CHECK(pause->reason == "maint \"x\"");
    const auto resume = command_from_json(door.seen()[1].body);
    REQUIRE(resume.has_value());
    CHECK(resume->command == Command::resume);
    CHECK(resume->reason == "resume without a reason given");
    CHECK(command_from_json(door.seen()[2].body)->command == Command::ack);
}

TEST_CASE("an order that the daemon refuses is told with its reason") {
    const Scratch scratch;
    scratch.write_config();
    const std::vector<std::string> ack{"ack", "--reason", "x", "--config", scratch.config()};
    {
        const Door door(scratch, [](const PeerRequest&) {
            return test::answer(409, error_json("no incident is open"));
        });
        const Told told = scratch.run(ack);
        CHECK(told.code == 4);
        CHECK(told.out.empty());
        CHECK(told.err == "ack was refused: no incident is open\n");
    }
    const Door door(scratch, [](const PeerRequest&) { return test::answer(500, "?"); });
    const Told told = scratch.run(ack);
    CHECK(told.code == 1);
    CHECK(told.err == "ack was refused: HTTP 500\n");
}

TEST_CASE("an order to a daemon that is not there is unknown") {
    const Scratch scratch;
    scratch.write_config();
    CHECK(scratch.run({"resume", "--config", scratch.config()}).code == 7);
}
