#include "rules/base/time.h"

#include <doctest/doctest.h>

using namespace vc;
using namespace std::chrono_literals;

TEST_CASE("a duration is written in whole units, from large to small") {
    CHECK(to_text(Duration{0}) == "0s");
    CHECK(to_text(Duration{90min}) == "1h30m");
    CHECK(to_text(Duration{1500ms}) == "1s500ms");
    CHECK(to_text(Duration{24h * 90}) == "90d");
    CHECK(to_text(Duration{1ns}) == "1ns");
    CHECK(to_text(Duration{-5s}) == "-5s");
    CHECK(to_text(Duration::max()) == "106751d23h47m16s854ms775us807ns");
    CHECK(to_text(Duration::min()) == "-106751d23h47m16s854ms775us808ns");
}

TEST_CASE("times are UTC to the millisecond") {
    CHECK(to_text(WallTime{0}) == "1970-01-01T00:00:00.000Z");
    CHECK(to_text(WallTime{1'763'650'000'250'999'999}) == "2025-11-20T14:46:40.250Z");
    CHECK(to_text(WallTime{-1}) == "1969-12-31T23:59:59.999Z");
    CHECK(to_text(Instant{1'763'650'000s}) == "2025-11-20T14:46:40.000Z");
}

TEST_CASE("seconds are a decimal number") {
    CHECK(seconds(1500ms) == 1.5);
    CHECK(seconds(-2s) == -2.0);
}
