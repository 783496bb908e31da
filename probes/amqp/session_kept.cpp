// The kept legs of an AmqpSession: brought up, watched and made again, and the attempts of L that
// wait for them.
#include <algorithm>
#include <utility>

#include "probes/amqp/phases.h"
#include "probes/amqp/session.h"

namespace vc {
void AmqpSession::keep(Instant now) {
    if (kept_ready(kept_send) && kept_ready(kept_recv)) {
        if (!effort_.empty()) waiting_.set_phases(std::exchange(effort_, {}));
        send_waiting(now);
    }
    mind_credit(now);
    expire_waiting(now);
    for (Leg leg = 0; leg < kept_legs; ++leg) {
        if (!legs_[leg].down() || !redial_[leg].begin(now)) continue;
        legs_[leg].open(now, connect_time(3 * kept_budget_));
    }
}

void AmqpSession::bring_up(Leg leg, Instant now) {
    yield_[leg] = {};
    legs_[leg].connection().add(leg == kept_send ? AmqpUse::send : AmqpUse::receive,
                                options_.entity, now);
}

// While it is up.
void AmqpSession::check_kept(Leg leg, Instant now) {
    mind_credit(now);
    const AmqpConnection& connection = legs_[leg].connection();
    const Phase phase = connection.phase(0);
    if (const auto broken = connection.broken()) {
        const bool planned = broken->planned && is_housekeeping(leg, std::nullopt, now);
        if (broken->planned && !planned) return fail_for_announcements(leg, now);
        const Phase step = broken->phase == Phase::none ? phase : broken->phase;
        leg_failed(leg, {broken->outcome, step}, planned, now);
    } else if (connection.failed(0)) {
        leg_failed(leg, {*connection.failed(0), phase}, false, now);
    } else if (of_use_[leg]) {
        // Ready, with or without credit, or its link is being attached again.
        if (now < up_deadline(leg)) return;
        if (phase == Phase::none) return give_up(leg, Phase::credit, *yield_[leg].dry_since, now);
        leg_failed(leg, {Outcome::timeout, phase}, false, now);
    } else if (phase == Phase::none) {
        of_use_[leg] = true;
        merge_longest(effort_, legs_[leg].phases(0));
        if (const auto took = redial_[leg].up(now)) {
            reconnected(leg, {}, planned_[leg], *took);
        }
    } else if (now >= up_deadline(leg)) {
        leg_failed(leg, {Outcome::timeout, phase}, false, now);
    }
}

// When a leg that is up and not ready, or may not send, is given up, whoever waits for it.
Instant AmqpSession::up_deadline(Leg leg) const {
    const AmqpConnection& connection = legs_[leg].connection();
    if (!of_use_[leg]) return legs_[leg].since() + 3 * kept_budget_;
    if (!connection.ready(0)) return connection.phase_since(0) + 3 * kept_budget_;
    const auto& dry_since = yield_[leg].dry_since;
    return dry_since ? *dry_since + 3 * kept_budget_ : Instant::max();
}

// The connection is of no more use, or could not be made. What was sent over it and waits for an
// answer ends with it; what waits to be sent waits for the next, unless this one never was of use.
void AmqpSession::kept_failed(Leg leg, End end, bool planned, Instant now) {
    const Direction half = leg == kept_send ? Direction::send : Direction::recv;
    if (end.phase == Phase::none) {
        const auto stuck = kept_stuck(leg);
        end.phase = stuck              ? stuck->end.phase
                    : leg == kept_send ? Phase::credit
                                       : Phase::attach_recv;
    }
    if (std::exchange(of_use_[leg], false)) {
        ++counted_.drops;
        redial_[leg].lost(end, now);
        planned_[leg] = planned;
        flights_lost(leg, std::nullopt, end.outcome, planned, now);
    } else {
        const bool no_token = legs_[leg].up() && legs_[leg].connection().broken() &&
                              legs_[leg].connection().broken()->no_token;
        reconnected(leg, end, planned, redial_[leg].failed(end, now, no_token));
        const bool other_ready = kept_ready(leg == kept_send ? kept_recv : kept_send);
        const Ending ending{end, other_ready ? half : half_of(end.phase), {}};
        // Whom the peer told that it closes, finds it open again in time, or not.
        if (!planned) fail_waiting(ending, now);
        if (!planned && turn_ && turn_->uses(leg) && turn_->number == 0 && !turn_->arrived) {
            end_turn({end, half, {}}, now);
        }
    }
    if (leg == kept_send) cross_use_.reset();
    const AmqpLeg::State state = legs_[leg].state();
    if (state == AmqpLeg::State::up || state == AmqpLeg::State::connecting) legs_[leg].close();
}

void AmqpSession::reconnected(Leg leg, End end, bool planned, Duration took) {
    Reconnect event;
    event.channel = options_.channel;
    event.direction = leg == kept_send ? Direction::send : Direction::recv;
    event.outcome = end.outcome;
    event.failed_phase = end.outcome == Outcome::ok ? Phase::none : end.phase;
    event.planned = planned;
    event.took = took;
    reconnects_.push_back(event);
}

void AmqpSession::fail_waiting(const Ending& ending, Instant now) {
    const std::vector<PhaseTime> phases = kept_phases();
    for (OpenAttempt& open : waiting_.take_all()) {
        open.phases = phases;
        finish(std::move(open), ending, now);
    }
}

void AmqpSession::expire_waiting(Instant now) {
    std::optional<Instant> next_try;
    for (Leg leg = 0; leg < kept_legs; ++leg) {
        const auto next = legs_[leg].down() ? redial_[leg].next_try(now) : std::nullopt;
        if (next) next_try = std::max(next_try.value_or(*next), *next);
    }
    for (OpenAttempt& open : waiting_.take_expired(now, next_try)) {
        const auto send = kept_stuck(kept_send);
        const auto recv = kept_stuck(kept_recv);
        if (send || recv) open.phases = kept_phases();
        // With both ready it is credit that was not to be had.
        finish(std::move(open),
               send || recv ? stuck_between(send, recv)
                            : Ending{{Outcome::timeout, Phase::credit}, {}, {}},
               now);
    }
}

void AmqpSession::send_waiting(Instant now) {
    while (!waiting_.empty() && legs_[kept_send].connection().may_send(0)) {
        send(waiting_.take(), kept_send, 0, kept_recv, now);
    }
}

bool AmqpSession::kept_ready(Leg leg) const {
    if (!legs_[leg].up()) return false;
    const AmqpConnection& connection = legs_[leg].connection();
    return !connection.broken() && !connection.failed(0) && connection.ready(0);
}

// Where somebody is who waits for a use of a leg, and how that ends when nothing more comes.
AmqpSession::Ending AmqpSession::stuck_at(Leg leg, std::optional<Use> use) const {
    const AmqpLeg& its = legs_[leg];
    switch (its.state()) {
        case AmqpLeg::State::down:
        case AmqpLeg::State::closing:
            if (leg < kept_legs) return {redial_[leg].last_failure(), {}, {}};
            return {{Outcome::timeout, Phase::tcp}, {}, {}};
        case AmqpLeg::State::connecting:
            return {{Outcome::timeout, Phase::tcp}, {}, its.since()};
        case AmqpLeg::State::up:
            break;
    }
    const Phase phase = its.connection().phase(use.value_or(0));
    // Ready for the first use, but not yet asked for this one; or without credit again.
    if (phase == Phase::none || !use) return {{Outcome::timeout, Phase::credit}, {}, {}};
    return {{Outcome::timeout, phase}, {}, its.connection().phase_since(*use)};
}

std::optional<AmqpSession::Ending> AmqpSession::kept_stuck(Leg leg) const {
    if (kept_ready(leg)) return std::nullopt;
    return stuck_at(leg, 0);
}

// When both halves are held up it is neither alone; the one that got less far is told.
AmqpSession::Ending AmqpSession::stuck_between(const std::optional<Ending>& send,
                                               const std::optional<Ending>& recv) {
    if (send && recv) {
        const bool send_waits = send->end.outcome == Outcome::timeout;
        const bool recv_waits = recv->end.outcome == Outcome::timeout;
        const bool recv_told =
            send_waits != recv_waits ? send_waits : recv->end.phase < send->end.phase;
        Ending both = recv_told ? *recv : *send;
        both.half = Direction::none;
        return both;
    }
    Ending one = send ? *send : *recv;
    one.half = send ? Direction::send : Direction::recv;
    return one;
}

std::vector<PhaseTime> AmqpSession::kept_phases() const {
    std::vector<PhaseTime> phases = effort_;
    for (Leg leg = 0; leg < kept_legs; ++leg) {
        if (!of_use_[leg]) merge_longest(phases, legs_[leg].phases(0));
    }
    return phases;
}

}  // namespace vc
