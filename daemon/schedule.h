// When each probe is due: open loop. Due times are start + phase + n * every and never wait for an
// answer, so a slow target cannot slow the questions down. Pure; the caller brings the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "rules/base/time.h"
#include "rules/observation.h"

namespace vc {

class Schedule {
  public:
    struct Entry {
        Channel channel = Channel::CT;
        std::uint32_t target = 0;
        Duration every{};   // positive
        Duration budget{};  // goes into Attempt::budget
    };

    // One attempt that should have begun at `due`.
    struct Due {
        std::size_t entry = 0;  // what add() returned
        Instant due{};
    };

    explicit Schedule(Instant start) : start_(start) {}

    // Spreads first due times over the period, so that probes of one kind neither start together
    // nor beat against those of another. Returns the entry's number.
    std::size_t add(const Entry& entry);

    const Entry& entry(std::size_t number) const { return entries_[number]; }
    std::size_t size() const { return entries_.size(); }

    // Everything due at or before `now`, oldest first. A due time that is more than one whole
    // period in the past is not made up for but counted in `missed`: a burst of stale attempts
    // would measure us and load the platform.
    struct Taken {
        std::vector<Due> due;
        std::vector<std::size_t> missed;  // entry number, once per due time that was skipped
    };
    Taken take(Instant now);

    // When the next attempt is due; nothing when there are no entries.
    std::optional<Instant> next() const;

  private:
    struct Later {
        bool operator()(const Due& a, const Due& b) const {
            return a.due != b.due ? a.due > b.due : a.entry > b.entry;
        }
    };

    Instant start_;
    std::vector<Entry> entries_;
    std::priority_queue<Due, std::vector<Due>, Later> queue_;
};

}  // namespace vc
