#include "rules/evidence/ledger.h"

#include <algorithm>

#include "rules/base/check.h"

namespace vc {
namespace {

Instant floor_to(Instant t, Duration step) {
    const std::int64_t ns = t.time_since_epoch().count();
    std::int64_t whole = ns / step.count();
    if (ns % step.count() < 0) --whole;
    return Instant{step * whole};
}

bool tells_of_platform(Channel channel) {
    switch (channel) {
        case Channel::BH:
        case Channel::HB:
        case Channel::TX:
        case Channel::DL:
        case Channel::DF:
            return true;
        case Channel::CT:
        case Channel::SL:
        case Channel::SF:
        case Channel::SC:
        case Channel::DX:
        case Channel::SX:
        case Channel::DM:
        case Channel::SM:
            return false;
    }
    return false;
}

}  // namespace

Counts no_counts() {
    Counts counts{};
    for (const Channel channel : all_channels)
        at(counts, channel).channel = channel;
    return counts;
}

Counts sum(const Counts& a, const Counts& b) {
    Counts out = a;
    for (const Channel channel : all_channels) {
        at(out, channel).good += at(b, channel).good;
        at(out, channel).bad += at(b, channel).bad;
        at(out, channel).unvoting += at(b, channel).unvoting;
    }
    return out;
}

std::vector<ChannelCount> to_list(const Counts& counts) {
    std::vector<ChannelCount> list;
    for (const ChannelCount& count : counts) {
        if (count.good + count.bad + count.unvoting > 0) list.push_back(count);
    }
    return list;
}

Counts from_list(const std::vector<ChannelCount>& list) {
    Counts counts = no_counts();
    for (const ChannelCount& count : list)
        at(counts, count.channel) = count;
    return counts;
}

ChannelCount pool(const Counts& counts, std::span<const Channel> channels) {
    ChannelCount out;
    for (const Channel channel : channels) {
        out.good += at(counts, channel).good;
        out.bad += at(counts, channel).bad;
        out.unvoting += at(counts, channel).unvoting;
    }
    return out;
}

Ledger::Ledger(const DetectorRules& rules, const std::vector<ChannelCadence>& cadences)
    : rules_(rules) {
    Duration slowest{};
    for (const ChannelCadence& cadence : cadences) {
        cadences_[static_cast<std::size_t>(cadence.channel)] = cadence;
        slowest = std::max(slowest, cadence.budget);
    }
    settle_lag_ = 3 * slowest + rules.settle_margin;
}

void Ledger::add(const Observation& seen, Instant now) {
    // A start in the future would be our own scheduler's slip; it counts as due now.
    const Instant due = std::min(seen.due, now);
    const Instant slot_start = slot_of(due);
    if (slot_start < settled_at(now)) return;
    Slot& slot = slots_[slot_start];
    ChannelCount& count = at(slot.counts, seen.channel);
    const Vote vote = vote_of(seen);
    switch (vote) {
        case Vote::good:
            ++count.good;
            break;
        case Vote::none:
            ++count.unvoting;
            break;
        case Vote::bad:
            ++count.bad;
            if (!tells_of_platform(seen.channel)) break;
            if (slot.first_bad == Instant{} || due < slot.first_bad) slot.first_bad = due;
            slot.last_bad = std::max(slot.last_bad, due);
            break;
    }
}

Instant Ledger::settled_at(Instant now) const {
    return slot_of(now - settle_lag_);
}

Counts Ledger::between(Instant from, Instant to) const {
    Counts counts = no_counts();
    for (auto it = slots_.lower_bound(from); it != slots_.end() && it->first < to; ++it)
        counts = sum(counts, it->second.counts);
    return counts;
}

double Ledger::expected(Channel channel, Duration over) const {
    const ChannelCadence& cadence = cadences_[static_cast<std::size_t>(channel)];
    if (cadence.every <= Duration::zero()) return 0;
    return static_cast<double>(cadence.targets) * seconds(over) / seconds(cadence.every);
}

Instant Ledger::slot_of(Instant t) const {
    return floor_to(t, rules_.slot);
}
Instant Ledger::block_of(Instant t) const {
    return floor_to(t, rules_.block);
}

void Ledger::forget_before(Instant t) {
    slots_.erase(slots_.begin(), slots_.lower_bound(t));
}

}  // namespace vc
