// One look at the brokers themselves, for an operator: a round trip over a fresh connection to
// each queue that the probes use, and one audit of the standby.
//
// Not while the daemon runs: two consumers of one queue take each other's messages, and what this
// look would lose there would be evidence against the broker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/host/clock.h"
#include "rules/observation.h"
#include "rules/readiness.h"

namespace vc {

struct RoundTrip {
    std::string broker;   // "primary" or "standby"
    std::string entity;   // its address
    std::string trouble;  // why none could be tried; empty when `seen` holds
    Observation seen;
};

struct LiveFindings {
    std::vector<RoundTrip> trips;       // in the order of the configuration
    std::optional<StandbyAudit> audit;  // none: not configured, or see audit_trouble
    std::string audit_trouble;
};

struct LiveWishes {
    bool round_trips = true;
};

// Blocking; at most about three budgets of a fresh probe and an audit's deadline.
LiveFindings look_live(const Config& config, const Clock& clock, const LiveWishes& wishes);

}  // namespace vc
