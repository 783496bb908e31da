#include "probes/amqp/link.h"

#include <array>
#include <utility>

namespace vc {
namespace {

constexpr int receive_credit = 32;

}  // namespace

AmqpLink::AmqpLink(const AmqpOptions& options, std::string entity, Instant now)
    : engine_(options, now), entity_(std::move(entity)) {
    watch_.start(now);
}

void AmqpLink::receive(std::string_view bytes, Instant now) {
    engine_.receive(bytes, now);
    take(now);
}

void AmqpLink::tick(Instant now) {
    engine_.tick(now);
    take(now);
}

void AmqpLink::take(Instant now) {
    for (AmqpEvent& event : engine_.take_events())
        handle(std::move(event), now);
}

void AmqpLink::advance(Phase from, Phase to, Instant now) {
    if (phase_ != from) return;
    watch_.done(from, now);
    phase_ = to;
    if (to == Phase::attach_send) engine_.attach_sender(entity_);
    if (to == Phase::attach_recv) engine_.attach_receiver(entity_, receive_credit);
}

void AmqpLink::handle(AmqpEvent event, Instant now) {
    const auto broken = [&](Outcome outcome) {
        if (!broken_) broken_ = End{outcome, phase_};
        words_ = event.condition + (event.text.empty() ? "" : ": " + event.text);
    };
    switch (event.kind) {
        case AmqpEvent::Kind::authenticated:
            advance(Phase::sasl, Phase::open, now);
            break;
        case AmqpEvent::Kind::opened:
            advance(Phase::open, Phase::attach_send, now);
            break;
        case AmqpEvent::Kind::sender_attached:
            advance(Phase::attach_send, Phase::credit, now);
            break;
        case AmqpEvent::Kind::credit:
            advance(Phase::credit, Phase::attach_recv, now);
            break;
        case AmqpEvent::Kind::receiver_attached:
            advance(Phase::attach_recv, Phase::none, now);
            break;
        case AmqpEvent::Kind::settled:
        case AmqpEvent::Kind::message:
        case AmqpEvent::Kind::completed:
            events_.push_back(std::move(event));
            break;
        case AmqpEvent::Kind::detached:
        case AmqpEvent::Kind::closed:
            if (closing_ && event.kind == AmqpEvent::Kind::closed && event.condition.empty()) {
                closed_ = true;
            } else {
                broken(outcome_of_condition(event.condition, Outcome::reset));
            }
            break;
        case AmqpEvent::Kind::refused:
            broken(Outcome::auth);
            break;
        case AmqpEvent::Kind::failed:
            broke_protocol_ = true;
            broken(Outcome::protocol);
            break;
    }
}

std::vector<AmqpEvent> AmqpLink::take_events() {
    return std::exchange(events_, {});
}

void AmqpLink::accept(std::uint64_t delivery, Instant now) {
    engine_.accept(delivery);
    take(now);
}

void AmqpLink::close() {
    closing_ = true;
    engine_.close();
}

Outcome outcome_of_condition(std::string_view condition, Outcome otherwise) {
    static constexpr std::array<std::pair<std::string_view, Outcome>, 9> known{{
        {"com.microsoft:server-busy", Outcome::busy},
        {"com.microsoft:auth-failed", Outcome::auth},
        {"amqp:not-found", Outcome::misconfigured},
        {"amqp:unauthorized-access", Outcome::misconfigured},
        {"amqp:not-allowed", Outcome::misconfigured},
        {"amqp:resource-limit-exceeded", Outcome::misconfigured},
        {"amqp:link:message-size-exceeded", Outcome::misconfigured},
        {"com.microsoft:entity-disabled", Outcome::misconfigured},
        {"amqp:framing-error", Outcome::protocol},
    }};
    for (const auto& [name, outcome] : known) {
        if (condition == name) return outcome;
    }
    return otherwise;
}

Outcome outcome_of_settlement(const AmqpEvent& event) {
    switch (event.disposition) {
        case Disposition::accepted:
            return Outcome::ok;
        case Disposition::rejected:
            return outcome_of_condition(event.condition, Outcome::wrong_answer);
        case Disposition::released:
        case Disposition::modified:
        case Disposition::unknown:
            return Outcome::wrong_answer;
    }
    return Outcome::wrong_answer;
}

}  // namespace vc
