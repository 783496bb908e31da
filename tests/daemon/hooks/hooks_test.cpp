#include "daemon/hooks/hooks.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <optional>

#include "daemon/host/file.h"
#include "tests/daemon/hooks/orders.h"
#include "tests/daemon/loop.h"
#include "tests/daemon/peer.h"

namespace vc {

using namespace test;

namespace {

struct Running {
    boost::asio::io_context io;
    Clock clock;
    std::unique_ptr<Hooks> hooks;

    void define(std::vector<HookDefinition> definitions) {
        hooks = std::make_unique<Hooks>(io, clock, std::move(definitions));
    }
    HookFinished run(RunHook order) {
        std::optional<HookFinished> finished;
        hooks->run(std::move(order), [&](HookFinished result) { finished = std::move(result); });
        CHECK(!finished);
        REQUIRE(run_until(io, [&] { return finished.has_value(); }));
        CHECK(hooks->in_flight() == 0);
        return *finished;
    }
};

}  // namespace

TEST_CASE("a hook is told what it is to do, in its environment") {
    Running running;
    // Last lines are what is kept, so the listing is cut in two.
    const auto listing = [&](const std::string& names) {
        ExecCommand command = shell("env | sort | grep '^\\(" + names + "\\)' | tr '\\n' ';'");
        command.environment = {{"REGION", "westward"}, {"LANG", "C"}};
        running.define({definition(HookVerb::apply, command)});
        const HookFinished finished = running.run(order());
        CHECK(finished.run == order().run);
        CHECK(finished.outcome == HookOutcome::done);
        return finished.detail;
    };
    // A value of the hook's own environment may be a secret, so it is not repeated.
    CHECK(listing("PATH\\|LANG\\|REGION\\|HOME") ==
          "exit 0: LANG=C;PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin;"
          "REGION=***;");
    CHECK(listing("VOLTCANARY") ==
          "exit 0: VOLTCANARY_ATTEMPT=2;VOLTCANARY_DEADLINE_S=20.000;VOLTCANARY_EPOCH=7;"
          "VOLTCANARY_FROM=primary;VOLTCANARY_IDEMPOTENCY_KEY=7.1.attach;VOLTCANARY_INCIDENT=42;"
          "VOLTCANARY_REASON=primary_broker (0.998);VOLTCANARY_STEP=attach-consumers;"
          "VOLTCANARY_TO=standby;VOLTCANARY_VERB=apply;");
}

TEST_CASE("each exit status has its meaning") {
    Running running;
    const std::vector<std::pair<std::string, HookOutcome>> meanings{
        {"exit 0", HookOutcome::done},      {"exit 10", HookOutcome::already_done},
        {"exit 20", HookOutcome::refused},  {"exit 75", HookOutcome::transient},
        {"exit 1", HookOutcome::failed},    {"exit 255", HookOutcome::failed},
        {"kill -9 $$", HookOutcome::failed}};
    for (const auto& [script, outcome] : meanings) {
        running.define({definition(HookVerb::apply, shell(script))});
        const HookFinished finished = running.run(order());
        CHECK_MESSAGE(finished.outcome == outcome, script);
        if (script.starts_with("exit")) CHECK(finished.detail == script);
    }
    CHECK(running.run(order()).detail == "killed by signal 9");
}

TEST_CASE("a program that is not there is a failure with its reason") {
    Running running;
    ExecCommand command;
    command.argv = {"/no/such/program"};
    running.define({definition(HookVerb::apply, command)});
    const HookFinished finished = running.run(order());
    CHECK(finished.outcome == HookOutcome::failed);
    CHECK(finished.detail == "cannot run /no/such/program: No such file or directory");
}

TEST_CASE("a program is killed at its step's deadline: nobody knows whether it took effect") {
    Running running;
    running.define({definition(HookVerb::apply, shell("echo half done; exec sleep 100"))});
    const HookFinished finished = running.run(order(HookVerb::apply, "attach", 300ms));
    CHECK(finished.outcome == HookOutcome::timed_out);
    CHECK(finished.detail == "killed at its deadline: half done");
}

TEST_CASE("a request is told the same, with the key as a header") {
    Running running;
    Peer peer(running.io, [](const PeerRequest&) { return answer(200, "attached\n"); });
    HttpCommand command;
    command.url = peer.url("/attach");
    running.define({definition(HookVerb::apply, command)});
    const HookFinished finished = running.run(order());
    CHECK(finished.outcome == HookOutcome::done);
    CHECK(finished.detail == "HTTP 200: attached");
    REQUIRE(peer.seen().size() == 1);
    CHECK(peer.seen()[0].head.starts_with("POST /attach HTTP/1.1\r\n"));
    CHECK(peer.seen()[0].head.find("Idempotency-Key: 7.1.attach\r\n") != std::string::npos);
    CHECK(peer.seen()[0].head.find("Content-Type: application/json\r\n") != std::string::npos);
    CHECK(peer.seen()[0].body ==
          "{\"epoch\":7,\"step\":\"attach-consumers\",\"verb\":\"apply\",\"attempt\":2,"
          "\"idempotency_key\":\"7.1.attach\",\"from\":\"primary\",\"to\":\"standby\","
          "\"reason\":\"primary_broker (0.998)\",\"incident\":42,\"deadline_s\":20.000}");
}

TEST_CASE("a body of the configuration goes out as it is, and a GET has none") {
    Running running;
    Peer peer(running.io, [](const PeerRequest&) { return answer(204); });
    HttpCommand command;
    command.url = peer.url();
    command.body = "{\"broker\":\"standby\"}";
    running.define({definition(HookVerb::apply, command)});
    CHECK(running.run(order()).outcome == HookOutcome::done);
    CHECK(peer.seen()[0].body == *command.body);
    command.method = "GET";
    command.body.reset();
    running.define({definition(HookVerb::apply, command)});
    CHECK(running.run(order()).outcome == HookOutcome::done);
    CHECK(peer.seen()[1].body.empty());
    CHECK(peer.seen()[1].head.find("Content-Type") == std::string::npos);
}

TEST_CASE("each HTTP status has its meaning") {
    Running running;
    int status = 0;
    Peer peer(running.io, [&](const PeerRequest&) { return answer(status, "words"); });
    HttpCommand command;
    command.url = peer.url();
    running.define({definition(HookVerb::apply, command)});
    const std::vector<std::pair<int, HookOutcome>> meanings{
        {200, HookOutcome::done},         {201, HookOutcome::done},
        {202, HookOutcome::done},         {299, HookOutcome::done},
        {208, HookOutcome::already_done}, {409, HookOutcome::refused},
        {412, HookOutcome::refused},      {429, HookOutcome::transient},
        {503, HookOutcome::transient},    {302, HookOutcome::failed},
        {400, HookOutcome::failed},       {404, HookOutcome::failed},
        {500, HookOutcome::failed}};
    for (const auto& [given, outcome] : meanings) {
        status = given;
        const HookFinished finished = running.run(order());
        CHECK_MESSAGE(finished.outcome == outcome, given);
        CHECK(finished.detail == "HTTP " + std::to_string(given) + ": words");
    }
}

TEST_CASE("no connection is transient; no whole answer means that nobody knows") {
    Running running;
    std::string nobody;
    {
        const Peer gone(running.io, [](const PeerRequest&) { return PeerReply{}; });
        nobody = gone.url();
    }
    HttpCommand command;
    command.url = nobody;
    running.define({definition(HookVerb::apply, command)});
    HookFinished finished = running.run(order());
    CHECK(finished.outcome == HookOutcome::transient);
    CHECK(finished.detail.ends_with(": Connection refused"));

    Peer peer(running.io, [](const PeerRequest& request) {
        const bool stalls = request.head.starts_with("POST /stall");
        return PeerReply{"", stalls ? PeerReply::Then::stall : PeerReply::Then::reset};
    });
    for (const char* target : {"/stall", "/reset"}) {
        command.url = peer.url(target);
        running.define({definition(HookVerb::apply, command)});
        finished = running.run(order(HookVerb::apply, "attach", 300ms));
        CHECK_MESSAGE(finished.outcome == HookOutcome::timed_out, target);
    }
}

TEST_CASE("a verb without a command: plan is done, the others fail aloud") {
    Running running;
    running.define({definition(HookVerb::apply, shell("exit 0"))});
    CHECK(running.run(order(HookVerb::plan)).outcome == HookOutcome::done);
    const HookFinished verify = running.run(order(HookVerb::verify));
    CHECK(verify.outcome == HookOutcome::failed);
    CHECK(verify.detail == "no verify is configured for attach");
    const HookFinished undo = running.run(order(HookVerb::undo));
    CHECK(undo.outcome == HookOutcome::failed);
    CHECK(undo.detail == "no undo is configured for attach");
    const HookFinished unknown = running.run(order(HookVerb::plan, "other"));
    CHECK(unknown.outcome == HookOutcome::failed);
    CHECK(unknown.detail == "no hook named 'other' is configured");
}

TEST_CASE("after a stop, what runs is reported and what is ordered is not begun") {
    Running running;
    const TemporaryDirectory dir;
    running.define({definition(
        HookVerb::apply, shell("while [ ! -e " + dir.file("go") + " ]; do sleep 0.01; done"))});
    int finished = 0;
    running.hooks->run(order(), [&](const HookFinished& result) {
        CHECK(result.outcome == HookOutcome::done);
        ++finished;
    });
    running.hooks->stop();
    running.hooks->run(order(), [&](const HookFinished&) { ++finished; });
    CHECK(running.hooks->in_flight() == 1);
    REQUIRE(write_file(dir.file("go"), ""));
    REQUIRE(run_until(running.io, [&] { return running.hooks->in_flight() == 0; }));
    CHECK(finished == 1);
}

TEST_CASE("hooks that are destroyed kill what runs and report nothing") {
    Running running;
    const TemporaryDirectory dir;
    running.define({definition(
        HookVerb::apply, shell("echo $$ > " + dir.file("tmp") + "; mv " + dir.file("tmp") + " " +
                               dir.file("pid") + "; exec sleep 100"))});
    bool reported = false;
    running.hooks->run(order(), [&](const HookFinished&) { reported = true; });
    int pid = 0;
    REQUIRE(run_until(running.io, [&] {
        const auto text = read_file(dir.file("pid"), 100);
        if (text) pid = std::stoi(*text);
        return text.has_value();
    }));
    running.hooks.reset();
    CHECK(run_until(running.io, [&] { return ::kill(pid, 0) != 0; }));
    CHECK(!reported);
}

TEST_CASE("an order that waited too long begins nothing, but finishes what was begun") {
    RunHook late = order();
    late.plan.steps.resize(3, late.plan.steps[0]);
    late.plan.steps[1].point_of_no_return = true;
    late.run.attempt = 1;
    CHECK(!is_out_of_date(late, 10min, 10min));
    CHECK(is_out_of_date(late, 11min, 10min));
    late.run.attempt = 2;
    CHECK(is_out_of_date(late, 11min, 10min));
    late.run.step = 1;
    late.run.attempt = 1;
    CHECK(is_out_of_date(late, 11min, 10min));
    late.run.attempt = 2;
    CHECK(!is_out_of_date(late, 11min, 10min));
    late.run.step = 2;
    late.run.attempt = 1;
    CHECK(!is_out_of_date(late, 11min, 10min));
    late.run.step = 0;
    for (const HookVerb verb : {HookVerb::plan, HookVerb::verify, HookVerb::undo}) {
        late.run.verb = verb;
        CHECK(!is_out_of_date(late, 11min, 10min));
    }
}

TEST_CASE("the deadline that a hook is told is in the machine's time") {
    const Clock clock(TimeLapse{20, 0});
    const auto facts = hook_facts(order(), clock);
    CHECK(facts.back().name == "deadline_s");
    CHECK(facts.back().value == "1.000");
}

}  // namespace vc
