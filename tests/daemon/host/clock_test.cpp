#include "daemon/host/clock.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

namespace {

std::string text_of_now() {
    return std::to_string(Clock().wall().unix_ns / 1'000'000'000);
}

}  // namespace

TEST_CASE("a time lapse is a factor and the origin where both time lines meet") {
    CHECK(parse_time_lapse("")->factor == 1.0);
    const auto lapse = parse_time_lapse("20@" + text_of_now() + ".5");
    REQUIRE(lapse);
    CHECK(lapse->factor == 20.0);
    CHECK(to_text(*lapse) == "20@" + text_of_now() + ".500000000");
    CHECK(parse_time_lapse(to_text(*lapse))->origin_unix_ns == lapse->origin_unix_ns);
    CHECK(parse_time_lapse("1@0"));
}

TEST_CASE("what is no time lapse is refused with an example") {
    for (const char* text : {"20", "@", "20@", "@5", "x@5", "20@x", "20@5 ", "0.5@5", "1001@5",
                             "20@-1", "20@9e9", "nan@5", "20@nan", "20@inf"}) {
        const auto lapse = parse_time_lapse(text);
        REQUIRE_MESSAGE(!lapse, text);
        CHECK(lapse.error().message ==
              "time lapse '" + std::string(text) +
                  "' is not FACTOR@ORIGIN, such as 20@1763650000.5 (factor 1 to 1000, origin in "
                  "Unix seconds)");
    }
}

TEST_CASE("an origin from which the rules' clock overflows is refused, and says so") {
    for (const char* text : {"20@0", "1000@1000000000", "20@8000000000", "1000@8999999999"}) {
        const auto lapse = parse_time_lapse(text);
        REQUIRE_MESSAGE(!lapse, text);
        CHECK(lapse.error().message ==
              "time lapse '" + std::string(text) +
                  "': its origin is so far from now that the clock would show no time that can be "
                  "counted; take the present time");
    }
}

TEST_CASE("durations scale with the factor, there and back") {
    const Clock fast(TimeLapse{20, Clock().wall().unix_ns});
    CHECK(fast.to_machine(1s) == 50ms);
    CHECK(fast.from_machine(50ms) == 1s);
    const Clock plain;
    CHECK(plain.to_machine(Duration(1'763'650'000'123'456'789)) == 1'763'650'000'123'456'789ns);
    CHECK(plain.machine_time_until(plain.now() - 1h) == 0ns);
    const auto hour = fast.machine_time_until(fast.now() + 1h);
    CHECK(hour <= 3min);
    CHECK(hour > 2min);
}

TEST_CASE("the date is the wall clock's, or under a time-lapse the common time line's") {
    const Clock plain;
    CHECK(std::abs(plain.date().unix_ns - plain.wall().unix_ns) < 1'000'000'000);
    const Clock fast(TimeLapse{1000, plain.wall().unix_ns - 1'000'000'000});
    CHECK(fast.date().unix_ns - fast.wall().unix_ns > 900'000'000'000);
    const WallTime date = fast.date();
    CHECK(date.unix_ns <= fast.now().time_since_epoch().count());
}

TEST_CASE("a clock that was set back goes on from what the journal knows, and never goes back") {
    Clock clock;
    const Instant floor = clock.now() + 24h;
    clock.not_before(floor);
    const Instant shifted = clock.now();
    CHECK(shifted >= floor);
    CHECK(shifted < floor + 1h);
    CHECK(clock.machine_time_until(floor + 1h) <= 1h);
    clock.not_before(floor - 48h);
    CHECK(clock.now() >= shifted);
    CHECK(clock.now() < floor + 1h);
}

}  // namespace vc
