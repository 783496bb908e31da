// What the vendor says of its own broker, as an availability status in the form of Azure Resource
// Health (2020-05-01),
//   {"properties": {"availabilityState": "Available", "reportedTime": "2026-03-18T22:00:00Z"}}
// Available is green; Degraded and Unavailable are red; anything else (Unknown, no such JSON) is
// missing, with the reason. The claim's age is the time since reportedTime, zero when that is in
// the future. Without a reportedTime that can be read nobody knows how old the claim is: missing.
#pragma once

#include <string>
#include <string_view>

#include "rules/observation.h"

namespace vc {

// Where Resource Health keeps the current status of a resource.
std::string resource_health_path(std::string_view resource);

Gauge read_availability(std::string_view body, Instant now);

}  // namespace vc
