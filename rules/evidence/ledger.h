// The votes of the last minutes, counted per slot and channel. An attempt counts in the slot in
// which it was due, whenever it ended: a cut at one moment then shows in the same slots of every
// channel, although a control probe gives up after 3 s and a transaction after 30.
//
// Owned by the engine; bounded by `kept`. Nothing here decides.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "rules/evidence/detector_rules.h"
#include "rules/record.h"

namespace vc {

using Counts = std::array<ChannelCount, all_channels.size()>;  // by Channel

inline ChannelCount& at(Counts& counts, Channel channel) {
    return counts[static_cast<std::size_t>(channel)];
}
inline const ChannelCount& at(const Counts& counts, Channel channel) {
    return counts[static_cast<std::size_t>(channel)];
}
void at(Counts&& counts, Channel channel) = delete;  // would dangle
Counts no_counts();
Counts sum(const Counts& a, const Counts& b);
inline std::uint32_t votes(const ChannelCount& count) {
    return count.good + count.bad;
}
// Those with anything in them, and back.
std::vector<ChannelCount> to_list(const Counts& counts);
Counts from_list(const std::vector<ChannelCount>& list);

// Good, bad and unvoting votes over the given channels.
ChannelCount pool(const Counts& counts, std::span<const Channel> channels);

struct Slot {
    Counts counts = no_counts();
    // Intended starts of the first and last failure of a channel that tells of the platform.
    Instant first_bad{};
    Instant last_bad{};
};

class Ledger {
  public:
    Ledger(const DetectorRules& rules, const std::vector<ChannelCadence>& cadences);

    // Counts an observation known at `now`. One whose slot has settled already comes too late and
    // is left out: what was judged stays judged.
    void add(const Observation& seen, Instant now);

    // Everything due before this is in, at `now`. A whole number of slots.
    Instant settled_at(Instant now) const;

    // [from, to), both whole slots.
    Counts between(Instant from, Instant to) const;
    const std::map<Instant, Slot>& slots() const { return slots_; }

    // How many attempts are due in so long a time.
    double expected(Channel channel, Duration over) const;
    bool configured(Channel channel) const { return expected(channel, rules_.block) > 0; }

    Instant slot_of(Instant t) const;
    Instant block_of(Instant t) const;
    Duration settle_lag() const { return settle_lag_; }

    void forget_before(Instant t);
    void clear() { slots_.clear(); }

  private:
    DetectorRules rules_;
    std::array<ChannelCadence, all_channels.size()> cadences_{};
    Duration settle_lag_{};
    std::map<Instant, Slot> slots_;
};

}  // namespace vc
