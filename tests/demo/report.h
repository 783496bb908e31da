// The demo's report, from what was measured: the lab's ground truth and ledger, and the daemon's
// own journal. Nothing here knows the timeline that was played. Pure.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace vc::demo {

// What one act left behind.
struct Measured {
    boost::json::array truth;      // the lab's log: what was injected, when
    boost::json::object incident;  // the daemon's journal: `incident show 1 --json`
    boost::json::object ledger;    // the lab's account of messages, at rest
    boost::json::object load;      // the lab's ordinary chargers
    std::size_t pages = 0;         // that reached somebody
    std::int64_t migrations = 0;   // that the daemon has proposed, of all incidents
};

// What was seen of act 2 while it ran: the verdict must outlive the quiet.
struct ObservedAct {
    Measured measured;
    // The first incident's states in order, each once per change, from the first page on: wanted
    // are confirmed, probation, confirmed. A state of another incident is written with its number.
    std::vector<std::string> states;
    bool vendor_went_missing = false;  // after the first page, before the relapse
};

// diagnosis, vendor_verdict, seen_after_s, migrated_after_s, outage_s, messages_*, migrations,
// pages, factor, and the same of act 2 under "observe". Times are the rules' seconds.
boost::json::object report(const Measured& act1, const ObservedAct& act2, double factor);

// For a person, read in ten seconds.
std::string report_text(const boost::json::object& report);

// Why the demo has failed; empty when it has not.
std::string failure_of(const boost::json::object& report);

}  // namespace vc::demo
