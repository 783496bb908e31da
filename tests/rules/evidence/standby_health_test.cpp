#include "rules/evidence/standby_health.h"

#include <doctest/doctest.h>

#include "tests/rules/evidence/fixture.h"

namespace vc::test {
namespace {

TEST_CASE("three clean full loops and clean direct probes certify the standby") {
    Fixture f;
    CHECK(f.standby.at(zero).reason == "only 0 of 3 full loops through it in the last 10m");
    CHECK(!f.standby.at(zero).refuted);
    for (int i = 0; i < 3; ++i)
        f.loop(zero + i * 1min, true);
    CHECK(f.standby.at(zero + 2min).reason == "no SL probe of it in the last 3m");
    f.direct(Channel::SL, zero + 2min, true);
    f.direct(Channel::SF, zero + 2min, true);
    CHECK(f.standby.at(zero + 2min).certified);
    CHECK(f.standby.at(zero + 2min).reason.find("the last 3 full loops through it passed") == 0);
}

TEST_CASE("one failed loop takes the certificate until three more have passed") {
    Fixture f;
    f.direct(Channel::SL, zero + 4min, true);
    f.direct(Channel::SF, zero + 4min, true);
    f.loop(zero, true);
    f.loop(zero + 1min, false);
    f.loop(zero + 2min, true);
    CHECK(f.standby.at(zero + 4min).refuted);
    CHECK(f.standby.at(zero + 4min).reason == "1 of the last 3 full loops through it failed");
    f.loop(zero + 3min, true);
    f.loop(zero + 4min, true);
    CHECK(f.standby.at(zero + 4min).certified);
}

TEST_CASE("a certificate grows old, and failing direct probes refute it") {
    Fixture f;
    for (int i = 0; i < 3; ++i)
        f.loop(zero + i * 1min, true);
    f.direct(Channel::SL, zero + 2min, true);
    for (int i = 0; i < 4; ++i)
        f.direct(Channel::SF, zero + 2min, i < 2);
    CHECK(f.standby.at(zero + 2min).reason == "SF failed 2 of 4 times in the last 3m");
    CHECK(f.standby.at(zero + 2min).refuted);
    CHECK(!f.standby.at(zero + 20min).certified);
    CHECK(!f.standby.at(zero + 20min).refuted);
}

}  // namespace
}  // namespace vc::test
