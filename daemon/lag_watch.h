// Which observations our own lag may have spoilt. An answer that is read late because our loop was
// busy would blame the platform for our trouble, so an observation made while the loop lagged by
// more than a quarter of its budget is tainted: recorded, shown, and without a vote. Less than that
// cannot turn a good answer into a late one by itself. Pure; owned by Probing.
#pragma once

#include <deque>

#include "rules/base/time.h"
#include "rules/observation.h"

namespace vc {

class LagWatch {
  public:
    // `longest` is the largest budget of all channels: no observation looks back further than
    // three of it. Lags below a quarter of `shortest` can taint nothing and are not kept.
    LagWatch(Duration shortest, Duration longest) : shortest_(shortest), longest_(longest) {}

    // The loop woke up at `now`, `lag` after it should have.
    void woke(Instant now, Duration lag);

    // `expected_wake`: when the loop should wake up next. If that has passed when the observation
    // is made, the loop lags at this very moment, and nobody has said so yet.
    bool taints(const Observation& observation, Duration budget, Instant expected_wake) const;

  private:
    struct Lag {
        Instant at{};
        Duration lag{};
    };
    Duration shortest_;
    Duration longest_;
    std::deque<Lag> lags_;
};

}  // namespace vc
