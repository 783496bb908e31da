#include "probes/backoff.h"

#include <doctest/doctest.h>

#include <vector>

namespace vc {

using namespace std::chrono_literals;

TEST_CASE("the first try after a loss is at once, then they spread out to five seconds") {
    Backoff backoff(1);
    const Instant now{1000s};
    for (const Duration wait : std::vector<Duration>{0s, 500ms, 1s, 2s, 4s, 5s, 5s, 5s}) {
        const Duration waited = backoff.after_failure(now) - now;
        CHECK(waited >= wait);
        CHECK(waited <= wait + wait / 10);
    }
    backoff.reset();
    CHECK(backoff.after_failure(now) == now);
    CHECK(backoff.after_refused_credentials(now) >= now + 60s);
}

TEST_CASE("two seeds do not come back together") {
    Backoff one(1);
    Backoff other(2);
    one.after_failure({});
    other.after_failure({});
    CHECK(one.after_failure({}) != other.after_failure({}));
}

}  // namespace vc
