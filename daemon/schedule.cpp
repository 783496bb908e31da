#include "daemon/schedule.h"

#include "rules/base/check.h"

namespace vc {

std::size_t Schedule::add(const Entry& entry) {
    VC_CHECK(entry.every > Duration::zero(), "a probe has a period");
    const std::size_t number = entries_.size();
    entries_.push_back(entry);
    // Multiples of the golden ratio fill [0, 1) evenly however many there are (Weyl's sequence).
    constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;
    const std::uint64_t fraction = (golden * (number + 1)) >> 48;  // of 65536
    const Duration phase = (entry.every / 65536) * static_cast<std::int64_t>(fraction);
    queue_.push({number, start_ + phase});
    return number;
}

Schedule::Taken Schedule::take(Instant now) {
    Taken taken;
    while (!queue_.empty() && queue_.top().due <= now) {
        Due due = queue_.top();
        queue_.pop();
        const Duration every = entries_[due.entry].every;
        if (now - due.due > every) {
            taken.missed.push_back(due.entry);
        } else {
            taken.due.push_back(due);
        }
        due.due += every;
        queue_.push(due);
    }
    return taken;
}

std::optional<Instant> Schedule::next() const {
    if (queue_.empty()) return std::nullopt;
    return queue_.top().due;
}

}  // namespace vc
