#include "probes/amqp/session.h"

#include <utility>

namespace vc {

Phase AmqpSession::Flight::phase() const {
    if (!settled) return Phase::send_settle;
    return received_at ? Phase::complete_settle : Phase::send_receive;
}

AmqpSession::AmqpSession(AmqpProbeOptions options)
    : options_(std::move(options)), roundtrip_(options_.run), backoff_(options_.seed) {}

SessionOutput AmqpSession::start(const Attempt& attempt, Instant now) {
    OpenAttempt open = ledger_.open(attempt, now);
    if (stopping_ || ledger_.full()) {
        finish(std::move(open), {Outcome::abandoned, Phase::none}, now);
    } else {
        waiting_.push_back(std::move(open));
        wanted_ = true;
    }
    return drive(now);
}

SessionOutput AmqpSession::on_connect(Leg, const ConnectResult& result, Instant now) {
    if (link_ != Link::connecting) return drive(now);
    effort_.add(result.phases, now);
    if (result.outcome != Outcome::ok) {
        link_ = Link::down;
        connection_failed({result.outcome, result.phase}, now);
        return drive(now);
    }
    ++counted_.connects;
    link_ = Link::opening;
    link_since_ = now;
    amqp_ = std::make_unique<AmqpLink>(options_.connection, options_.entity, now);
    return drive(now);
}

SessionOutput AmqpSession::on_bytes(Leg, std::string_view bytes, Instant now) {
    if (amqp_) amqp_->receive(bytes, now);
    return drive(now);
}

SessionOutput AmqpSession::on_deadline(Instant now) {
    if (amqp_ && amqp_->engine().wake_at() && now >= *amqp_->engine().wake_at()) amqp_->tick(now);
    return drive(now);
}

SessionOutput AmqpSession::on_close(Leg, CloseReason reason, Instant now) {
    if (reason != CloseReason::asked) drop({Outcome::reset, end_of_wait().phase}, now);
    close_ = false;
    link_ = Link::down;
    amqp_.reset();
    return drive(now);
}

SessionOutput AmqpSession::stop(Instant now) {
    stopping_ = true;
    wanted_ = false;
    fail_waiting({Outcome::abandoned, Phase::none}, now);
    while (!flights_.empty()) {
        end_flight(flights_.begin()->first, {Outcome::abandoned, Phase::none}, now);
    }
    SessionOutput out;
    if (amqp_ && link_ == Link::ready) {
        amqp_->close();
        out.only().bytes = amqp_->engine().take_bytes();
    }
    if (link_ != Link::down) out.only().connection = Want::close;
    if (link_ != Link::down) link_ = Link::closing;
    out.observations = std::exchange(seen_, {});
    return out;
}

bool AmqpSession::idle() const {
    return ledger_.open_attempts() == 0 && (!stopping_ || link_ == Link::down);
}

SessionCounters AmqpSession::counters() const {
    SessionCounters sum = counted_;
    ledger_.count_into(sum);
    return sum;
}

SessionOutput AmqpSession::drive(Instant now) {
    handle_events(now);
    expire(now);
    send_waiting(now);
    SessionOutput out;
    if (amqp_ && link_ != Link::closing) out.only().bytes = amqp_->engine().take_bytes();
    if (std::exchange(close_, false)) out.only().connection = Want::close;
    if (connect_when_due(now)) out.only().connection = Want::open;
    out.observations = std::exchange(seen_, {});
    out.wake_at = wake_at();
    return out;
}

bool AmqpSession::connect_when_due(Instant now) {
    if (link_ != Link::down || !wanted_) return false;
    if (retry_at_ && now < *retry_at_) return false;
    retry_at_.reset();
    link_ = Link::connecting;
    effort_.start(now);
    return true;
}

std::optional<Instant> AmqpSession::wake_at() const {
    std::optional<Instant> at;
    for (const OpenAttempt& open : waiting_)
        wake_by(at, open.deadline);
    for (const auto& [number, flight] : flights_)
        wake_by(at, flight.open.deadline);
    if (link_ == Link::down && wanted_ && retry_at_) wake_by(at, *retry_at_);
    if (link_ == Link::opening) wake_by(at, link_since_ + options_.open_timeout);
    if (amqp_ && link_ != Link::closing && amqp_->engine().wake_at()) {
        wake_by(at, *amqp_->engine().wake_at());
    }
    return at;
}

void AmqpSession::handle_events(Instant now) {
    if (!amqp_ || link_ == Link::closing) return;
    if (link_ == Link::opening && amqp_->ready()) {
        link_ = Link::ready;
        effort_.add(amqp_->phases(), now);
        for (OpenAttempt& open : waiting_)
            open.phases = effort_.phases();
    }
    // Accepting a message may complete it at once, which makes new events.
    for (auto events = amqp_->take_events(); !events.empty(); events = amqp_->take_events()) {
        for (const AmqpEvent& event : events) {
            if (event.kind == AmqpEvent::Kind::settled) on_settled(event, now);
            if (event.kind == AmqpEvent::Kind::message) on_message(event, now);
            if (event.kind == AmqpEvent::Kind::completed) on_completed(event.delivery, now);
        }
    }
    if (amqp_->broken()) {
        if (amqp_->broke_protocol()) ++counted_.malformed;
        drop({amqp_->broken()->outcome, end_of_wait().phase}, now);
    }
}

void AmqpSession::on_settled(const AmqpEvent& event, Instant now) {
    const auto found = flights_.find(event.tag);
    if (found == flights_.end()) {
        // Of an attempt that has ended: an acceptance is a late one.
        ++(event.disposition == Disposition::accepted ? counted_.late_answers : counted_.unmatched);
        return;
    }
    Flight& flight = found->second;
    flight.open.phases.push_back({Phase::send_settle, now - flight.sent_at});
    const Outcome outcome = outcome_of_settlement(event);
    if (outcome != Outcome::ok) {
        end_flight(event.tag, {outcome, Phase::send_settle}, now);
        return;
    }
    flight.settled = true;
    end_if_done(event.tag, now);
}

void AmqpSession::on_message(const AmqpEvent& event, Instant now) {
    const auto [arrival, number] = roundtrip_.received(event.text, counted_.connects);
    switch (arrival) {
        case Roundtrip::Arrival::first: {
            const auto found = flights_.find(number);
            if (found == flights_.end()) break;
            Flight& flight = found->second;
            flight.received_at = now;
            flight.open.phases.push_back({Phase::send_receive, now - flight.sent_at});
            deliveries_[event.delivery] = number;
            break;
        }
        case Roundtrip::Arrival::late:
            ++counted_.late_answers;
            break;
        case Roundtrip::Arrival::duplicate: {
            ++counted_.duplicates;
            const auto found = flights_.find(number);
            if (found != flights_.end()) found->second.twice = true;
            break;
        }
        case Roundtrip::Arrival::redelivered:
            break;
        case Roundtrip::Arrival::foreign:
            ++counted_.unmatched;
            break;
    }
    amqp_->accept(event.delivery, now);
}

void AmqpSession::on_completed(std::uint64_t delivery, Instant now) {
    const auto found = deliveries_.find(delivery);
    if (found == deliveries_.end()) return;
    const std::uint64_t number = found->second;
    deliveries_.erase(found);
    const auto flying = flights_.find(number);
    if (flying == flights_.end()) return;
    Flight& flight = flying->second;
    flight.completed = true;
    flight.open.phases.push_back({Phase::complete_settle, now - flight.received_at.value_or(now)});
    end_if_done(number, now);
}

void AmqpSession::end_if_done(std::uint64_t number, Instant now) {
    const Flight& flight = flights_.at(number);
    if (!flight.settled || !flight.completed) return;
    backoff_.reset();
    const bool twice = flight.twice;
    end_flight(number, twice ? End{Outcome::duplicate, Phase::send_receive} : End{}, now);
}

void AmqpSession::send_waiting(Instant now) {
    if (link_ != Link::ready) return;
    while (!waiting_.empty() && amqp_->engine().may_send()) {
        Flight flight;
        flight.open = std::move(waiting_.front());
        flight.sent_at = now;
        waiting_.pop_front();
        const std::uint64_t number = roundtrip_.issue();
        amqp_->engine().send(number, roundtrip_.body(number));
        flights_.emplace(number, std::move(flight));
    }
}

// In which phase somebody is who has not sent yet, and how that ends when nothing more comes.
End AmqpSession::end_of_wait() const {
    switch (link_) {
        case Link::down:
        case Link::closing:
            return last_failure_;
        case Link::connecting:
            return {Outcome::timeout, Phase::tcp};
        case Link::opening:
            return {Outcome::timeout, amqp_->phase()};
        case Link::ready:
            return {Outcome::timeout, Phase::credit};
    }
    return last_failure_;
}

void AmqpSession::expire(Instant now) {
    std::vector<std::uint64_t> over;
    for (const auto& [number, flight] : flights_) {
        if (now >= flight.open.deadline) over.push_back(number);
    }
    for (const std::uint64_t number : over) {
        const Phase phase = flights_.at(number).phase();
        const bool lost = phase == Phase::send_receive && roundtrip_.overtaken(number);
        end_flight(number, {lost ? Outcome::lost : Outcome::timeout, phase}, now);
    }
    const bool no_try_in_time = link_ == Link::down && retry_at_ && now < *retry_at_;
    std::deque<OpenAttempt> still;
    for (OpenAttempt& open : waiting_) {
        if (now >= open.deadline || (no_try_in_time && *retry_at_ >= open.deadline)) {
            if (link_ != Link::ready) open.phases = effort_.phases();
            finish(std::move(open), end_of_wait(), now);
        } else {
            still.push_back(std::move(open));
        }
    }
    waiting_ = std::move(still);
    if (link_ == Link::opening && now >= link_since_ + options_.open_timeout) {
        drop({Outcome::timeout, amqp_->phase()}, now);
    }
}

void AmqpSession::end_flight(std::uint64_t number, End end, Instant now) {
    const auto found = flights_.find(number);
    OpenAttempt open = std::move(found->second.open);
    flights_.erase(found);
    roundtrip_.give_up(number);
    finish(std::move(open), end, now);
}

// The connection is of no more use. What is in flight ends with it; what waits on a ready
// connection waits for the next one, and what waited for it to become ready ends.
void AmqpSession::drop(End end, Instant now) {
    if (link_ == Link::down || link_ == Link::closing) return;
    const bool ready = link_ == Link::ready;
    if (link_ == Link::opening) effort_.add(amqp_->phases(), now);
    if (ready) ++counted_.drops;
    link_ = Link::closing;
    close_ = true;
    deliveries_.clear();
    while (!flights_.empty()) {
        const auto& [number, flight] = *flights_.begin();
        end_flight(number, {end.outcome, flight.phase()}, now);
    }
    if (ready) {
        last_failure_ = end;
        retry_at_ = backoff_.after_failure(now);
    } else {
        connection_failed(end, now);
    }
}

void AmqpSession::connection_failed(End end, Instant now) {
    last_failure_ = end;
    fail_waiting(end, now);
    retry_at_ = end.outcome == Outcome::auth ? backoff_.after_refused_credentials(now)
                                             : backoff_.after_failure(now);
}

void AmqpSession::fail_waiting(End end, Instant now) {
    for (OpenAttempt& open : std::exchange(waiting_, {})) {
        if (end.outcome != Outcome::abandoned) open.phases = effort_.phases();
        finish(std::move(open), end, now);
    }
}

void AmqpSession::finish(OpenAttempt open, End end, Instant now) {
    seen_.push_back(ledger_.close(std::move(open), end, now));
}

}  // namespace vc
