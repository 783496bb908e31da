#include "probes/gauges/availability.h"

#include <algorithm>

#include "probes/gauges/utc_time.h"
#include "probes/json.h"

namespace vc {

std::string resource_health_path(std::string_view resource) {
    return std::string(resource) +
           "/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
           "?api-version=2020-05-01";
}

Gauge read_availability(std::string_view body, Instant now) {
    Gauge gauge;
    const auto json = parse_json(body);
    const auto state = json ? json->text_at("properties.availabilityState") : std::nullopt;
    if (state == "Available") gauge.vendor = VendorClaim::green;
    if (state == "Degraded" || state == "Unavailable") gauge.vendor = VendorClaim::red;
    if (!json) gauge.reason = "the answer is no JSON";
    if (json && !state) gauge.reason = "the answer has no properties.availabilityState";
    if (gauge.vendor == VendorClaim::missing) {
        if (state) gauge.reason = "the state is " + std::string(*state);
        return gauge;
    }
    const auto reported = json->text_at("properties.reportedTime");
    const auto at = reported ? utc_time(*reported) : std::nullopt;
    if (at) {
        gauge.age = std::max(Duration::zero(), now - *at);
        return gauge;
    }
    gauge.vendor = VendorClaim::missing;
    gauge.reason = reported ? "properties.reportedTime is no time in UTC: " + std::string(*reported)
                            : "the answer has no properties.reportedTime";
    return gauge;
}

}  // namespace vc
