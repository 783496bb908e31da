// The daemon is killed in the middle of a migration. Whatever it had done or not, the next one
// finishes the move, and each hook takes effect once.
#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>

#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

// A hook that, the first time it runs, writes its process id to a file and hangs: before it has
// taken effect, or after. Later runs do just what they are told.
std::vector<std::string> hang_once(const std::filesystem::path& mark, bool after_effect) {
    const std::string effect = after_effect ? "\"$@\"; " : "";
    return {"/bin/sh", "-c",
            "if [ -e \"$0\" ]; then exec \"$@\"; fi; " + effect +
                "echo $$ > \"$0.new\" && mv \"$0.new\" \"$0\"; exec sleep 60",
            mark.string()};
}

void finish_after_kill(bool after_effect) {
    TempDir marks;
    const auto mark = marks.path() / "hanging";
    WatcherOptions options;
    options.attach_through = hang_once(mark, after_effect);
    Story story(options);
    story.platform().inject({{"component", "primary"}, {"kind", "stall"}, {"p", 0.9}});
    REQUIRE(story.eventually(20min, [&] { return std::filesystem::exists(mark); }));
    story.watcher().kill_hard();
    // The hook outlives the daemon that ran it; it is ours to end.
    kill(std::stoi(read_text(mark)), SIGKILL);

    const auto attached = [&] {
        return story.platform().get("/state").at("backend").at("attached").at("standby").as_bool();
    };
    CHECK(attached() == after_effect);
    CHECK(story.platform().get("/state").at("active").as_string() == "primary");

    story.watcher().start();
    REQUIRE(story.eventually(15min, [&] { return story.migration_state() == "verified"; }));
    CHECK(story.count("migrations") == 1);
    CHECK(story.platform().get("/state").at("active").as_string() == "standby");
    const auto effects = story.hook_effects();
    CHECK(effects.size() == 2);
    for (const auto& [key, effect] : effects) {
        CHECK_MESSAGE(effect.applied == 1, key);
        // Not even asked for twice: the target's own memory of keys is not what saves us.
        CHECK_MESSAGE(effect.asked == 1, key);
    }

    story.platform().clear_all();
    CHECK(story.platform().settled_ledger().at("lost").to_number<int>() == 0);
    const auto incident = story.watcher().incident(1);
    CHECK(records_of(incident, "migration_proposed").size() == 1);
    CHECK(records_of(incident, "migration_ended").size() == 1);
    story.end();
}

}  // namespace

TEST_CASE("a page that was under way when the daemon was killed is sent again, once taken never") {
    TempDir marks;
    const auto keys = marks.path() / "keys";
    const auto works = marks.path() / "works";
    WatcherOptions options;
    options.automatic = false;
    options.pager = {"/bin/sh", "-c",
                     "echo $VOLTCANARY_IDEMPOTENCY_KEY >> \"$0\"; [ -e \"$1\" ] || exec sleep 60",
                     keys.string(), works.string()};
    Story story(options);
    story.platform().inject({{"component", "primary"}, {"kind", "stall"}, {"p", 0.9}});
    REQUIRE(story.eventually(20min, [&] { return std::filesystem::exists(keys); }));
    story.watcher().kill_hard();
    const std::string key = read_text(keys).substr(0, read_text(keys).find('\n') + 1);
    std::filesystem::remove(keys);

    write_text(works, "");
    story.watcher().start();
    REQUIRE(story.eventually(2min, [&] { return std::filesystem::exists(keys); }));
    CHECK(read_text(keys).substr(0, key.size()) == key);
    REQUIRE(story.eventually(2min, [&] {
        return story.watcher().metrics().find("voltcanary_notify_queued 0\n") != std::string::npos;
    }));
    // Its being taken is on record by the end of an orderly stop.
    CHECK(story.watcher().stop() == 0);
    std::filesystem::remove(keys);
    story.watcher().start();
    CHECK(story.throughout(1min, [&] {
        return !std::filesystem::exists(keys) || read_text(keys).find(key) == std::string::npos;
    }));
    story.end();
}

TEST_CASE("killed before its hook took effect, the daemon applies it once after the restart") {
    finish_after_kill(false);
}

TEST_CASE("killed after its hook took effect, the daemon sees that and does not repeat it") {
    finish_after_kill(true);
}
