// One story told with real processes: a platform, a watcher on it, a standby that has been
// certified, and then whatever the test does to them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "tests/e2e/platform.h"
#include "tests/e2e/watcher.h"

namespace vc::e2e {

class Story {
  public:
    // Waits until the standby is certified; throws when that does not happen.
    explicit Story(const WatcherOptions& options = {}, const PlatformOptions& platform = {});
    ~Story();  // prints the daemon's log when an exception ends the story

    const TempDir& dir() const { return dir_; }
    Platform& platform() { return platform_; }
    Watcher& watcher() { return watcher_; }

    // Rules' time.
    bool eventually(Duration within, const std::function<bool()>& met) const {
        return e2e::eventually(platform_.clock(), within, met);
    }
    // Lets time pass; true when `holds` was true all along.
    bool throughout(Duration span, const std::function<bool()>& holds) const {
        return !eventually(span, [&] { return !holds(); });
    }

    // The open incident's member as text; "" when there is no incident.
    std::string incident(const char* member) const;
    std::string migration_state() const;
    std::int64_t count(const char* member) const;  // "pages", "migrations" of the status
    std::size_t pages_received() const;
    // How often each hook of the migration was asked for, and how often it took effect, by
    // idempotency key. Pages have keys as well, and are left out.
    struct Effect {
        int asked = 0;
        int applied = 0;
    };
    std::map<std::string, Effect> hook_effects() const;

    // What every story ends with: the account balances, and the daemon stops cleanly.
    void end();

  private:
    TempDir dir_;
    Platform platform_;
    Watcher watcher_;
};

}  // namespace vc::e2e
