#include "probes/fresh.h"

#include <utility>

namespace vc {

SessionOutput FreshSession::start(const Attempt& attempt, Instant now) {
    OpenAttempt open = ledger_.open(attempt, now);
    if (stopped_ || ledger_.full()) {
        finish(std::move(open), {Outcome::abandoned, Phase::none}, now);
    } else {
        waiting_.push_back(std::move(open));
    }
    return drive(now);
}

SessionOutput FreshSession::on_connect(Leg, const ConnectResult& result, Instant now) {
    if (link_ != Link::connecting) return drive(now);
    if (current_) current_->phases = result.phases;
    if (result.outcome != Outcome::ok) {
        link_ = Link::down;
        finish_current({result.outcome, result.phase}, now);
        return drive(now);
    }
    ++counted_.connects;
    link_ = Link::talking;
    dialogue_ = make_(current_->attempt);
    dialogue_->on_connect(now);
    return drive(now);
}

SessionOutput FreshSession::on_bytes(Leg, std::string_view bytes, Instant now) {
    if (link_ == Link::talking) dialogue_->on_bytes(bytes, now);
    return drive(now);
}

SessionOutput FreshSession::on_deadline(Instant now) {
    if (link_ == Link::talking) dialogue_->on_time(now);
    return drive(now);
}

SessionOutput FreshSession::on_close(Leg, CloseReason reason, Instant now) {
    if (link_ == Link::talking && current_) {
        const auto meant =
            reason == CloseReason::peer_closed ? dialogue_->on_eof(now) : std::nullopt;
        if (!meant) ++counted_.drops;
        finish_current(meant.value_or(End{outcome_of_close(reason), dialogue_->phase()}), now);
    }
    if (dialogue_) dialogue_->count_into(counted_);
    dialogue_.reset();
    link_ = Link::down;
    return drive(now);
}

SessionOutput FreshSession::abandon(Instant now) {
    stopped_ = true;
    for (OpenAttempt& open : std::exchange(waiting_, {})) {
        finish(std::move(open), {Outcome::abandoned, Phase::none}, now);
    }
    finish_current({Outcome::abandoned, Phase::none}, now);
    SessionOutput out = drive(now);
    if (link_ != Link::down) out.only().connection = Want::close;
    if (link_ != Link::down) link_ = Link::closing;
    return out;
}

SessionCounters FreshSession::counters() const {
    SessionCounters sum = counted_;
    ledger_.count_into(sum);
    return sum;
}

SessionOutput FreshSession::drive(Instant now) {
    SessionOutput out;
    if (link_ == Link::talking) {
        out.only().bytes = dialogue_->take_bytes();
        if (current_ && dialogue_->end()) finish_current(*dialogue_->end(), now);
    }
    if (current_ && now >= current_->deadline) {
        const Phase phase = link_ == Link::talking ? dialogue_->phase() : Phase::tcp;
        finish_current({Outcome::timeout, phase}, now);
    }
    if (!current_ && (link_ == Link::talking || link_ == Link::connecting)) {
        link_ = Link::closing;
        out.only().connection = Want::close;
    }
    while (!waiting_.empty() && now >= waiting_.front().deadline) {
        // Those before it used its time up.
        finish(std::move(waiting_.front()), {Outcome::timeout, Phase::tcp}, now);
        waiting_.pop_front();
    }
    if (link_ == Link::down && !waiting_.empty()) {
        current_ = std::move(waiting_.front());
        waiting_.pop_front();
        link_ = Link::connecting;
        out.only().connection = Want::open;
    }
    if (current_) wake_by(out.wake_at, current_->deadline);
    for (const OpenAttempt& open : waiting_)
        wake_by(out.wake_at, open.deadline);
    if (link_ == Link::talking && dialogue_->wake_at()) {
        wake_by(out.wake_at, *dialogue_->wake_at());
    }
    out.observations = std::exchange(seen_, {});
    return out;
}

void FreshSession::finish_current(End end, Instant now) {
    if (!current_) return;
    if (dialogue_) {
        const auto phases = dialogue_->phases();
        current_->phases.insert(current_->phases.end(), phases.begin(), phases.end());
    }
    finish(*std::exchange(current_, std::nullopt), end, now);
}

void FreshSession::finish(OpenAttempt open, End end, Instant now) {
    seen_.push_back(ledger_.close(std::move(open), end, now));
}

}  // namespace vc
