#include "probes/amqp/session.h"

#include <algorithm>
#include <utility>

#include "probes/amqp/outcome.h"
#include "probes/amqp/phases.h"

namespace vc {
namespace {

enum class Kind : std::uint8_t { none, kept, fresh, cross, peek };

Kind kind_of(Channel channel, bool primary) {
    if (channel == (primary ? Channel::DL : Channel::SL)) return Kind::kept;
    if (channel == (primary ? Channel::DF : Channel::SF)) return Kind::fresh;
    if (channel == (primary ? Channel::DX : Channel::SX)) return Kind::cross;
    if (channel == (primary ? Channel::DM : Channel::SM)) return Kind::peek;
    return Kind::none;
}

}  // namespace

Phase AmqpSession::Flight::phase() const {
    if (!settled_at) return Phase::send_settle;
    return received_at ? Phase::complete_settle : Phase::send_receive;
}

Instant AmqpSession::Flight::since() const {
    return received_at.value_or(settled_at.value_or(sent_at));
}

AmqpSession::AmqpSession(AmqpProbeOptions options)
    : options_(std::move(options)),
      roundtrip_(options_.run),
      redial_{Redial(options_.seed), Redial(options_.seed + 1)},
      kept_budget_(options_.budget) {
    for (Leg leg = 0; leg < AmqpSession::legs(); ++leg) {
        AmqpConnectionOptions connection = options_.connection;
        connection.container_id += "-" + std::to_string(leg);
        connection.token_timeout = 3 * options_.budget;
        legs_.emplace_back(std::move(connection));
    }
}

SessionOutput AmqpSession::start(const Attempt& attempt, Instant now) {
    OpenAttempt open = ledger_.open(attempt, now);
    const Kind kind = kind_of(attempt.channel, options_.channel == Channel::DL);
    if (kind == Kind::none || (kind == Kind::peek && !options_.management)) {
        finish(std::move(open), {{Outcome::misconfigured, Phase::none}, {}, {}}, now);
    } else if (stopping_ || ledger_.full()) {
        finish(std::move(open), {{Outcome::abandoned, Phase::none}, {}, {}}, now);
    } else if (kind == Kind::kept) {
        kept_budget_ = attempt.budget;
        waiting_.add(std::move(open));
        for (Redial& redial : redial_)
            redial.want();
    } else {
        (kind == Kind::peek ? questions_ : turns_).add(std::move(open));
    }
    mind_secret(now);
    return drive(now);
}

// Whether the secret has changed is asked at least as often as anything is sent.
void AmqpSession::mind_secret(Instant now) {
    const auto& credentials = options_.connection.credentials;
    if (!credentials) return;
    const std::uint64_t generation = credentials->generation();
    if (std::exchange(generation_, generation) == generation) return;
    for (AmqpLeg& leg : legs_)
        leg.on_time(now);
    for (Redial& redial : redial_)
        redial.secret_changed();
}

SessionOutput AmqpSession::on_connect(Leg leg, const ConnectResult& result, Instant now) {
    if (legs_[leg].state() != AmqpLeg::State::connecting) return drive(now);
    if (const auto end = legs_[leg].on_connect(result, now)) {
        leg_failed(leg, *end, false, now);
    } else {
        ++counted_.connects;
        if (leg < kept_legs) bring_up(leg, now);
    }
    return drive(now);
}

SessionOutput AmqpSession::on_bytes(Leg leg, std::string_view bytes, Instant now) {
    legs_[leg].on_bytes(bytes, now);
    return drive(now);
}

SessionOutput AmqpSession::on_deadline(Instant now) {
    for (AmqpLeg& leg : legs_)
        leg.on_time(now);
    return drive(now);
}

SessionOutput AmqpSession::on_close(Leg leg, CloseReason reason, Instant now) {
    if (reason != CloseReason::asked && legs_[leg].up()) {
        const bool in_order = legs_[leg].connection().closed();
        if (!in_order) leg_failed(leg, {outcome_of_close(reason), Phase::none}, false, now);
    }
    legs_[leg].on_close();
    return drive(now);
}

SessionOutput AmqpSession::stop(Instant now) {
    stopping_ = true;
    const Ending abandoned{{Outcome::abandoned, Phase::none}, {}, {}};
    for (Redial& redial : redial_)
        redial.unwant();
    for (Waiting* queue : {&waiting_, &turns_, &questions_}) {
        for (OpenAttempt& open : queue->take_all())
            finish(std::move(open), abandoned, now);
    }
    while (!flights_.empty())
        end_flight(flights_.begin()->first, abandoned, now);
    if (turn_) end_turn(abandoned, now);
    if (question_) end_question(abandoned, now);
    for (AmqpLeg& leg : legs_) {
        if (leg.up()) leg.connection().close();
        if (leg.up() || leg.state() == AmqpLeg::State::connecting) leg.close();
    }
    return output(now);
}

bool AmqpSession::idle() const {
    if (ledger_.open_attempts() > 0) return false;
    return !stopping_ ||
           std::all_of(legs_.begin(), legs_.end(), [](const AmqpLeg& leg) { return leg.down(); });
}

SessionCounters AmqpSession::counters() const {
    SessionCounters sum = counted_;
    ledger_.count_into(sum);
    return sum;
}

SessionOutput AmqpSession::drive(Instant now) {
    handle_events(now);
    expire_flights(now);
    keep(now);
    take_turns(now);
    ask_questions(now);
    return output(now);
}

SessionOutput AmqpSession::output(Instant now) {
    SessionOutput out;
    for (Leg leg = 0; leg < legs_.size(); ++leg)
        out.legs[leg] = legs_[leg].take_output();
    out.observations = std::exchange(seen_, {});
    out.reconnects = std::exchange(reconnects_, {});
    out.wake_at = wake_at(now);
    return out;
}

std::optional<Instant> AmqpSession::wake_at(Instant now) const {
    std::optional<Instant> at;
    for (const Waiting* queue : {&waiting_, &turns_, &questions_})
        queue->wake_by(at);
    for (const auto& [number, flight] : flights_) {
        wake_by(at, flight.open.deadline);
        if (!options_.management || !flight.missed() || flight.check_asked) continue;
        const Instant look = std::max(flight.check_at(), next_look_);
        if (look > now) wake_by(at, look);
    }
    if (turn_) wake_by(at, turn_->open.deadline);
    if (question_) wake_by(at, question_->until);
    for (Leg leg = 0; leg < legs_.size(); ++leg) {
        if (const auto wake = legs_[leg].wake_at()) wake_by(at, *wake);
        if (leg >= kept_legs) continue;
        if (legs_[leg].down()) redial_[leg].wake_by(at);
        if (legs_[leg].up() && up_deadline(leg) < Instant::max()) wake_by(at, up_deadline(leg));
    }
    return at;
}

void AmqpSession::handle_events(Instant now) {
    for (Leg leg = 0; leg < peeking; ++leg) {
        // Accepting a message may complete it at once, which makes new events.
        while (legs_[leg].up()) {
            const auto events = legs_[leg].connection().take_events();
            if (events.empty()) break;
            for (const AmqpConnection::Event& event : events) {
                if (legs_[leg].up()) handle(leg, event, now);
            }
        }
        if (leg >= kept_legs || !legs_[leg].up()) continue;
        check_kept(leg, now);
    }
}

void AmqpSession::handle(Leg leg, const AmqpConnection::Event& event, Instant now) {
    switch (event.kind) {
        case AmqpConnection::Event::Kind::settled:
            on_settled(event.seen, now);
            break;
        case AmqpConnection::Event::Kind::message:
            on_message(leg, event.seen, now);
            break;
        case AmqpConnection::Event::Kind::completed:
            on_completed(leg, event.seen, now);
            break;
        case AmqpConnection::Event::Kind::detached:
            if (leg >= kept_legs || is_housekeeping(leg, event.use, now)) {
                flights_lost(leg, event.use, Outcome::reset, true, now);
            } else {
                fail_for_announcements(leg, now);
            }
            break;
        case AmqpConnection::Event::Kind::reattached:
            if (leg < kept_legs) reconnected(leg, {}, true, event.took);
            break;
        case AmqpConnection::Event::Kind::reply:
            break;
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
    note_use(flight.sent_over, flight.fresh(), now);
    if (flight.sent_over == kept_send && !flight.fresh()) yield_[kept_send].in_vain = 0;
    flight.open.phases.push_back({Phase::send_settle, now - flight.sent_at});
    const Outcome outcome = outcome_of_settlement(event);
    if (outcome != Outcome::ok) {
        end_flight(event.tag, {{outcome, Phase::send_settle}, {}, {}}, now);
        return;
    }
    flight.settled_at = now;
    end_if_done(event.tag, now);
}

void AmqpSession::on_message(Leg leg, const AmqpEvent& event, Instant now) {
    note_use(leg, false, now);
    // The link that brought it, which may have been attached anew since.
    const std::uint64_t link = (legs_[leg].link(event.link) << 3) | (leg + 1);
    const Roundtrip::Received received = roundtrip_.received(event.text, link);
    if (received.out_of_order) ++counted_.out_of_order;
    const auto found = flights_.find(received.number);
    Flight* flight = found == flights_.end() ? nullptr : &found->second;
    switch (received.arrival) {
        case Roundtrip::Arrival::first:
            if (flight == nullptr) break;
            flight->received_at = now;
            flight->delivery = event.delivery;
            flight->open.phases.push_back({Phase::send_receive, now - flight->sent_at});
            // Its settlement went with a link that the peer gave up; it was accepted, evidently.
            if (flight->orphaned && !flight->settled_at) flight->settled_at = now;
            break;
        case Roundtrip::Arrival::late:
            ++counted_.late_answers;
            break;
        case Roundtrip::Arrival::duplicate:
            ++counted_.duplicates;
            if (flight != nullptr) flight->twice = true;
            break;
        case Roundtrip::Arrival::redelivered:
            if (flight != nullptr) flight->delivery = event.delivery;
            break;
        case Roundtrip::Arrival::foreign:
            ++counted_.unmatched;
            break;
    }
    legs_[leg].connection().accept(event.delivery, now);
}

void AmqpSession::on_completed(Leg leg, const AmqpEvent& event, Instant now) {
    if (leg == kept_recv) yield_[leg].in_vain = 0;
    const auto found = std::find_if(flights_.begin(), flights_.end(), [&](const auto& entry) {
        return entry.second.comes_over == leg && entry.second.delivery == event.delivery;
    });
    if (found == flights_.end()) return;
    const std::uint64_t number = found->first;
    Flight& flight = found->second;
    flight.open.phases.push_back({Phase::complete_settle, now - flight.received_at.value_or(now)});
    const Outcome outcome = outcome_of_settlement(event);
    if (outcome != Outcome::ok) {
        end_flight(number, {{outcome, Phase::complete_settle}, {}, {}}, now);
        return;
    }
    flight.completed = true;
    roundtrip_.complete(number);
    end_if_done(number, now);
}

std::uint64_t AmqpSession::send(OpenAttempt open, Leg leg, Use use, Leg comes_over, Instant now) {
    // What one link sends to one queue stays in order.
    const Roundtrip::Lane lane = comes_over == fresh_recv ? 1 : leg == fresh_send ? 2 : 0;
    const std::uint64_t number = roundtrip_.issue(lane);
    Flight flight;
    flight.open = std::move(open);
    flight.sent_over = leg;
    flight.comes_over = comes_over;
    flight.sent_at = now;
    note_use(leg, flight.fresh(), now);
    flights_.emplace_hint(flights_.end(), number, std::move(flight));
    legs_[leg].connection().send(use, number, roundtrip_.body(number), now);
    return number;
}

void AmqpSession::end_if_done(std::uint64_t number, Instant now) {
    const auto found = flights_.find(number);
    const Flight& flight = found->second;
    if (!flight.settled_at || !flight.completed) return;
    for (const Leg leg : {flight.sent_over, flight.comes_over}) {
        if (leg < kept_legs) redial_[leg].proved();
    }
    const bool twice = flight.twice;
    if (flight.fresh()) {
        OpenAttempt open = std::move(found->second.open);
        flights_.erase(found);
        roundtrip_.give_up(number);
        turn_arrived(std::move(open), twice, now);
        return;
    }
    end_flight(number, {twice ? End{Outcome::duplicate, Phase::send_receive} : End{}, {}, {}}, now);
}

void AmqpSession::expire_flights(Instant now) {
    std::vector<std::uint64_t> over;
    for (const auto& [number, flight] : flights_) {
        if (now >= flight.open.deadline) over.push_back(number);
    }
    for (const std::uint64_t number : over) {
        const Flight& flight = flights_.at(number);
        if (!flight.fresh()) count_in_vain(flight, now);
        Ending ending{{Outcome::timeout, flight.phase()}, {}, flight.since()};
        if (!flight.settled_at && flight.orphaned) ending.end.outcome = *flight.orphaned;
        if (flight.settled_at && !flight.received_at) {
            const bool gone = flight.peeked == Flight::Peeked::unknown
                                  ? roundtrip_.overtaken(number)
                                  : flight.peeked == Flight::Peeked::missing;
            if (gone) ending = {{Outcome::lost, flight.phase()}, Direction::send, {}};
        }
        end_flight(number, ending, now);
    }
    give_up_useless(now);
}

void AmqpSession::end_flight(std::uint64_t number, const Ending& ending, Instant now) {
    const auto found = flights_.find(number);
    Flight flight = std::move(found->second);
    flights_.erase(found);
    roundtrip_.give_up(number);
    if (flight.fresh()) {
        turn_->open = std::move(flight.open);
        end_turn(ending, now);
    } else {
        finish(std::move(flight.open), ending, now);
    }
}

// A link or its connection is gone, and with it the answers that would have come over it.
void AmqpSession::flights_lost(Leg leg, std::optional<Use> use, Outcome outcome, bool planned,
                               Instant now) {
    const auto sent = [&](const Flight& flight) {
        // Of the kept sender's links the first is that of L, and the other one that of X.
        const bool its = !use || leg != kept_send || (*use == 0) == !flight.fresh();
        return its && flight.sent_over == leg && !flight.settled_at;
    };
    const auto comes = [&](const Flight& flight) {
        return flight.comes_over == leg && !flight.completed &&
               (flight.settled_at || flight.received_at);
    };
    std::vector<std::uint64_t> concerned;
    for (const auto& [number, flight] : flights_) {
        if (sent(flight) || comes(flight)) concerned.push_back(number);
    }
    for (const std::uint64_t number : concerned) {
        Flight& flight = flights_.at(number);
        if (planned) {
            if (sent(flight)) {
                flight.orphaned = outcome;
                // It has come already: it was accepted, evidently.
                if (flight.received_at) flight.settled_at = now;
            }
            if (flight.received_at && flight.comes_over == leg) {
                // It is here; only the word that it is ours for good went with the link.
                flight.completed = true;
                flight.delivery = 0;  // numbers begin anew with a connection
            }
            end_if_done(number, now);
        } else {
            const Phase phase = sent(flight)         ? Phase::send_settle
                                : flight.received_at ? Phase::complete_settle
                                                     : Phase::send_receive;
            end_flight(number, {{outcome, phase}, {}, {}}, now);
        }
    }
}

void AmqpSession::finish(OpenAttempt open, Ending ending, Instant now) {
    const Duration budget = open.attempt.budget;
    if (ending.end.outcome == Outcome::timeout) {
        const Duration elapsed = ending.since ? now - *ending.since : Duration{};
        const Phase worst = overrun_phase(open.phases, ending.end.phase, elapsed, budget);
        if (worst != Phase::none && worst != ending.end.phase) {
            ending.end.phase = worst;
            ending.half.reset();
        }
    }
    Observation seen = ledger_.close(std::move(open), ending.end, now);
    if (seen.outcome == Outcome::late) {
        const Phase worst = overrun_phase(seen.phases, Phase::none, {}, budget);
        if (worst != Phase::none) seen.failed_phase = worst;
    }
    if (seen.outcome != Outcome::ok && seen.outcome != Outcome::abandoned) {
        seen.direction = ending.half.value_or(half_of(seen.failed_phase));
    }
    seen_.push_back(std::move(seen));
}

void AmqpSession::leg_failed(Leg leg, End end, bool planned, Instant now) {
    const bool broke = legs_[leg].up() && legs_[leg].connection().broke_protocol();
    if (broke) ++counted_.malformed;
    if (leg < kept_legs) {
        kept_failed(leg, end, planned, now);
    } else if (leg == peeking) {
        if (question_) {
            if (end.phase == Phase::none) end.phase = question_->peek.phase(legs_[leg]);
            end_question({end, {}, {}}, now);
        }
    } else if (turn_ && turn_->uses(leg)) {
        turn_failed(leg, end, now);
    }
}

}  // namespace vc
