// A lab process as a test sees it: started on loopback with a time line of its own, asked and
// broken over its control port. Every failure to talk to it throws: a test can only fail then.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/host/clock.h"
#include "tests/e2e/child.h"

namespace vc::e2e {

struct PlatformOptions {
    double factor = 30;  // rules' seconds per machine second
    int chargers = 12;   // ordinary ones
    std::uint64_t seed = 1;
    std::string primary_plain;      // USER:PASSWORD that the primary accepts besides ANONYMOUS
    std::vector<std::string> more;  // further arguments of the lab
};

class Platform {
  public:
    Platform(const TempDir& dir, const PlatformOptions& options);

    const Clock& clock() const { return clock_; }
    const std::string& time_lapse() const { return time_lapse_; }
    const boost::json::object& ports() const { return ports_; }
    int port(const char* name) const;
    // As the watcher's own network, which can be cut, sees it.
    int relay_port(const char* name) const;

    boost::json::value get(const std::string& path) const;
    boost::json::value post(const std::string& path, const boost::json::value& body = {}) const;
    void erase(const std::string& path) const;

    // {"component": "primary", "kind": "stall"}; returns the fault's id.
    std::string inject(const boost::json::value& fault) const;
    void clear(const std::string& id) const { erase("/faults/" + id); }
    void clear_all() const { erase("/faults"); }

    // Stops the load, waits for what is under way to arrive, and counts.
    boost::json::object settled_ledger() const;

    Child& process() { return *process_; }

  private:
    boost::json::value ask(const std::string& method, const std::string& path,
                           const std::string& body) const;

    std::string time_lapse_;
    Clock clock_;
    std::unique_ptr<Child> process_;
    boost::json::object ports_;
};

// Asks `met` again and again until it is true or `within` (rules' time) has passed.
bool eventually(const Clock& clock, Duration within, const std::function<bool()>& met);

// The file that CMake built.
std::string binary(const std::string& name);

}  // namespace vc::e2e
