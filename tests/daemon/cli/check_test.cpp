#include "daemon/cli/check.h"

#include <doctest/doctest.h>

#include "tests/daemon/cli/scratch.h"

using namespace vc;
using vc::test::Scratch;
using vc::test::Told;

namespace {

Config loaded(const Scratch& scratch) {
    Errors errors;
    auto config = load_config(scratch.config(), errors);
    REQUIRE(config.has_value());
    return std::move(*config);
}

const std::string moving =
    "hooks: {move: {exec: {apply: [/bin/true], verify: [/bin/true]}}}\n"
    "migration: {steps: [{name: move, hook: move, point_of_no_return: true}]}\n"
    "notify: [{exec: [/bin/true]}]\n";

}  // namespace

TEST_CASE("check prints every error with its place, counts them, and exits with 2") {
    const Scratch scratch;
    scratch.write_config("stop_deadline: 30\nmode: on\n");
    const Told told = scratch.run({"check", "--config", scratch.config()});
    CHECK(told.code == 2);
    CHECK(told.out.empty());
    CHECK(told.err == scratch.config() + ":12:16: stop_deadline: 30 has no unit, write 30s\n" +
                          scratch.config() +
                          ":13:7: mode: unknown value 'on' (known: observe, auto)\n2 errors\n");
}

TEST_CASE("check tells of a good file what would be probed, and of what is doubtful") {
    const Scratch scratch;
    scratch.write_config();
    const Told told = scratch.run({"check", "--config", scratch.config()});
    CHECK(told.code == 0);
    CHECK(told.err == "warning: " + scratch.config() +
                          ":1:1: notify: nobody is told of an incident; pages stay in the "
                          "journal\n");
    CHECK(told.out.starts_with(scratch.config() + " is good\n"));
    for (const char* part :
         {"quorum of one", "observe: watches, diagnoses, pages; moves nothing",
          "SYN-0001..SYN-0008, SYN-PING; through the standby SYN-STANDBY-0001",
          "amqp://127.0.0.1:5672 (canary-0) as ANONYMOUS", "none: nothing can be moved",
          "heartbeat: the full loop", "management requests/s on the active broker",
          "none: nobody else is asked", "readiness   of the standby is not audited"}) {
        CHECK_MESSAGE(told.out.find(part) != std::string::npos, part);
    }
}

TEST_CASE("the load is counted in the messages that each attempt makes") {
    const Scratch scratch;
    scratch.write_config(
        "probes:\n  HB: {every: 10s, chargers: 5}\n  TX: {every: 20s}\n  DL: {every: 2s}\n"
        "  DF: {every: 4s}\n  SL: {every: 5s}\n  SF: {every: 10s}\n  SC: {every: 60s}\n"
        "  DX: {every: 20s}\n  SX: {every: 50s}\n  DM: {every: 25s}\n");
    Config config = loaded(scratch);
    PlatformLoad load = load_of(config);
    // 5 heartbeats in 10 s, two messages each; 5 transactions in 20 s, four each; two direct.
    CHECK(load.primary.messages == doctest::Approx(1.0 + 1.0 + 0.5 + 0.25 + 0.05));
    CHECK(load.standby.messages == doctest::Approx(0.2 + 0.1 + 0.1 + 0.02));
    CHECK(load.primary.connections == doctest::Approx(2 * 0.25 + 0.05));
    CHECK(load.standby.connections == doctest::Approx(2 * 0.1 + 0.02));
    CHECK(load.primary.management == 0);
    for (ChannelCadence& cadence : config.rules.cadences) {
        if (cadence.channel == Channel::DM) cadence.targets = 2;
    }
    load = load_of(config);
    CHECK(load.primary.management == doctest::Approx(2 / 25.0));
    CHECK(load.primary.connections == doctest::Approx(2 * 0.25 + 0.05 + 2 / 25.0));
}

TEST_CASE("a quorum of one is said in every mode, and loudly where it matters") {
    const Scratch scratch;
    scratch.write_config();
    CHECK(quorum_notice(loaded(scratch)) ==
          "quorum of one: a single watcher; it moves nothing in mode observe");
    scratch.write_config("mode: auto\nquorum: single\n" + moving);
    CHECK(quorum_notice(loaded(scratch)) ==
          "QUORUM OF ONE: this watcher moves the platform on its own view alone; nobody can "
          "outvote it");
    scratch.write_config("mode: auto\n" + moving);
    CHECK(quorum_notice(loaded(scratch)) ==
          "QUORUM OF ONE, NOT ACCEPTED: mode is auto, and every move will be refused "
          "(quorum_not_accepted) until `quorum: single` stands in the configuration");
}

TEST_CASE("the summary names the steps in order and never a password") {
    const Scratch scratch;
    scratch.write("secret", "hunter2\n");
    scratch.write_config(moving);
    Config config = loaded(scratch);
    config.primary.auth = PlainAuth{
        "probe", {SecretSource::Kind::file, "/etc/secret", "/etc/secret"}, Secret("hunter2")};
    const std::string text = summary_of(config);
    CHECK(text.find("move (point of no return)") != std::string::npos);
    CHECK(text.find("as probe by PLAIN (file /etc/secret)") != std::string::npos);
    CHECK(text.find("hunter2") == std::string::npos);
    CHECK(text.find("to 1 place\n") != std::string::npos);
}
