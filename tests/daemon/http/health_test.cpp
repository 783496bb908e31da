#include "daemon/http/health.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

TEST_CASE("health is that probes complete, not that the process lives") {
    const Instant now{1000s};
    CHECK(!judge_health(now, std::nullopt, 30s).ok);
    CHECK(judge_health(now, std::nullopt, 30s).words == "no probe has ended yet");
    CHECK(judge_health(now, now - 30s, 30s).ok);
    CHECK(judge_health(now, now - 2500ms, 30s).words == "probes complete, the last one 2s ago");
    const Health ill = judge_health(now, now - 90s, 30s);
    CHECK(!ill.ok);
    CHECK(ill.words == "no probe has ended for 1m30s, at most 30s is healthy");
    CHECK(judge_health(now, now + 1s, 30s).words == "probes complete, the last one 0s ago");
}

}  // namespace vc
