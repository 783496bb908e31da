// The faults that can be put on a component while it runs, and the truth about when they were.
//
// A component owns a FaultState and asks it at each decision ("is this message stalled?"). Faults
// holds the states by component name, gives ids, and tells the component when its faults changed.
// Figures come from the component's own random stream, so a run is repeated by its seed.
// Durations are the rules' time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "tests/lab/agenda.h"
#include "tests/lab/random.h"
#include "tests/lab/truth.h"

namespace boost::json {
class object;
}

namespace vc::lab {

enum class FaultKind { Delay, Stall, Drop, Refuse, AcceptLose, Cut };
// In: what comes to the component (a broker's settles); Out: what it hands on (deliveries).
enum class FaultDir { In, Out, Both };

struct Fault {
    FaultKind kind = FaultKind::Delay;
    FaultDir dir = FaultDir::Both;
    double p = 1;                  // per message or per connection
    Duration scale{};              // delay: Pareto with this scale,
    double alpha = 1.5;            // this exponent,
    Duration cap{};                // and cut here
    bool new_connections = false;  // stall: new connections get no answer either
    double share = 1;              // drop: of the connections there are
    bool forced = false;           // drop: by a close frame rather than RST
    Duration every{};              // drop: again and again; 0 for once
    Duration length{};             // clears itself after; 0 for never
};

const char* to_text(FaultKind kind);

class FaultState {
  public:
    FaultState(std::uint64_t seed, std::string component)
        : random_(seed, "faults/" + component), component_(std::move(component)) {}

    const std::string& component() const { return component_; }

    Duration delay(FaultDir dir);        // zero when no delay hits this message
    bool stalls(FaultDir dir);           // this message stays until the stall is cleared
    bool stalled(FaultDir dir) const;    // nothing moves at all (a stall with p = 1)
    bool any_stall(FaultDir dir) const;  // some stall is on
    bool stalls_connections() const;
    bool refuses_all() const;
    bool refuses();  // this connection
    bool loses();    // this message
    bool cut() const;
    bool picked(double share) { return random_.chance(share); }

    std::size_t active() const { return faults_.size(); }

  private:
    friend class Faults;
    std::map<std::string, Fault> faults_;
    Random random_;
    std::string component_;
};

struct FaultTarget {
    FaultState* state = nullptr;
    std::vector<FaultKind> kinds;              // what this component can do
    std::function<void()> changed;             // faults came or went
    std::function<int(const Fault&)> dropped;  // do it; how many connections it hit
};

class Faults {
  public:
    Faults(Agenda& agenda, Truth& truth) : agenda_(agenda), truth_(truth) {}

    void add(FaultTarget target);

    // {"component": .., "kind": .., ...}; the id, or what is wrong with the request.
    Result<std::string> inject(const boost::json::object& request);
    bool clear(const std::string& id);
    std::size_t clear_all();
    boost::json::object to_json() const;

  private:
    struct Live {
        FaultTarget* target = nullptr;
        Fault fault;
        std::string words;  // the request, for the truth
        Timer repeat;
        Timer end;
    };
    void drop(const std::string& id);

    Agenda& agenda_;
    Truth& truth_;
    std::map<std::string, FaultTarget> targets_;
    std::map<std::string, Live> live_;
    std::uint64_t next_ = 1;
};

}  // namespace vc::lab
