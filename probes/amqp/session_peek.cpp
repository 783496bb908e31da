// The leg for $management of an AmqpSession: the attempts of M, and looks for what is missed.
#include <algorithm>
#include <utility>

#include "probes/amqp/phases.h"
#include "probes/amqp/session.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

// A look is a connection of its own and some requests, which count against what a broker allows a
// namespace: it must not be the watchdog that a broker in trouble is throttled by. A broker that was
// just found to lose what it accepted is asked every budget, so that each loss is accounted for;
// what only waits in its queue is no news.
constexpr Duration between_looks = 30s;

}  // namespace

void AmqpSession::ask_questions(Instant now) {
    for (OpenAttempt& open : questions_.take_expired(now, std::nullopt)) {
        finish(std::move(open), {{Outcome::timeout, Phase::tcp}, {}, {}}, now);
    }
    AmqpLeg& leg = legs_[peeking];
    if (question_) {
        Peek& peek = question_->peek;
        if (leg.up()) peek.step(leg, now);
        if (peek.end()) {
            if (peek.broke_protocol()) ++counted_.malformed;
            end_question({*peek.end(), {}, {}}, now);
        } else if (now >= question_->until) {
            end_question({{Outcome::timeout, peek.phase(leg)}, {}, peek.since(leg)}, now);
        }
    }
    if (question_ || !leg.down()) return;
    look_for_missed(now);
    if (!question_ && !questions_.empty()) {
        OpenAttempt open = questions_.take();
        const Instant until = open.deadline;
        question_.emplace(
            Question{std::move(open), until, kept_recv, Peek(options_.entity, false)});
    }
    if (question_) leg.open(now, connect_time(question_->until - now));
}

void AmqpSession::end_question(const Ending& ending, Instant now) {
    Question asked = std::move(*question_);
    question_.reset();
    AmqpLeg& leg = legs_[peeking];
    if (ending.end.outcome == Outcome::ok) apply(asked.peek, asked.comes_over);
    if (asked.open) {
        if (ending.end.outcome != Outcome::abandoned) asked.open->phases = asked.peek.phases(leg);
        finish(std::move(*asked.open), ending, now);
    }
    const AmqpLeg::State state = leg.state();
    if (state == AmqpLeg::State::up || state == AmqpLeg::State::connecting) leg.close();
}

// Messages that were accepted and have not come, although it is late: are they still there? One
// look serves all that are missed on the same queue; when some are on both, the queues take turns.
void AmqpSession::look_for_missed(Instant now) {
    if (!options_.management || now < next_look_) return;
    const auto missed = [now](const Flight& flight) {
        return !flight.check_asked && flight.check_at() <= now && flight.missed();
    };
    std::optional<Leg> comes_over;
    for (const auto& [number, flight] : flights_) {
        if (!missed(flight)) continue;
        if (!comes_over || *comes_over == looked_for_) comes_over = flight.comes_over;
    }
    if (!comes_over) return;
    Instant until{};
    for (auto& [number, flight] : flights_) {
        if (!missed(flight) || flight.comes_over != *comes_over) continue;
        until = std::max(until, flight.open.deadline);
        flight.check_asked = true;
    }
    next_look_ = now + between_looks;
    looked_for_ = *comes_over;
    const std::string& queue = *comes_over == kept_recv ? options_.entity : options_.fresh_entity;
    question_.emplace(Question{std::nullopt, until, *comes_over, Peek(queue, true)});
}

void AmqpSession::apply(const Peek& peek, Leg comes_over) {
    for (auto& [number, flight] : flights_) {
        if (flight.comes_over != comes_over || !flight.missed()) continue;
        const auto its = [&, token = number](const std::string& body) {
            return roundtrip_.number_in(body) == token;
        };
        if (std::any_of(peek.bodies().begin(), peek.bodies().end(), its)) {
            flight.peeked = Flight::Peeked::there;
        } else if (peek.complete() && peek.asked_at() >= flight.peekable_at()) {
            flight.peeked = Flight::Peeked::missing;
            next_look_ = std::min(next_look_, peek.asked_at() + flight.open.attempt.budget);
        }
    }
}

}  // namespace vc
