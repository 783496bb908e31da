// What the demo shows while it plays: the probes' round trips, what the vendor claims, the
// diagnosis and the move. Pure: JSON of the daemon and the lab in, lines of text out.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "rules/base/time.h"

namespace vc::demo {

struct Snapshot {
    std::string title;           // "act 1 of 2: 18-19 March, mode auto"
    Duration since_start{};      // rules' time
    double factor = 1;           // of the time-lapse
    boost::json::object status;  // the daemon's /api/status
    boost::json::object ledger;  // the lab's /ledger
    boost::json::object load;    // the lab's /load
    std::string faults;          // what the lab has injected at the moment; empty: nothing
};

// For a terminal: the whole picture, at most 80 columns wide, without escape sequences.
std::vector<std::string> picture(const Snapshot& now);

// For a pipe: the same in one line.
std::string line(const Snapshot& now);

// "04:05" of minutes and seconds.
std::string minutes(Duration since);

}  // namespace vc::demo
