// A stop leaves no debris, and a second daemon is kept off the first one's journal.
#include <doctest/doctest.h>

#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

std::int64_t open_transactions(const Platform& platform) {
    return platform.get("/state")
        .at("backend")
        .at("open_transactions")
        .at("synthetic")
        .to_number<std::int64_t>();
}

}  // namespace

TEST_CASE("SIGTERM in the middle of transactions stops every one of them") {
    TempDir dir;
    Platform platform(dir, {});
    Watcher watcher(dir, platform, {});
    // A backend that takes its time keeps transactions open long enough to be met.
    platform.inject(
        {{"component", "backend"}, {"kind", "delay"}, {"scale_ms", 2000}, {"alpha", 8}});
    REQUIRE(eventually(platform.clock(), 10min, [&] { return open_transactions(platform) > 0; }));
    const auto code = watcher.stop();
    REQUIRE(code.has_value());
    CHECK_MESSAGE(*code == 0, watcher.process().log_text());
    CHECK(eventually(platform.clock(), 2min, [&] { return open_transactions(platform) == 0; }));
}

TEST_CASE("SIGTERM during a migration waits for the hook, records its end and orders no more") {
    TempDir marks;
    const auto mark = marks.path() / "under-way";
    WatcherOptions options;
    // Longer than the probes take to end, shorter than the stop's deadline.
    options.attach_through = {"/bin/sh", "-c", "\"$@\"; : > \"$0\"; exec sleep 0.7", mark.string()};
    Story story(options);
    story.platform().inject({{"component", "primary"}, {"kind", "stall"}, {"p", 0.9}});
    REQUIRE(story.eventually(20min, [&] { return std::filesystem::exists(mark); }));
    const auto code = story.watcher().stop();
    REQUIRE(code.has_value());
    CHECK_MESSAGE(*code == 0, story.watcher().process().log_text());

    const auto incident = story.watcher().incident(1);
    const auto started = records_of(incident, "step_started");
    const auto finished = records_of(incident, "step_finished");
    REQUIRE(!finished.empty());
    CHECK(started.size() == finished.size());
    const auto last = finished.back().at("body").as_object();
    CHECK(last.at("run").at("verb").as_string() == "apply");
    CHECK(last.at("outcome").as_string() == "done");

    story.watcher().start();
    REQUIRE(story.eventually(15min, [&] { return story.migration_state() == "verified"; }));
    for (const auto& [key, effect] : story.hook_effects())
        CHECK_MESSAGE(effect.applied == 1, key);
    story.end();
}

TEST_CASE("a log that nobody reads any more does not kill the daemon") {
    TempDir dir;
    Platform platform(dir, {});
    Watcher watcher(dir, platform, {});
    const auto code = dir.path() / "exit-code";
    // Refused for the first one's lock, it has something to say and an exit code to say it with.
    Child second({"/bin/sh", "-c",
                  "{ sleep 0.2; \"$0\" run --config \"$1\" 2>&1; echo $? > \"$2\"; } | true; "
                  "exit 0",
                  binary("voltcanary"), watcher.config().string(), code.string()},
                 {}, dir.path() / "second.log");
    REQUIRE(eventually(platform.clock(), 5min, [&] { return !second.running(); }));
    CHECK(read_text(code) == "1\n");
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a second daemon on the same state is refused, and the first goes on") {
    TempDir dir;
    Platform platform(dir, {});
    Watcher watcher(dir, platform, {});
    const auto second = watcher.say({"run"});
    CHECK(second.exit_code == 1);
    CHECK_MESSAGE(second.output.find("locked") != std::string::npos, second.output);
    CHECK(watcher.http_status("/healthz") == 200);
    CHECK(eventually(platform.clock(), 3min, [&] { return watcher.unaccounted().empty(); }));
    CHECK(watcher.stop() == 0);
}
