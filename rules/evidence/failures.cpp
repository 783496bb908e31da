#include "rules/evidence/failures.h"

namespace vc {

void Failures::add(const Observation& seen) {
    if (vote_of(seen) != Vote::bad) return;
    std::deque<Failure>& failures = by_channel_[static_cast<std::size_t>(seen.channel)];
    failures.push_back({seen.id, seen.due});
    if (failures.size() > kept_) failures.pop_front();
}

std::vector<AttemptId> Failures::since(Instant since) const {
    std::vector<AttemptId> ids;
    for (const auto& failures : by_channel_) {
        for (const Failure& failure : failures) {
            if (failure.due >= since) ids.push_back(failure.id);
        }
    }
    return ids;
}

}  // namespace vc
