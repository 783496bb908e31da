// The fresh legs of an AmqpSession, and the attempts of F and X that take turns on them.
#include <algorithm>
#include <utility>

#include "probes/amqp/outcome.h"
#include "probes/amqp/phases.h"
#include "probes/amqp/session.h"

namespace vc {

void AmqpSession::take_turns(Instant now) {
    if (turn_) step_turn(now);
    for (OpenAttempt& open : turns_.take_expired(now, std::nullopt)) {
        // Those before it used its time up.
        finish(std::move(open), {{Outcome::timeout, Phase::tcp}, {}, {}}, now);
    }
    const bool free = !turn_ && legs_[fresh_send].down() && legs_[fresh_recv].down();
    if (free && !turns_.empty()) begin_turn(now);
}

void AmqpSession::begin_turn(Instant now) {
    turn_.emplace();
    turn_->open = turns_.take();
    const Channel channel = turn_->open.attempt.channel;
    if (channel == Channel::DX || channel == Channel::SX) {
        if (cross_reversed_) {
            turn_->recv = kept_recv;
        } else {
            turn_->send = kept_send;
        }
        cross_reversed_ = !cross_reversed_;
    }
    for (const Leg leg : {turn_->send, turn_->recv}) {
        if (leg < kept_legs) {
            redial_[leg].want();
        } else {
            legs_[leg].open(now, connect_time(turn_->open.deadline - now));
        }
    }
    // A kept leg that was never wanted before begins at once.
    keep(now);
}

void AmqpSession::step_turn(Instant now) {
    if (turn_->number == 0) {
        prepare(turn_->send, now);
        prepare(turn_->recv, now);
    }
    for (Leg leg = 0; leg < peeking; ++leg) {
        if (turn_ && turn_->uses(leg)) check_turn(leg, now);
    }
    if (!turn_) return;
    if (turn_->arrived) return close_turn(now);
    if (turn_->number != 0) return;
    const Leg from = turn_->send;
    const Leg to = turn_->recv;
    if (turn_ready(from) && turn_ready(to) && legs_[from].connection().may_send(*turn_use(from))) {
        turn_->open.phases = turn_phases();
        turn_->number = send(turn_->open, from, *turn_use(from), to, now);
        return;
    }
    const auto hopeless = [&](Leg leg) {
        const auto next =
            leg < kept_legs && legs_[leg].down() ? redial_[leg].next_try(now) : std::nullopt;
        return next && *next >= turn_->open.deadline;
    };
    if (now < turn_->open.deadline && !hopeless(from) && !hopeless(to)) return;
    const auto send_stuck = turn_stuck(from);
    const auto recv_stuck = turn_stuck(to);
    end_turn(send_stuck || recv_stuck ? stuck_between(send_stuck, recv_stuck)
                                      : Ending{{Outcome::timeout, Phase::credit}, {}, {}},
             now);
}

// Says what a leg is wanted for once it is up.
void AmqpSession::prepare(Leg leg, Instant now) {
    if (!legs_[leg].up()) return;
    AmqpConnection& connection = legs_[leg].connection();
    if (leg == kept_send && kept_ready(leg)) {
        if (!cross_use_) {
            turn_->sends_anew = true;
            cross_use_ = connection.add(AmqpUse::send, options_.fresh_entity, now);
        } else if (connection.failed(*cross_use_) && !std::exchange(turn_->sends_anew, true)) {
            connection.again(*cross_use_, now);
        }
    }
    if (leg == fresh_send && !std::exchange(turn_->sender_added, true)) {
        const bool crosses = turn_->recv == kept_recv;
        connection.add(AmqpUse::send, crosses ? options_.entity : options_.fresh_entity, now);
    }
    if (leg == fresh_recv && !std::exchange(turn_->receiver_added, true)) {
        connection.add(AmqpUse::receive, options_.fresh_entity, now);
    }
}

void AmqpSession::check_turn(Leg leg, Instant now) {
    if (!legs_[leg].up()) return;
    const AmqpConnection& connection = legs_[leg].connection();
    if (leg >= kept_legs && connection.broken()) {
        leg_failed(leg, {connection.broken()->outcome, Phase::none}, false, now);
        return;
    }
    // Of the kept receiver it is seen with its leg; and links may go before their connection.
    const auto use = turn_use(leg);
    if (leg == kept_recv || !use || turn_->arrived || !connection.failed(*use)) return;
    turn_failed(leg, {*connection.failed(*use), connection.phase(*use)}, now);
}

// A message of the turn came back and was completed: what was opened for it is closed in order.
void AmqpSession::turn_arrived(OpenAttempt open, bool twice, Instant now) {
    turn_->open = std::move(open);
    turn_->arrived = true;
    turn_->twice = twice;
    turn_->closing_since = now;
    for (const Leg leg : {fresh_send, fresh_recv}) {
        if (turn_->uses(leg) && legs_[leg].up()) legs_[leg].connection().close();
    }
}

void AmqpSession::close_turn(Instant now) {
    const bool open =
        std::any_of(legs_.begin() + fresh_send, legs_.begin() + peeking,
                    [](const AmqpLeg& leg) { return leg.up() && !leg.connection().closed(); });
    if (!open) {
        turn_->open.phases.push_back({Phase::close, now - turn_->closing_since});
        end_turn({turn_->twice ? End{Outcome::duplicate, Phase::send_receive} : End{}, {}, {}},
                 now);
    } else if (now >= turn_->open.deadline) {
        end_turn({{Outcome::timeout, Phase::close}, {}, turn_->closing_since}, now);
    }
}

// A leg of the turn is of no more use to it.
void AmqpSession::turn_failed(Leg leg, End end, Instant now) {
    const bool sends = leg == turn_->send;
    const Direction half = sends ? Direction::send : Direction::recv;
    if (turn_->arrived) {
        end_turn({{end.outcome, Phase::close}, {}, {}}, now);
    } else if (turn_->number == 0) {
        if (end.phase == Phase::none) end.phase = stuck_at(leg, turn_use(leg)).end.phase;
        const bool other_ready = turn_ready(sends ? turn_->recv : turn_->send);
        end_turn({end, other_ready ? half : half_of(end.phase), {}}, now);
    } else {
        const Flight& flight = flights_.at(turn_->number);
        // Once it is settled, nothing more is due over the connection that sent it.
        if (sends && flight.settled_at) {
            if (leg >= kept_legs && legs_[leg].up()) legs_[leg].close();
            return;
        }
        const Phase phase =
            sends ? Phase::send_settle : std::max(flight.phase(), Phase::send_receive);
        end_flight(turn_->number, {{end.outcome, phase}, half, {}}, now);
    }
}

void AmqpSession::end_turn(const Ending& ending, Instant now) {
    Turn turn = std::move(*turn_);
    if (turn.number == 0 && ending.end.outcome != Outcome::abandoned) {
        turn.open.phases = turn_phases();
    }
    turn_.reset();
    if (turn.number != 0 && flights_.erase(turn.number) > 0) roundtrip_.give_up(turn.number);
    for (const Leg leg : {fresh_send, fresh_recv}) {
        const AmqpLeg::State state = legs_[leg].state();
        if (state == AmqpLeg::State::up || state == AmqpLeg::State::connecting) legs_[leg].close();
    }
    finish(std::move(turn.open), ending, now);
}

// What the turn uses a leg for, once that has been said.
std::optional<AmqpConnection::Use> AmqpSession::turn_use(Leg leg) const {
    switch (leg) {
        case kept_send:
            return cross_use_;
        case kept_recv:
            return Use{0};
        case fresh_send:
            return turn_->sender_added ? std::optional<Use>(0) : std::nullopt;
        default:
            return turn_->receiver_added ? std::optional<Use>(0) : std::nullopt;
    }
}

bool AmqpSession::turn_ready(Leg leg) const {
    const auto use = turn_use(leg);
    return use && legs_[leg].up() && !legs_[leg].connection().failed(*use) &&
           legs_[leg].connection().ready(*use);
}

std::optional<AmqpSession::Ending> AmqpSession::turn_stuck(Leg leg) const {
    if (turn_ready(leg)) return std::nullopt;
    return stuck_at(leg, turn_use(leg));
}

std::vector<PhaseTime> AmqpSession::turn_phases() const {
    std::vector<PhaseTime> phases;
    for (const Leg leg : {fresh_send, fresh_recv}) {
        if (turn_->uses(leg)) merge_longest(phases, legs_[leg].phases(0));
    }
    if (turn_->uses(kept_send) && turn_->sends_anew && cross_use_ && legs_[kept_send].up()) {
        merge_longest(phases, legs_[kept_send].connection().own_phases(*cross_use_));
    }
    return phases;
}

}  // namespace vc
