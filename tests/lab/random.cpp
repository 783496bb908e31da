#include "tests/lab/random.h"

#include <algorithm>
#include <cmath>

namespace vc::lab {
namespace {

std::uint64_t stream_seed(std::uint64_t seed, std::string_view component) {
    // FNV-1a over the name, then one round of SplitMix64 so that near seeds give far streams.
    std::uint64_t hash = 14695981039346656037ull;
    for (const char c : component)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    std::uint64_t mixed = hash + seed * 0x9E3779B97F4A7C15ull;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBull;
    return mixed ^ (mixed >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view component)
    : engine_(stream_seed(seed, component)) {}

Duration Random::below(Duration limit) {
    return Duration{static_cast<std::int64_t>(static_cast<double>(limit.count()) * ratio())};
}

Duration Random::pareto(Duration scale, double alpha, Duration cap) {
    const double left = 1.0 - ratio();  // (0, 1]
    const double value = static_cast<double>(scale.count()) * std::pow(left, -1.0 / alpha);
    return Duration{static_cast<std::int64_t>(std::min(value, static_cast<double>(cap.count())))};
}

}  // namespace vc::lab
