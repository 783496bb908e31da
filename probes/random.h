// A seeded stream of numbers whose output is the same everywhere: SplitMix64 (Steele, Lea, Flood,
// "Fast splittable pseudorandom number generators", 2014). For jitter and masking keys, not for
// secrets. The seed comes from outside, so that a run can be repeated.
#pragma once

#include <cstdint>

#include "rules/base/time.h"

namespace vc {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

    // From zero up to, but without, `bound`; zero when the bound is not positive.
    Duration below(Duration bound) {
        if (bound <= Duration::zero()) return Duration::zero();
        return Duration{
            static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(bound.count()))};
    }

  private:
    std::uint64_t state_;
};

}  // namespace vc
