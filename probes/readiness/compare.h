// Could the standby take over what the primary does? Every difference is named with both sides'
// values, those that stand in the way of a move apart from those that do not. Pure.
#pragma once

#include <string>
#include <vector>

#include "probes/readiness/inventory.h"

namespace vc {

struct Differences {
    std::vector<std::string> unfit;  // "queue a: missing on the standby"
    std::vector<std::string> told;   // "queue a: LockDuration PT1M on the primary, PT30S on the
                                     // standby"
    bool none() const { return unfit.empty() && told.empty(); }
};

// Queues first, then topics, then subscriptions, each in the order of the alphabet.
Differences compare(const Inventory& primary, const Inventory& standby);

}  // namespace vc
