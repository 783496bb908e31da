#include "daemon/host/process.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "daemon/host/file.h"
#include "tests/daemon/loop.h"

namespace vc {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using How = ProcessEnd::How;

ProcessRequest shell(const std::string& script, const Clock& clock, Duration deadline = 20s) {
    ProcessRequest request;
    request.argv = {"/bin/sh", "-c", script};
    request.environment = {"PATH=/usr/bin:/bin"};
    request.deadline = clock.now() + deadline;
    request.grace = 20s;
    return request;
}

Result<ProcessEnd> run(ProcessRequest request, const Clock& clock) {
    asio::io_context io;
    std::optional<Result<ProcessEnd>> ended;
    asio::co_spawn(io, run_process(std::move(request), clock),
                   [&](const std::exception_ptr& thrown, Result<ProcessEnd> end) {
                       if (thrown) std::rethrow_exception(thrown);
                       ended = std::move(end);
                   });
    REQUIRE(test::run_until(io, [&] { return ended.has_value(); }));
    return std::move(*ended);
}

bool is_running(int pid) {
    return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("a program's exit status and both of its outputs come back") {
    const Clock clock;
    const auto end = run(shell("echo out; echo err >&2; exit 10", clock), clock);
    REQUIRE(end);
    CHECK(end->how == How::exited);
    CHECK(end->code == 10);
    CHECK(end->output == "out\nerr\n");
    CHECK(!end->truncated);
}

TEST_CASE("arguments are passed as they are: there is no shell between") {
    const Clock clock;
    ProcessRequest request = shell("", clock);
    request.argv = {"/bin/echo", "$HOME; echo `id`", "a  b", "*"};
    CHECK(run(std::move(request), clock)->output == "$HOME; echo `id` a  b *\n");
}

TEST_CASE(
    "a program gets its environment, no input, no descriptors, the root directory and a "
    "group of its own") {
    const Clock clock;
    ProcessRequest request = shell(
        "env | grep -v ^_= | grep -v ^PWD= | sort; cat; ls /proc/self/fd | tr '\\n' ' '; pwd; "
        "[ \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$ ] && echo own group",
        clock);
    request.environment = {"PATH=/usr/bin:/bin", "COLOUR=blue"};
    // A descriptor of ours that nobody marked close-on-exec.
    const int leaked = ::dup(1);
    const auto end = run(std::move(request), clock);
    ::close(leaked);
    // 3 is the directory that ls itself reads.
    CHECK(end->output == "COLOUR=blue\nPATH=/usr/bin:/bin\n0 1 2 3 /\nown group\n");
}

TEST_CASE("signals that we ignore are not ignored by the program") {
    const Clock clock;
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    const auto end = run(shell("kill -PIPE $$; echo survived", clock), clock);
    ::signal(SIGPIPE, before);
    CHECK(end->how == How::killed);
    CHECK(end->code == SIGPIPE);
    CHECK(end->output.empty());
}

TEST_CASE("a program that cannot be started is an error with its reason") {
    const Clock clock;
    const test::TemporaryDirectory dir;
    ProcessRequest request = shell("", clock);
    request.argv = {dir.file("none")};
    CHECK(run(request, clock).error().message ==
          "cannot run " + dir.file("none") + ": No such file or directory");
    REQUIRE(write_file(dir.file("text"), "not a program", 0644));
    request.argv = {dir.file("text")};
    CHECK(run(request, clock).error().message ==
          "cannot run " + dir.file("text") + ": Permission denied");
    REQUIRE(write_file(dir.file("text"), "not a program", 0755));
    CHECK(run(request, clock).error().message ==
          "cannot run " + dir.file("text") + ": Exec format error");
    request.argv = {};
    CHECK(run(request, clock).error().message == "cannot run a program without a name");
}

TEST_CASE("at its deadline a program is asked to end, and what it says then is kept") {
    const Clock clock;
    const auto end = run(
        shell("trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.01; done", clock, 300ms),
        clock);
    CHECK(end->how == How::timed_out);
    CHECK(end->code == 3);
    CHECK(end->output.starts_with("on\n"));
    CHECK(end->output.ends_with("bye\n"));
}

TEST_CASE("a program that ignores SIGTERM is killed after its grace") {
    const Clock clock;
    ProcessRequest request =
        shell("trap '' TERM; echo on; while :; do sleep 0.01; done", clock, 300ms);
    request.grace = 200ms;
    const auto end = run(std::move(request), clock);
    CHECK(end->how == How::timed_out);
    CHECK(end->code == SIGKILL);
    CHECK(end->output == "on\n");
}

TEST_CASE("a stopped program is killed too") {
    const Clock clock;
    ProcessRequest request = shell("kill -STOP $$", clock, 200ms);
    request.grace = 100ms;
    CHECK(run(std::move(request), clock)->how == How::timed_out);
}

TEST_CASE("a grandchild outside the group that holds the output open is not waited for") {
    const Clock clock;
    const Instant before = clock.now();
    const auto end =
        run(shell("setsid sh -c 'echo $$; exec sleep 20' & sleep 0.2; exit 0", clock), clock);
    REQUIRE(end);
    CHECK(end->how == How::exited);
    CHECK(end->code == 0);
    CHECK(clock.now() - before < 15s);
    const int grandchild = std::stoi(end->output);
    CHECK(is_running(grandchild));
    ::kill(grandchild, SIGKILL);
}

TEST_CASE("what a program leaves behind in its group ends with it") {
    const Clock clock;
    const auto end = run(shell("sleep 100 & echo $!", clock), clock);
    REQUIRE(end->how == How::exited);
    const int child = std::stoi(end->output);
    // Reaped by init, a moment later.
    boost::asio::io_context io;
    CHECK(test::run_until(io, [&] {
        const auto state = read_file("/proc/" + std::to_string(child) + "/stat", 4096);
        return !state || state->find(") Z ") != std::string::npos;
    }));
}

TEST_CASE("a flood of output is read and its end kept") {
    const Clock clock;
    const auto end = run(shell("yes line | head -c 5000000; echo; echo last words", clock), clock);
    REQUIRE(end);
    CHECK(end->code == 0);
    CHECK(end->truncated);
    CHECK(end->output.size() == 16 * 1024);
    CHECK(end->output.ends_with("last words\n"));
}

TEST_CASE("an endless flood does not outlast its deadline") {
    const Clock clock;
    const auto end = run(shell("exec yes", clock, 300ms), clock);
    CHECK(end->how == How::timed_out);
    CHECK(end->truncated);
    CHECK(end->output.size() == 16 * 1024);
}

TEST_CASE("deadline and grace are in the rules' time") {
    const Clock clock(TimeLapse{20, 1'700'000'000'000'000'000});
    const Clock machine;
    const Instant before = machine.now();
    // 10 s of the rules are half a second of the machine.
    const auto end = run(shell("exec sleep 25", clock, 10s), clock);
    CHECK(end->how == How::timed_out);
    CHECK(machine.now() - before >= 490ms);
    CHECK(machine.now() - before < 15s);
}

TEST_CASE("a program dies with the loop that ran it, and is reaped") {
    const Clock clock;
    const test::TemporaryDirectory dir;
    int pid = 0;
    {
        asio::io_context io;
        asio::co_spawn(
            io,
            run_process(shell("echo $$ > " + dir.file("tmp") + "; mv " + dir.file("tmp") + " " +
                                  dir.file("pid") + "; exec sleep 100",
                              clock, 100s),
                        clock),
            [](const std::exception_ptr&, const Result<ProcessEnd>&) {});
        REQUIRE(test::run_until(io, [&] {
            const auto text = read_file(dir.file("pid"), 100);
            if (text) pid = std::stoi(*text);
            return text.has_value();
        }));
        CHECK(is_running(pid));
    }
    CHECK(!is_running(pid));
}

}  // namespace vc
