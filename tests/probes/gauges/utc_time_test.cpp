#include "probes/gauges/utc_time.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

TEST_CASE("a time of the cloud is read with and without a fraction") {
    CHECK(utc_time("1970-01-01T00:01:40Z") == Instant{100s});
    CHECK(utc_time("1970-01-01T00:01:40.1234567Z") == Instant{100s});
    CHECK(utc_time("2026-03-18T22:00:00Z") == Instant{std::chrono::seconds(1'773'871'200)});
}

TEST_CASE("what is no time in UTC between 1970 and 2200 is none") {
    for (const char* time :
         {"", "yesterday", "1970-01-01T00:01:40", "1970-13-01T00:00:00Z", "1970-01-01X00:00:00Z",
          "1970-02-30T00:00:00Z", "1970-01-01T24:00:00Z", "9999-01-01T00:00:00Z",
          "0000-00-00T00:00:0xZ", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
          "1970-01-01T00:00:00+01:00", "1969-12-31T23:59:59Z"}) {
        CAPTURE(time);
        CHECK_FALSE(utc_time(time));
    }
}

TEST_CASE("a time is written as it is read, without a fraction") {
    CHECK(utc_text(Instant{100s + 999ms}) == "1970-01-01T00:01:40Z");
    CHECK(utc_time(utc_text(Instant{std::chrono::hours(495'000)})) ==
          Instant{std::chrono::hours(495'000)});
}

}  // namespace vc
