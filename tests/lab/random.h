// Seeded random numbers with a specified sequence: mt19937_64 is specified by the standard, the
// mapping to a range is ours (the standard's distributions are not specified). Every component has
// a stream of its own, split off by name, so a draw added in one place does not shift the others.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>

#include "rules/base/time.h"

namespace vc::lab {

class Random {
  public:
    Random(std::uint64_t seed, std::string_view component);

    double ratio() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }  // [0, 1)
    bool chance(double p) { return p >= 1 || (p > 0 && ratio() < p); }
    Duration below(Duration limit);

    // Heavy tail: P(X > x) = (scale/x)^alpha for x >= scale, cut at `cap`.
    Duration pareto(Duration scale, double alpha, Duration cap);

  private:
    std::mt19937_64 engine_;
};

}  // namespace vc::lab
