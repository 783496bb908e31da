// When to connect again: at once after the first loss, then after 0.5, 1, 2, 4, 5, 5 ... s, and
// after refused credentials after 60 s. Every wait but the first is stretched by up to a tenth,
// seeded, so that a fleet that lost its connections together does not come back together.
#pragma once

#include <array>
#include <cstddef>

#include "probes/random.h"
#include "rules/base/time.h"

namespace vc {

class Backoff {
  public:
    explicit Backoff(std::uint64_t seed) : random_(seed) {}

    // The time of the next try after a failure at `now`.
    Instant after_failure(Instant now) {
        using namespace std::chrono_literals;
        static constexpr std::array<Duration, 6> steps{0s, 500ms, 1s, 2s, 4s, 5s};
        const Duration wait = steps[failures_];
        if (failures_ + 1 < steps.size()) ++failures_;
        return now + wait + random_.below(wait / 10);
    }

    Instant after_refused_credentials(Instant now) {
        using namespace std::chrono_literals;
        return now + 60s + random_.below(6s);
    }

    // The connection has proved its worth.
    void reset() { failures_ = 0; }

  private:
    Random random_;
    std::size_t failures_ = 0;
};

}  // namespace vc
