#include "daemon/host/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <regex>

#include "daemon/host/file.h"
#include "tests/daemon/loop.h"

namespace vc {
namespace {

// What `speak` makes a log write.
template <class Speak>
std::string logged(Log::Options options, Speak speak) {
    const test::TemporaryDirectory dir;
    const int fd = ::open(dir.file("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    options.fd = fd;
    {
        Log log(options);
        speak(log);
    }
    ::close(fd);
    return read_file(dir.file("log"), 1 << 20).value();
}

}  // namespace

TEST_CASE("fields are key=value, quoted when they must be") {
    CHECK(log_line("incident opened", {{"id", "42"}, {"why", "two words"}, {"empty", ""}}) ==
          "incident opened id=42 why=\"two words\" empty=\"\"");
    CHECK(log_line("x", {{"q", "say \"no\" \\"}}) == "x q=\"say \\\"no\\\" \\\\\"");
}

TEST_CASE("a peer's text cannot forge a line of the log") {
    CHECK(log_line("said", {{"by", "a\nerror all is lost\x1b[2J"}}) ==
          "said by=\"a\\x0aerror all is lost\\x1b[2J\"");
}

TEST_CASE("systemd gets priorities and no time, others a time") {
    Log::Options options;
    options.systemd = true;
    CHECK(logged(options, [](Log& log) {
              log.debug("not shown");
              log.info("one");
              log.warning("two", {{"a", "b"}});
              log.error("three");
          }) == "<6>one\n<4>two a=b\n<3>three\n");
    options.systemd = false;
    options.least = LogLevel::debug;
    const std::string line = logged(options, [](Log& log) { log.debug("shown"); });
    CHECK(std::regex_match(
        line, std::regex("20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z debug shown\n")));
}

TEST_CASE("braces in a message are text") {
    Log::Options options;
    options.systemd = true;
    CHECK(logged(options, [](Log& log) { log.info("{} {0} {x:1}"); }) == "<6>{} {0} {x:1}\n");
}

TEST_CASE("a log that nobody reads loses lines and counts them, and does not block") {
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    {
        Log::Options options;
        options.fd = pipe[1];
        options.lines_max = 16;
        Log log(options);
        // More than the pipe (64 KiB) and the queue hold.
        const std::string words(1000, 'w');
        for (int i = 0; i < 1000; ++i)
            log.info(words);
        CHECK(log.lines_lost() > 0);
        // Lets the writer go: its writes fail from here on.
        ::signal(SIGPIPE, SIG_IGN);
        ::close(pipe[0]);
    }
    ::close(pipe[1]);
}

}  // namespace vc
