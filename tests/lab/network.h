// The watcher's own network: for each target a relay port that forwards TCP to it. While it is cut,
// existing pipes stay open and silent, and new connections are accepted and nothing is said; when
// it heals, what was held moves on. Bounded: pipes, and bytes held per pipe (one buffer each way).
// Faults: cut, drop.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/lab/faults.h"
#include "tests/lab/listener.h"

namespace vc::lab {

class Network {
  public:
    Network(Agenda& agenda, std::uint64_t seed);
    ~Network();

    // Opens a relay to 127.0.0.1:`target`.
    void add(const std::string& name, std::uint16_t target);
    std::uint16_t port(const std::string& name) const;
    const std::map<std::string, std::unique_ptr<Listener>>& relays() const { return relays_; }

    FaultTarget fault_target();

  private:
    class Pipe;
    Agenda& agenda_;
    FaultState faults_;
    std::map<std::string, std::unique_ptr<Listener>> relays_;
    std::set<std::shared_ptr<Pipe>> pipes_;  // shared with their pending reads and writes
};

}  // namespace vc::lab
