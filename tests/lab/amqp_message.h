// The AMQP messages of the lab as values. Text bodies travel as one Data section.
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

// What the broker adds to a message that it takes: a message-id when there is none, and the
// annotations of Service Bus. Bytes that cannot be read back (a batch of several Data sections,
// say) are kept as they are.
struct BrokerStamp {
    std::int64_t sequence_number = 0;
    std::int64_t enqueued_unix_ms = 0;
    std::string message_id;  // used when the message has none
};
struct StampedMessage {
    std::string bytes;
    std::int64_t ttl_ms = 0;  // how long the sender wants it kept; 0 for ever
};
StampedMessage stamped(std::string bytes, const BrokerStamp& stamp);

// The same message, its header saying how often it was delivered before.
std::string with_delivery_count(std::string bytes, std::uint32_t count);

}  // namespace vc::lab
