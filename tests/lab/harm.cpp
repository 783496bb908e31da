#include "tests/lab/harm.h"

#include <algorithm>
#include <boost/json.hpp>

namespace vc::lab {

void Harm::set(std::size_t charger, bool harmed) {
    constexpr std::size_t most_intervals = 10'000;
    if (harmed_[charger] == harmed) return;
    harmed_[charger] = harmed;
    count_ = harmed ? count_ + 1 : count_ - 1;
    const Instant now = agenda_.now();
    if (is_outage() && !open_) {
        outages_.push_back({now, now, count_});
        open_ = true;
    }
    if (open_) outages_.back().worst = std::max(outages_.back().worst, count_);
    if (open_ && !is_outage()) {
        outages_.back().to = now;
        open_ = false;
    }
    if (outages_.size() > most_intervals) {
        folded_ += outages_.front().to - outages_.front().from;
        outages_.pop_front();
    }
}

Duration Harm::outage() const {
    Duration sum = folded_;
    for (const Interval& one : outages_)
        sum += one.to - one.from;
    if (open_) sum += agenda_.now() - outages_.back().to;
    return sum;
}

boost::json::object Harm::to_json() const {
    boost::json::array intervals;
    for (const Interval& one : outages_) {
        const bool going_on = open_ && &one == &outages_.back();
        const Instant to = going_on ? agenda_.now() : one.to;
        intervals.push_back({{"from_ns", one.from.time_since_epoch().count()},
                             {"to_ns", to.time_since_epoch().count()},
                             {"seconds", seconds(to - one.from)},
                             {"going_on", going_on},
                             {"harmed_at_most", one.worst}});
    }
    return {{"harmed", count_}, {"outage_s", seconds(outage())}, {"outages", std::move(intervals)}};
}

}  // namespace vc::lab
