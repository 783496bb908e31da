// What users suffer: a charger is harmed while it is disconnected, while a call of it stays
// unanswered for more than 5 s, and from a failed call to the next answer. An outage is a time in
// which at least a fifth of the chargers are harmed at once.
#pragma once

#include <deque>
#include <vector>

#include "tests/lab/agenda.h"

namespace boost::json {
class object;
}

namespace vc::lab {

class Harm {
  public:
    Harm(Agenda& agenda, std::size_t chargers) : agenda_(agenda), harmed_(chargers, false) {}

    void set(std::size_t charger, bool harmed);
    std::size_t harmed() const { return count_; }
    Duration outage() const;  // in all, one that still goes on included
    boost::json::object to_json() const;

  private:
    struct Interval {
        Instant from{};
        Instant to{};
        std::size_t worst = 0;  // most chargers harmed at once
    };
    bool is_outage() const { return !harmed_.empty() && count_ * 5 >= harmed_.size(); }

    Agenda& agenda_;
    std::vector<bool> harmed_;
    std::size_t count_ = 0;
    std::deque<Interval> outages_;
    bool open_ = false;  // the last one goes on
    Duration folded_{};  // those that were forgotten to stay bounded
};

}  // namespace vc::lab
