#include "tests/e2e/story.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace vc::e2e {

using std::chrono::minutes;

Story::Story(const WatcherOptions& options, const PlatformOptions& platform)
    : platform_(dir_, platform), watcher_(dir_, platform_, options) {
    const bool certified = eventually(minutes(10), [&] { return watcher_.standby_certified(); });
    if (!certified) throw std::runtime_error("not certified: " + watcher_.process().log_text());
}

Story::~Story() {
    // Doctest's failed requirements are exceptions: then the log tells what the daemon thought.
    if (std::uncaught_exceptions() > 0) {
        std::fprintf(stderr, "%s\n", watcher_.process().log_text().c_str());
    }
}

std::string Story::incident(const char* member) const {
    const boost::json::object status = watcher_.status();
    const boost::json::value& open = status.at("incident");
    return open.is_null() ? "" : std::string(open.at(member).as_string());
}

std::string Story::migration_state() const {
    const boost::json::object status = watcher_.status();
    const boost::json::value& migration = status.at("migration");
    return migration.is_null() ? "" : std::string(migration.at("state").as_string());
}

std::int64_t Story::count(const char* member) const {
    return watcher_.status().at(member).to_number<std::int64_t>();
}

std::size_t Story::pages_received() const {
    return platform_.get("/pages").as_array().size();
}

std::map<std::string, Story::Effect> Story::hook_effects() const {
    std::map<std::string, Effect> found;
    const boost::json::object effects = platform_.get("/effects").as_object();
    for (const auto& [key, effect] : effects) {
        const std::string name = key;
        for (const char* hook : {"attach-consumers", "switch-producers"}) {
            if (name.find(hook) == std::string::npos) continue;
            found[name] = {effect.at("seen").to_number<int>(),
                           effect.at("applied").to_number<int>()};
        }
    }
    return found;
}

void Story::end() {
    CHECK(watcher_.unaccounted() == "");
    CHECK(watcher_.http_status("/healthz") == 200);
    const auto code = watcher_.stop();
    REQUIRE_MESSAGE(code.has_value(), "the daemon did not stop");
    CHECK_MESSAGE(*code == 0, watcher_.process().log_text());
}

}  // namespace vc::e2e
