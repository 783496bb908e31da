// The faults that can be put on a component while it runs, and the truth about when they were.
//
// A component owns a FaultState (fault_state.h) and asks it at each decision. Faults holds the
// states by component name, gives ids, and tells the component when its faults changed. Durations
// are the rules' time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rules/base/error.h"
#include "tests/lab/agenda.h"
#include "tests/lab/fates.h"
#include "tests/lab/fault_state.h"
#include "tests/lab/truth.h"

namespace boost::json {
class object;
}

namespace vc::lab {

struct FaultTarget {
    FaultState* state = nullptr;
    std::vector<FaultKind> kinds;              // what this component can do
    std::function<void()> changed;             // faults came or went
    std::function<int(const Fault&)> dropped;  // do it; how many connections it hit
    bool narrows = false;  // it asks with entity, role and connection: faults may be narrowed
};

class Faults {
  public:
    Faults(Agenda& agenda, Truth& truth, Fates* fates = nullptr)
        : agenda_(agenda), truth_(truth), fates_(fates) {}

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
        Timer grown;  // a ramp is at its top
    };
    void drop(const std::string& id, bool first);
    Duration until_next_drop(const Live& live);

    Agenda& agenda_;
    Truth& truth_;
    Fates* fates_;
    std::map<std::string, FaultTarget> targets_;
    std::map<std::string, Live> live_;
    std::uint64_t next_ = 1;
};

}  // namespace vc::lab
