#include "probes/redial.h"

#include <algorithm>
#include <utility>

namespace vc {

OpenAttempt Waiting::take() {
    OpenAttempt first = std::move(queue_.front());
    queue_.pop_front();
    return first;
}

void Waiting::set_phases(const std::vector<PhaseTime>& phases) {
    for (OpenAttempt& open : queue_)
        open.phases = phases;
}

std::vector<OpenAttempt> Waiting::take_expired(Instant now, std::optional<Instant> next_try) {
    const Instant until = next_try ? std::max(now, *next_try) : now;
    const auto ends = [until](const OpenAttempt& open) { return open.deadline <= until; };
    if (std::none_of(queue_.begin(), queue_.end(), ends)) return {};
    std::vector<OpenAttempt> over;
    std::deque<OpenAttempt> still;
    for (OpenAttempt& open : queue_) {
        if (ends(open)) {
            over.push_back(std::move(open));
        } else {
            still.push_back(std::move(open));
        }
    }
    queue_ = std::move(still);
    return over;
}

void Waiting::wake_by(std::optional<Instant>& wake_at) const {
    for (const OpenAttempt& open : queue_)
        vc::wake_by(wake_at, open.deadline);
}

bool Redial::begin(Instant now) {
    if (!wanted_ || (retry_at_ && now < *retry_at_)) return false;
    retry_at_.reset();
    began_ = now;
    return true;
}

std::optional<Instant> Redial::next_try(Instant now) const {
    return retry_at_ && now < *retry_at_ ? retry_at_ : std::nullopt;
}

void Redial::wake_by(std::optional<Instant>& wake_at) const {
    if (wanted_ && retry_at_) vc::wake_by(wake_at, *retry_at_);
}

std::optional<Duration> Redial::up(Instant now) {
    if (!missed_since_) return std::nullopt;
    return now - *std::exchange(missed_since_, std::nullopt);
}

Duration Redial::failed(End end, Instant now, bool none_shown) {
    if (!missed_since_) missed_since_ = began_;
    last_failure_ = end;
    const bool refused = end.outcome == Outcome::auth && !none_shown;
    retry_at_ = refused ? backoff_.after_refused_credentials(now) : backoff_.after_failure(now);
    return now - *missed_since_;
}

void Redial::lost(End end, Instant now) {
    missed_since_ = now;
    last_failure_ = end;
    retry_at_ = backoff_.after_failure(now);
}

}  // namespace vc
