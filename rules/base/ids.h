// Identities as distinct types, so that one cannot be passed for another.
#pragma once

#include <compare>
#include <cstdint>

namespace vc {

template <class Tag>
struct Id {
    std::uint64_t value = 0;  // 0 means "none"
    explicit operator bool() const { return value != 0; }
    friend auto operator<=>(const Id&, const Id&) = default;
};

using AttemptId = Id<struct AttemptTag>;    // one attempt of a probe, and the observation it became
using IncidentId = Id<struct IncidentTag>;  // one incident, from first suspicion to its close
using Epoch = Id<struct EpochTag>;  // one migration; strictly rising over the journal's life

}  // namespace vc
