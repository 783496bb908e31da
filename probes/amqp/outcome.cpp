#include "probes/amqp/outcome.h"

#include <array>
#include <utility>

namespace vc {
namespace {

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

Outcome outcome_of_status(int status) {
    if (status >= 200 && status < 300) return Outcome::ok;
    if (status == 401 || status == 403 || status == 404 || status == 410) {
        return Outcome::misconfigured;
    }
    if (status == 429 || status == 503) return Outcome::busy;
    return Outcome::wrong_answer;
}

}  // namespace

Outcome outcome_of_condition(std::string_view condition, Outcome otherwise) {
    static constexpr std::array<std::pair<std::string_view, Outcome>, 14> known{{
        {"com.microsoft:server-busy", Outcome::busy},
        {"com.microsoft:auth-failed", Outcome::auth},
        {"amqp:not-found", Outcome::misconfigured},
        {"amqp:unauthorized-access", Outcome::misconfigured},
        {"amqp:not-allowed", Outcome::misconfigured},
        {"amqp:not-implemented", Outcome::misconfigured},
        {"amqp:resource-limit-exceeded", Outcome::misconfigured},
        {"amqp:link:message-size-exceeded", Outcome::misconfigured},
        {"com.microsoft:message-size-exceeded", Outcome::misconfigured},
        {"com.microsoft:entity-disabled", Outcome::misconfigured},
        {"amqp:resource-locked", Outcome::misconfigured},
        {"amqp:decode-error", Outcome::protocol},
        {"amqp:connection:framing-error", Outcome::protocol},
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

Outcome outcome_of_token_reply(const AmqpReply& reply) {
    if (!reply.decoded) return Outcome::protocol;
    if (!reply.status) return Outcome::wrong_answer;
    if (*reply.status == 401 || *reply.status == 403) return Outcome::auth;
    return outcome_of_status(*reply.status);
}

Outcome outcome_of_peek_reply(const AmqpReply& reply) {
    if (!reply.decoded) return Outcome::protocol;
    if (!reply.status) return Outcome::wrong_answer;
    const Outcome outcome = outcome_of_status(*reply.status);
    if (outcome != Outcome::ok) return outcome_of_condition(reply.condition, outcome);
    if (*reply.status == 204) return Outcome::ok;  // nothing waits
    return reply.sound_body ? Outcome::ok : Outcome::protocol;
}

bool is_planned(std::string_view condition, std::string_view text) {
    return condition.empty() || condition == "amqp:link:detach-forced" ||
           condition == "amqp:connection:forced" || contains(text, "IdleTimerExpired") ||
           contains(text, "is inactive for more than");
}

}  // namespace vc
