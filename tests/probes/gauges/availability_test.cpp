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

TEST_CASE("a time to come makes no age, and a fraction of a second is dropped") {
    const Instant now{160s};
    const Gauge ahead = read_availability(claim("Available", "1970-01-01T00:09:00Z"), now);
    CHECK(ahead.vendor == VendorClaim::green);
    CHECK(ahead.age == 0s);
    const Gauge gauge = read_availability(claim("Available", "1970-01-01T00:02:00.1234567Z"), now);
    CHECK(gauge.vendor == VendorClaim::green);
    CHECK(gauge.age == 40s);
}

TEST_CASE("a claim of unknown age is missing, green or red, and says why") {
    const Instant now{160s};
    for (const char* state : {"Available", "Unavailable", "Degraded"}) {
        for (const char* time : {"", "yesterday", "1970-13-01T00:00:00Z", "0001-01-01T00:00:00Z"}) {
            CAPTURE(time);
            const Gauge gauge = read_availability(claim(state, time), now);
            CHECK(gauge.missing());
            CHECK(gauge.reason ==
                  "properties.reportedTime is no time in UTC: " + std::string(time));
        }
        const std::string start = R"({"properties":{"availabilityState":")" + std::string(state);
        for (const char* rest :
             {R"("}})", R"(","reportedTime":7}})", R"(","reportedTime":null}})"}) {
            const Gauge gauge = read_availability(start + rest, now);
            CHECK(gauge.missing());
            CHECK(gauge.reason == "the answer has no properties.reportedTime");
        }
    }
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
