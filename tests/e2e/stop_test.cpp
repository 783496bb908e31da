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
