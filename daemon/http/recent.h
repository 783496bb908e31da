// The last attempts of each channel, for people who look now: round trips and how many went wrong.
// Bounded; owned by the App. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "rules/observation.h"

namespace vc {

struct RecentFacts {
    std::uint32_t attempts = 0;  // looked back upon, at most 100
    std::uint32_t bad = 0;       // of these, those that vote "bad"
    std::optional<Outcome> last_outcome;
    std::optional<Instant> last_finish;
    // Of the attempts that were answered right (ok or late); none when there are none. Nearest
    // rank: a latency that was really seen.
    std::optional<Duration> last_latency;
    std::optional<Duration> p50;
    std::optional<Duration> p99;
};

class Recent {
  public:
    void add(const Observation& observation);
    RecentFacts facts(Channel channel) const;
    // Of any channel.
    std::optional<Instant> last_finish() const { return last_finish_; }

  private:
    struct One {
        Outcome outcome = Outcome::ok;
        Instant finished{};
        Duration latency{};
    };
    std::map<Channel, std::deque<One>> channels_;
    std::optional<Instant> last_finish_;
};

}  // namespace vc
