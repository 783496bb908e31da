#include "probes/gauges/availability.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

std::string claim(const std::string& state, const std::string& time = "1970-01-01T00:01:40Z") {
    return R"({"properties":{"availabilityState":")" + state + R"(","reportedTime":")" + time +
           R"("}})";
}

}  // namespace

TEST_CASE("the vendor's words are green, red or missing, with their age") {
    const Instant now{160s};
    CHECK(read_availability(claim("Available"), now).vendor == VendorClaim::green);
    CHECK(read_availability(claim("Available"), now).age == 60s);
    CHECK(read_availability(claim("Degraded"), now).vendor == VendorClaim::red);
    CHECK(read_availability(claim("Unavailable"), now).vendor == VendorClaim::red);
    CHECK(read_availability(claim("Unknown"), now).vendor == VendorClaim::missing);
    CHECK(read_availability(claim("Unknown"), now).age == 0s);
    CHECK(read_availability(claim("Unknown"), now).reason == "the state is Unknown");
}

TEST_CASE("a time that is absent, wrong or in the future makes no age and keeps the claim") {
    const Instant now{160s};
    for (const char* time : {"", "yesterday", "1970-13-01T00:00:00Z", "1970-01-01T00:09:00Z"}) {
        const Gauge gauge = read_availability(claim("Available", time), now);
        CHECK(gauge.vendor == VendorClaim::green);
        CHECK(gauge.age == 0s);
    }
    const Gauge gauge = read_availability(claim("Available", "1970-01-01T00:02:00.1234567Z"), now);
    CHECK(gauge.age == 40s);
    CHECK(read_availability(R"({"properties":{"availabilityState":"Available"}})", now).age == 0s);
}

TEST_CASE("what is no availability is missing, and says why") {
    CHECK(read_availability("<html>", {}).reason == "the answer is no JSON");
    for (const char* body :
         {"{}", "[]", "7", R"({"properties":[]})", R"({"properties":{"availabilityState":1}})"}) {
        CAPTURE(body);
        const Gauge gauge = read_availability(body, {});
        CHECK(gauge.vendor == VendorClaim::missing);
        CHECK(gauge.reason == "the answer has no properties.availabilityState");
    }
}

TEST_CASE("the path of a resource's health") {
    CHECK(resource_health_path("/subscriptions/s") ==
          "/subscriptions/s/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
          "?api-version=2020-05-01");
}

}  // namespace vc
