// The last failing attempts of each channel: what an incident and a diagnosis cite. Bounded.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <vector>

#include "rules/observation.h"

namespace vc {

class Failures {
  public:
    explicit Failures(std::uint32_t kept) : kept_(kept) {}

    void add(const Observation& seen);
    // Those due since `since`, channel by channel, oldest first.
    std::vector<AttemptId> since(Instant since) const;

  private:
    struct Failure {
        AttemptId id;
        Instant due{};
    };
    std::size_t kept_;
    std::array<std::deque<Failure>, all_channels.size()> by_channel_;
};

}  // namespace vc
