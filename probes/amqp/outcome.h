// What the words of a broker say of the platform. Pure.
//
// Conditions are those of AMQP 1.0 part 2.8.15 and 2.8.16 and of Azure Service Bus. Faults of
// configuration (a missing or disabled entity, rights, quota, size) are misconfigured, which has no
// vote: they can never move anything. Server-busy is an answer of its own.
#pragma once

#include <string_view>

#include "probes/amqp/engine.h"
#include "probes/ledger.h"

namespace vc {

// `otherwise` is for conditions that are not known here.
Outcome outcome_of_condition(std::string_view condition, Outcome otherwise);
// What the outcome of a sent message, or of a completion, says; ok when it was accepted.
Outcome outcome_of_settlement(const AmqpEvent& event);
// Of a reply of $cbs; ok when the token was taken. Refused tokens are auth.
Outcome outcome_of_token_reply(const AmqpReply& reply);
// Of a reply to a peek at $management; ok when it is sound.
Outcome outcome_of_peek_reply(const AmqpReply& reply);

// The peer's housekeeping: it gives up idle links and connections, moves entities and restarts its
// nodes, and says so. Nothing has failed when the link is back in time.
bool is_planned(std::string_view condition, std::string_view text);

}  // namespace vc
