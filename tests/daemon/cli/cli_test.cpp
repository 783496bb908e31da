#include "daemon/cli/cli.h"

#include <doctest/doctest.h>

#include <sstream>

#include "tests/daemon/cli/scratch.h"

using namespace vc;
using vc::test::Scratch;
using vc::test::Told;

TEST_CASE("what cannot be understood is a usage error, and says what can") {
    const Scratch scratch;
    for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                       {"fly"},
                                                                       {"incident"},
                                                                       {"incident", "show"},
                                                                       {"incident", "show", "x"},
                                                                       {"pause"},
                                                                       {"ack"},
                                                                       {"check", "--confg", "x"},
                                                                       {"status", "extra"}}) {
        const Told told = scratch.run(arguments);
        CAPTURE(told.err);
        CHECK(told.code == 2);
        CHECK(told.out.empty());
        CHECK(told.err.find("--help") != std::string::npos);
    }
}

TEST_CASE("help is no error and tells the exit statuses") {
    const Told told = Scratch().run({"--help"});
    CHECK(told.code == 0);
    CHECK(told.err.empty());
    CHECK(told.out.find("5 no quorum, 6 in progress, 7 unknown") != std::string::npos);
    for (const char* name :
         {"run", "check", "status", "incident", "pause", "resume", "ack", "version"}) {
        CHECK(told.out.find(name) != std::string::npos);
    }
}

TEST_CASE("version prints the version") {
    const Told told = Scratch().run({"version"});
    CHECK(told.code == 0);
    CHECK(told.out.starts_with("voltcanary "));
    CHECK(told.out.find('.') != std::string::npos);
}

TEST_CASE("run hands a good configuration to the daemon, and its exit status on") {
    const Scratch scratch;
    scratch.write_config();
    const Told told = scratch.run({"run", "--config", scratch.config()}, 17);
    CHECK(told.code == 17);
    CHECK(told.daemon_state == scratch.directory());
}

TEST_CASE("run starts nothing on a bad configuration") {
    const Scratch scratch;
    scratch.write("voltcanary.yaml", "mode: on\n");
    const Told told = scratch.run({"run", "--config", scratch.config()}, 17);
    CHECK(told.code == 2);
    CHECK(told.daemon_state.empty());
    CHECK(told.err.find(":1:7: mode: unknown value 'on'") != std::string::npos);
}

TEST_CASE("control characters do not reach the terminal") {
    CHECK(harmless("a\x1b[31mb\nc\x7F") == "a?[31mb?c?");
    CHECK(harmless("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
}
