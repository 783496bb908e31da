#include "daemon/http/recent.h"

#include <algorithm>
#include <vector>

namespace vc {
namespace {

constexpr std::size_t attempts_max = 100;

// `sorted` is not empty.
Duration nearest_rank(const std::vector<Duration>& sorted, std::size_t percent) {
    const std::size_t rank = (percent * sorted.size() + 99) / 100;
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

void Recent::add(const Observation& observation) {
    auto& channel = channels_[observation.channel];
    channel.push_back({observation.outcome, observation.finished, observation.latency()});
    if (channel.size() > attempts_max) channel.pop_front();
    last_finish_ = std::max(last_finish_.value_or(observation.finished), observation.finished);
}

RecentFacts Recent::facts(Channel channel) const {
    RecentFacts facts;
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return facts;
    std::vector<Duration> answered;
    for (const One& one : found->second) {
        ++facts.attempts;
        if (vote_of(one.outcome) == Vote::bad) ++facts.bad;
        facts.last_outcome = one.outcome;
        facts.last_finish = one.finished;
        if (one.outcome != Outcome::ok && one.outcome != Outcome::late) continue;
        facts.last_latency = one.latency;
        answered.push_back(one.latency);
    }
    if (answered.empty()) return facts;
    std::sort(answered.begin(), answered.end());
    facts.p50 = nearest_rank(answered, 50);
    facts.p99 = nearest_rank(answered, 99);
    return facts;
}

}  // namespace vc
