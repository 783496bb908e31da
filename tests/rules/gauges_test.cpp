#include "rules/gauges.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{10h};

Gauge claim(const std::string& source, VendorClaim vendor, Duration age = 0s) {
    return {GaugeRole::vendor_claim, source, vendor, {}, age, 10min, ""};
}

Gauge number(GaugeRole role, std::optional<double> value) {
    return {role, "fleet", VendorClaim::missing, value, 0s, 10min, ""};
}

}  // namespace

TEST_CASE("the vendor's word is red if any source is, green if one is and none is red") {
    Gauges gauges;
    CHECK(gauges.vendor(start).claim == VendorClaim::missing);
    gauges.add(claim("a", VendorClaim::missing), start);
    CHECK(gauges.vendor(start).claim == VendorClaim::missing);
    gauges.add(claim("b", VendorClaim::green, 60s), start);
    CHECK(gauges.vendor(start).claim == VendorClaim::green);
    CHECK(gauges.vendor(start).source == "b");
    CHECK(gauges.vendor(start).age == 60s);
    gauges.add(claim("c", VendorClaim::red, 120s), start);
    CHECK(gauges.vendor(start).claim == VendorClaim::red);
    CHECK(gauges.vendor(start).source == "c");
    gauges.add(claim("0", VendorClaim::green), start);
    CHECK(gauges.vendor(start).claim == VendorClaim::red);
    gauges.add(number(GaugeRole::own_messages, 1.0), start);
    CHECK(gauges.vendor(start).claim == VendorClaim::red);
}

TEST_CASE("of several that say the same the youngest is cited, of equals the first by name") {
    Gauges gauges;
    gauges.add(claim("b", VendorClaim::green, 60s), start);
    gauges.add(claim("c", VendorClaim::green, 30s), start);
    gauges.add(claim("a", VendorClaim::green, 30s), start);
    CHECK(gauges.vendor(start).source == "a");
    CHECK(gauges.vendor(start + 10s).age == 40s);
}

TEST_CASE("a reading grows older by itself and is missing past its limit") {
    Gauges gauges;
    gauges.add(claim("a", VendorClaim::red, 60s), start);
    gauges.add(claim("b", VendorClaim::green, 0s), start);
    CHECK(gauges.vendor(start + 9min).claim == VendorClaim::red);
    CHECK(gauges.vendor(start + 9min).age == 10min);
    CHECK(gauges.vendor(start + 9min + 1s).claim == VendorClaim::green);
    CHECK(gauges.vendor(start + 10min + 1s).claim == VendorClaim::missing);
    const auto all = gauges.at(start + 10min + 1s);
    REQUIRE(all.size() == 2);
    CHECK(all[0].reason == "the data is older than 10m");
    CHECK(all[0].age == 11min + 1s);
    gauges.add(number(GaugeRole::own_connections, 2.5), start);
    CHECK(gauges.at(start).back().value == 2.5);
    CHECK_FALSE(gauges.at(start + 11min).back().value);
}

TEST_CASE("sources are bounded, and those that are known are still brought up to date") {
    Gauges gauges;
    for (std::size_t i = 0; i < most_gauges + 10; ++i)
        gauges.add(claim(std::to_string(1000 + i), VendorClaim::green), start);
    CHECK(gauges.at(start).size() == most_gauges);
    gauges.add(claim("1000", VendorClaim::red), start);
    CHECK(gauges.vendor(start).claim == VendorClaim::red);
}

TEST_CASE("the claim in words") {
    CHECK(to_text(VendorSaid{}) == "missing");
    CHECK(to_text(VendorSaid{VendorClaim::green, "", 5s}) == "green");
    CHECK(to_text(VendorSaid{VendorClaim::red, "azure", 90s + 3ms}) == "red (azure, 1m30s old)");
}

TEST_CASE("only what changed materially is news, and at most every five minutes") {
    RecordedGauges recorded;
    CHECK_FALSE(recorded.is_news(claim("a", VendorClaim::missing), start));
    const Gauge green = claim("a", VendorClaim::green);
    CHECK(recorded.is_news(green, start));
    recorded.fold(green, start);
    CHECK_FALSE(recorded.is_news(green, start + 1h));
    CHECK_FALSE(recorded.is_news(claim("a", VendorClaim::red), start + 4min));
    CHECK(recorded.is_news(claim("a", VendorClaim::red), start + 5min));
    CHECK(recorded.is_news(claim("a", VendorClaim::missing), start + 5min));
    CHECK(recorded.is_news(claim("b", VendorClaim::green), start));

    recorded.fold(number(GaugeRole::chargers_connected, 0.9), start);
    const auto news = [&](std::optional<double> value) {
        return recorded.is_news(number(GaugeRole::chargers_connected, value), start + 5min);
    };
    CHECK_FALSE(news(0.9));
    CHECK_FALSE(news(0.82));
    CHECK(news(0.8));
    CHECK_FALSE(news(0.99));
    CHECK(news(1.01));
    CHECK(news(std::nullopt));
    CHECK(news(-0.9));
}

TEST_CASE("what is on record is bounded: the oldest source is forgotten first") {
    RecordedGauges recorded;
    recorded.fold(claim("first", VendorClaim::green), start);
    for (std::size_t i = 0; i < most_gauges; ++i)
        recorded.fold(claim(std::to_string(i), VendorClaim::green), start + 1s);
    CHECK(recorded.is_news(claim("first", VendorClaim::green), start + 1h));
    CHECK_FALSE(recorded.is_news(claim("1", VendorClaim::green), start + 1h));
}

}  // namespace vc
