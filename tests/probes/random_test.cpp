#include "probes/random.h"

#include <doctest/doctest.h>

namespace vc {

TEST_CASE("the stream is the published one of SplitMix64") {
    Random random(1234567);
    CHECK(random.next() == 6457827717110365317U);
    CHECK(random.next() == 3203168211198807973U);
}

TEST_CASE("a duration below a bound is never the bound, and zero when there is none") {
    using namespace std::chrono_literals;
    Random random(1);
    for (int i = 0; i < 1000; ++i) {
        const Duration d = random.below(10ns);
        CHECK((d >= 0ns && d < 10ns));
    }
    CHECK(random.below(0s) == 0s);
    CHECK(random.below(-1s) == 0s);
}

}  // namespace vc
