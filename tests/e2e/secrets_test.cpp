// A password is used, and is found nowhere afterwards.
#include <doctest/doctest.h>

#include "tests/e2e/guarded.h"
#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

constexpr const char* password = "hunter2-never-to-be-seen";

std::int64_t finished(const Watcher& watcher, const char* channel, const char* outcome) {
    return watcher.status()
        .at("channels")
        .at(channel)
        .at("finished")
        .at(outcome)
        .to_number<std::int64_t>();
}

// Everything that the daemon says or leaves behind. Ends it.
std::string all_that_is_told(Watcher& watcher, const TempDir& dir) {
    std::string all = watcher.metrics() + boost::json::serialize(watcher.status());
    for (const auto& words : {std::vector<std::string>{"status"},
                              {"check"},
                              {"incident", "list"},
                              {"incident", "show", "1"},
                              {"incident", "show", "1", "--json"}}) {
        all += watcher.say(words).output;
    }
    CHECK(watcher.stop() == 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
        if (entry.is_regular_file()) all += read_text(entry.path());
    }
    return all;
}

}  // namespace

TEST_CASE("a password lets the probes in and is in no log, status, metric, journal or report") {
    TempDir dir;
    PlatformOptions platform_options;
    platform_options.primary_plain = std::string("probe:") + password;
    Platform platform(dir, platform_options);
    WatcherOptions options;
    options.primary_password = password;
    Watcher watcher(dir, platform, options);
    REQUIRE(eventually(platform.clock(), 3min, [&] { return finished(watcher, "DF", "ok") > 2; }));
    platform.inject({{"component", "primary"}, {"kind", "stall"}, {"for_s", 60}});
    REQUIRE(eventually(platform.clock(), 6min,
                       [&] { return !watcher.status().at("incident").is_null(); }));
    const std::string all = all_that_is_told(watcher, dir);
    CHECK(all.find("primary_broker") != std::string::npos);  // it is what it should be
    CHECK(all.find(password) == std::string::npos);
}

TEST_CASE("a wrong password is a fault of its own name, and never a reason to move") {
    TempDir dir;
    PlatformOptions platform_options;
    platform_options.primary_plain = std::string("probe:") + password;
    Platform platform(dir, platform_options);
    WatcherOptions options;
    options.primary_password = "wrong";
    Watcher watcher(dir, platform, options);
    REQUIRE(
        eventually(platform.clock(), 3min, [&] { return finished(watcher, "DF", "auth") > 2; }));
    CHECK(finished(watcher, "DF", "ok") == 0);
    // Long enough for a total outage of the primary to have been acted on twice over.
    CHECK_FALSE(eventually(platform.clock(), 10min,
                           [&] { return watcher.status().at("migrations").to_number<int>() > 0; }));
    CHECK(watcher.stop() == 0);
}

TEST_CASE("keys, signatures, tokens and client secrets are told nowhere, rotated or refused") {
    const Guarded guarded;
    WatcherOptions options = guarded.options(guarded.sas());
    options.standby[0] = guarded.application();
    Watcher watcher(guarded.dir, guarded.platform, options);
    const vc::Clock& clock = guarded.platform.clock();
    REQUIRE(eventually(clock, 3min, [&] {
        return finished(watcher, "DF", "ok") > 2 && finished(watcher, "SF", "ok") > 2;
    }));
    // The wrong ones must not be told either, and they are where errors are made.
    guarded.write_key("probe", password);
    write_text(guarded.secrets.path() / "client.secret", password);
    guarded.platform.post("/azure", {{"token_life_s", 60}});
    REQUIRE(eventually(clock, 4min, [&] { return finished(watcher, "DF", "auth") > 2; }));
    const auto refused = [&] {
        return watcher.process().log_text().find("invalid_client") != std::string::npos;
    };
    CHECK(eventually(clock, 4min, refused));
    guarded.platform.inject({{"component", "bridge"}, {"kind", "stall"}, {"for_s", 60}});
    REQUIRE(eventually(clock, 6min, [&] { return !watcher.status().at("incident").is_null(); }));
    const std::string all = all_that_is_told(watcher, guarded.dir);
    CHECK(all.find("probe by a shared access key (file ") != std::string::npos);
    CHECK(all.find("application voltcanary by client credentials") != std::string::npos);
    for (const char* secret : {password, "first-key", "not-a-secret", "SharedAccessSignature",
                               "sig=", "eyJ", "Bearer", "PRIVATE KEY"}) {
        CHECK_MESSAGE(all.find(secret) == std::string::npos, secret);
    }
}
