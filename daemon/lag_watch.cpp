#include "daemon/lag_watch.h"

#include <algorithm>

namespace vc {
namespace {

constexpr int share_of_budget = 4;

}  // namespace

void LagWatch::woke(Instant now, Duration lag) {
    while (!lags_.empty() && now - lags_.front().at > 3 * longest_ + longest_)
        lags_.pop_front();
    if (lag > shortest_ / share_of_budget) lags_.push_back({now, lag});
}

bool LagWatch::taints(const Observation& observation, Duration budget,
                      Instant expected_wake) const {
    const Duration limit = budget / share_of_budget;
    if (observation.started - observation.due > limit) return true;
    if (observation.finished - expected_wake > limit) return true;
    return std::any_of(lags_.begin(), lags_.end(), [&](const Lag& lag) {
        return lag.lag > limit && lag.at >= observation.due;
    });
}

}  // namespace vc
