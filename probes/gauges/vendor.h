// What the vendor says of its own broker: an HTTP GET of an availability status in the form of
// Azure Resource Health,
//   {"properties": {"availabilityState": "Available", "reportedTime": "2026-03-18T22:00:00Z"}}
// read into a Gauge. Available is green; Degraded and Unavailable are red; anything else (Unknown,
// no answer by three budgets, a status that is not 200, no such JSON) is missing. The claim's age
// is the time since reportedTime, zero when that is absent or in the future.
//
// It is driven as a Session, so that the same loop can run it, but every attempt ends in exactly
// one gauge in place of an observation: a claim is context and no probe of ours.
#pragma once

#include <memory>
#include <string_view>

#include "probes/http/get.h"
#include "probes/session.h"

namespace vc {

std::unique_ptr<Session> make_vendor_session(GetTarget request);

// The gauge in a body; missing when there is none.
Gauge read_vendor_claim(std::string_view body, Instant now);

}  // namespace vc
