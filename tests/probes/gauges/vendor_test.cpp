#include "probes/gauges/vendor.h"

#include <doctest/doctest.h>

#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

std::string claim(const std::string& state, const std::string& time = "1970-01-01T00:01:40Z") {
    return R"({"properties":{"availabilityState":")" + state + R"(","reportedTime":")" + time +
           R"("}})";
}

Gauge read_over_http(const std::string& answer) {
    Drive drive(make_vendor_session(GetTarget{"monitor.example", 80, "/status", false}));
    drive.now = Instant{160s};
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.bytes(answer);
    if (drive.gauges.empty()) drive.lose(CloseReason::peer_closed);
    REQUIRE(drive.gauges.size() == 1);
    CHECK(drive.seen.empty());
    return drive.gauges.front();
}

std::string ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("the vendor's words are green, red or missing, with their age") {
    const Instant now{160s};
    CHECK(read_vendor_claim(claim("Available"), now).vendor == VendorClaim::green);
    CHECK(read_vendor_claim(claim("Available"), now).age == 60s);
    CHECK(read_vendor_claim(claim("Degraded"), now).vendor == VendorClaim::red);
    CHECK(read_vendor_claim(claim("Unavailable"), now).vendor == VendorClaim::red);
    CHECK(read_vendor_claim(claim("Unknown"), now).vendor == VendorClaim::missing);
    CHECK(read_vendor_claim(claim("Unknown"), now).age == 0s);
}

TEST_CASE("a time that is absent, wrong or in the future makes no age and keeps the claim") {
    const Instant now{160s};
    for (const char* time :
         {"", "yesterday", "1970-01-01T00:01:40", "1970-13-01T00:00:00Z", "1970-01-01X00:00:00Z",
          "1970-02-30T00:00:00Z", "1970-01-01T24:00:00Z", "9999-01-01T00:00:00Z",
          "1970-01-01T00:09:00Z", "0000-00-00T00:00:0xZ"}) {
        const Gauge gauge = read_vendor_claim(claim("Available", time), now);
        CHECK(gauge.vendor == VendorClaim::green);
        CHECK(gauge.age == 0s);
    }
    const Gauge gauge = read_vendor_claim(claim("Available", "1970-01-01T00:02:00.1234567Z"), now);
    CHECK(gauge.age == 40s);
    CHECK(read_vendor_claim(R"({"properties":{"availabilityState":"Available"}})", now).age == 0s);
}

TEST_CASE("over HTTP only a whole 200 with the right JSON counts") {
    CHECK(read_over_http(ok(claim("Available"))).vendor == VendorClaim::green);
    CHECK(read_over_http(ok(claim("Available"))).age == 60s);
    CHECK(read_over_http("HTTP/1.1 200 OK\r\n\r\n" + claim("Degraded")).vendor == VendorClaim::red);
    CHECK(read_over_http(ok("{}")).vendor == VendorClaim::missing);
    CHECK(read_over_http(ok("<html>")).vendor == VendorClaim::missing);
    CHECK(read_over_http(ok(R"({"properties":[]})")).vendor == VendorClaim::missing);
    CHECK(read_over_http("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n").vendor ==
          VendorClaim::missing);
    CHECK(read_over_http("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{").vendor ==
          VendorClaim::missing);
    CHECK(read_over_http("nonsense").vendor == VendorClaim::missing);
}

TEST_CASE(
    "no answer, no connection and a stop make a missing claim, and an old one is not repeated") {
    Drive drive(make_vendor_session(GetTarget{"monitor.example", 80, "/status", false}));
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.bytes(ok(claim("Available")));
    drive.close();
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.pass(3s);
    drive.close();
    drive.start(Channel::CT, 1s);
    drive.fail_connect(Outcome::refused, Phase::tcp);
    drive.start(Channel::CT, 1s);
    drive.stop();
    REQUIRE(drive.gauges.size() == 4);
    CHECK(drive.gauges[0].vendor == VendorClaim::green);
    for (std::size_t i = 1; i < 4; ++i)
        CHECK(drive.gauges[i].vendor == VendorClaim::missing);
}

}  // namespace vc
