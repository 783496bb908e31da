// The messages of the lab's own clients as values. Text bodies travel as one Data section.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vc::lab {

struct AmqpMessage {
    std::string id;
    std::string subject;         // the charger's identity
    std::string reply_to;        // empty: no answer wanted
    std::string correlation_id;  // on an answer: the id of what it answers
    std::string body;
    std::uint32_t delivery_count = 0;
    std::uint32_t ttl_ms = 0;  // the rules' time; 0 for ever
};

std::string encode(const AmqpMessage& message);
// Nothing when the bytes are no AMQP message.
std::optional<AmqpMessage> decode(std::string_view bytes);

}  // namespace vc::lab
