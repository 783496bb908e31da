// A daemon process as a test sees it: its configuration written for one Platform, started, asked
// over HTTP and by its own command line, stopped, killed and started again on the same state.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/child.h"
#include "tests/e2e/platform.h"

namespace vc::e2e {

struct WatcherOptions {
    bool automatic = true;      // mode: auto; otherwise observe
    bool accept_single = true;  // quorum: single
    bool over_relays = false;   // through the watcher's own network, which can be cut
    int chargers = 8;
    std::string primary_password;  // of the user "probe"; handed over in the environment
    // Further keys of the brokers, such as {"auth: {sas: ...}", "tls: {ca: ...}"}; with "tls" among
    // them the broker is reached over TLS.
    std::vector<std::string> primary;
    std::vector<std::string> standby;
    // Program and arguments put before the attach hook, e.g. to make it slow; empty: none.
    std::vector<std::string> attach_through;
    // Program and arguments that get every page as well; empty: none.
    std::vector<std::string> pager;
    std::string more;  // further lines of the configuration
};

class Watcher {
  public:
    // Starts the daemon and waits until its probes complete.
    Watcher(const TempDir& dir, const Platform& platform, const WatcherOptions& options);

    void start();
    // SIGTERM; the exit code, or nothing when it did not end within 30 machine seconds.
    std::optional<int> stop();
    void kill_hard();

    boost::json::object status() const;
    std::string metrics() const;
    int http_status(const std::string& path) const;

    // Runs `voltcanary ARGUMENTS --config FILE` to its end.
    struct Said {
        int exit_code = -1;
        std::string output;
    };
    Said say(std::vector<std::string> arguments) const;

    // `voltcanary incident show ID --json`.
    boost::json::object incident(int id) const;

    bool standby_certified() const;
    // Empty when every started attempt is accounted for by outcome or in flight; else which not.
    std::string unaccounted() const;

    Child& process() { return *process_; }
    const std::filesystem::path& config() const { return config_; }

  private:
    std::string url(const std::string& path) const;

    const Platform& platform_;
    std::map<std::string, std::string> environment_;
    std::filesystem::path dir_;
    std::filesystem::path config_;
    std::unique_ptr<Child> process_;
    mutable int runs_ = 0;
};

// "incident_moved" and the like: the bodies of all records of that kind in a chain, in order.
std::vector<boost::json::object> records_of(const boost::json::object& incident,
                                            std::string_view kind);

}  // namespace vc::e2e
