// A message as the broker keeps it, and its way from and to the wire (OASIS amqp-core-messaging
// 3.2; the annotations of Service Bus as its documents and clients have them).
//
// What a sender wrote stays in the sender's bytes; only the few fields that the broker acts on are
// read. Header and message annotations are written anew at each delivery. A batch (message-format
// 0x80013700) is taken apart into its messages here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/base/time.h"
#include "tests/lab/servicebus/amqp_value.h"

namespace vc::lab::servicebus {

constexpr std::uint32_t batch_format = 0x80013700;

struct Message {
    // Read from the header.
    bool durable = false;
    std::optional<std::uint8_t> priority;
    std::optional<Duration> ttl;
    // Read from the properties. The bytes of the section follow below.
    std::string id;  // as text, for duplicate detection; empty: none
    std::optional<std::string> session;
    // Read from the message annotations.
    std::optional<std::string> partition_key;
    std::optional<std::string> via_partition_key;
    std::optional<Instant> scheduled;
    // Bytes, each whole section with its descriptor; empty: the section is not there.
    std::string annotations;  // only pairs that are not the broker's, without the map around them
    std::uint32_t annotation_count = 0;  // keys and values in them
    std::string properties;
    std::string application_properties;
    std::string body;  // data, sequence or value sections, and the footer

    std::size_t size() const {
        return annotations.size() + properties.size() + application_properties.size() +
               body.size() + 64;
    }
};

// Nothing when `bytes` is no message. A message without a message-id gets `fallback_id`.
std::optional<Message> parse_message(std::string_view bytes, const std::string& fallback_id);

// The messages of a transfer: one, or those of a batch, each told by its own bytes. A batch shows
// in its format, and where that is not known (0) in several Data sections. Nothing when any of them
// is no message. `fallback_id` is extended by "-2", "-3" ... in a batch.
std::optional<std::vector<Message>> parse_transfer(std::string_view bytes, std::uint32_t format,
                                                   const std::string& fallback_id);

// The properties section as its fields (message-id, user-id, to, subject, reply-to,
// correlation-id, content-type, content-encoding, absolute-expiry-time, creation-time, group-id,
// group-sequence, reply-to-group-id), always 13; nulls where nothing was said.
std::vector<Value> property_fields(const Message& message);
// A map; empty when the section is missing or broken.
Value application_properties(const Message& message);
// The value of an amqp-value section; null when the body is another.
Value body_value(const Message& message);
void set_application_properties(Message& message, const Value& properties);
void remove_application_property(Message& message, const std::string& name);
void set_property_fields(Message& message, std::vector<Value> fields);

// What the broker says of a message as it hands it out.
struct BrokerProperties {
    std::uint32_t delivery_count = 0;
    std::int64_t sequence = 0;
    std::int64_t enqueued_sequence = 0;
    Instant enqueued{};
    std::optional<Instant> locked_until;
    std::optional<Uuid> lock_token;  // also as a delivery annotation, for deferred messages
    std::string dead_letter_source;
    std::int32_t state = 0;  // 0 active, 1 deferred, 2 scheduled
};
std::string encode_message(const Message& message, const BrokerProperties& broker);

// A lock token is a .NET GUID: as a delivery tag its first three fields are little-endian, as an
// AMQP uuid they are big-endian. Each is made of the other by the same swap.
Uuid swapped_guid(const Uuid& token);

std::int64_t unix_ms(Instant at);

}  // namespace vc::lab::servicebus
