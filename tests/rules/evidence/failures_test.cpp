#include "rules/evidence/failures.h"

#include <doctest/doctest.h>

#include "tests/rules/evidence/fixture.h"

namespace vc::test {
namespace {

TEST_CASE("cited failures are the last ones of each channel, bounded and recent") {
    Failures failures(2);
    for (std::uint64_t id = 1; id <= 4; ++id) {
        Observation failed = seen(Channel::HB, zero + std::chrono::seconds{id}, Outcome::reset);
        failed.id = {id};
        failures.add(failed);
    }
    failures.add(seen(Channel::DL, zero + 9s));
    CHECK(failures.since(zero) == std::vector<AttemptId>{{3}, {4}});
    CHECK(failures.since(zero + 4s) == std::vector<AttemptId>{{4}});
}

}  // namespace
}  // namespace vc::test
