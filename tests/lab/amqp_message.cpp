#include "tests/lab/amqp_message.h"

#include <proton/codec.h>
#include <proton/message.h>

#include <memory>

namespace vc::lab {
namespace {

struct Free {
    void operator()(pn_message_t* message) const { pn_message_free(message); }
};
using Message = std::unique_ptr<pn_message_t, Free>;

std::string text(pn_msgid_t id) {
    switch (id.type) {
        case PN_STRING:
        case PN_BINARY:
            return {id.u.as_bytes.start, id.u.as_bytes.size};
        case PN_ULONG:
            return std::to_string(id.u.as_ulong);
        case PN_UUID:
            return {id.u.as_uuid.bytes, sizeof id.u.as_uuid.bytes};
        default:
            return {};
    }
}

pn_msgid_t text_id(const std::string& text) {
    pn_msgid_t id{};
    id.type = PN_STRING;
    id.u.as_bytes = pn_bytes(text.size(), text.data());
    return id;
}

std::string text(const char* chars) {
    return chars == nullptr ? std::string() : chars;
}

std::string encode(pn_message_t* message, std::size_t guess) {
    std::string bytes(guess + 256, '\0');
    for (;;) {
        std::size_t size = bytes.size();
        const int result = pn_message_encode(message, bytes.data(), &size);
        if (result == 0) {
            bytes.resize(size);
            return bytes;
        }
        if (result != PN_OVERFLOW || bytes.size() > (1u << 24)) return {};
        bytes.resize(bytes.size() * 2);
    }
}

std::string body_text(pn_message_t* message) {
    pn_data_t* body = pn_message_body(message);
    pn_data_rewind(body);
    if (!pn_data_next(body)) return {};
    pn_bytes_t bytes{};
    switch (pn_data_type(body)) {
        case PN_BINARY:
            bytes = pn_data_get_binary(body);
            break;
        case PN_STRING:
            bytes = pn_data_get_string(body);
            break;
        default:
            return {};
    }
    return {bytes.start, bytes.size};
}

void put_annotations(pn_message_t* message, const BrokerStamp& stamp) {
    pn_data_t* data = pn_message_annotations(message);
    pn_data_clear(data);
    pn_data_put_map(data);
    pn_data_enter(data);
    const std::string_view sequence = "x-opt-sequence-number";
    pn_data_put_symbol(data, pn_bytes(sequence.size(), sequence.data()));
    pn_data_put_long(data, stamp.sequence_number);
    const std::string_view enqueued = "x-opt-enqueued-time";
    pn_data_put_symbol(data, pn_bytes(enqueued.size(), enqueued.data()));
    pn_data_put_timestamp(data, stamp.enqueued_unix_ms);
    pn_data_exit(data);
}

}  // namespace

std::string encode(const AmqpMessage& message) {
    const Message made(pn_message());
    if (!message.id.empty()) pn_message_set_id(made.get(), text_id(message.id));
    if (message.ttl_ms > 0) pn_message_set_ttl(made.get(), message.ttl_ms);
    if (!message.subject.empty()) pn_message_set_subject(made.get(), message.subject.c_str());
    if (!message.reply_to.empty()) pn_message_set_reply_to(made.get(), message.reply_to.c_str());
    if (!message.correlation_id.empty()) {
        pn_message_set_correlation_id(made.get(), text_id(message.correlation_id));
    }
    pn_message_set_inferred(made.get(), true);
    pn_data_put_binary(pn_message_body(made.get()),
                       pn_bytes(message.body.size(), message.body.data()));
    return encode(made.get(), message.body.size());
}

std::optional<AmqpMessage> decode(std::string_view bytes) {
    // Every section begins with a descriptor; Proton reads anything else as an empty message.
    if (bytes.empty() || bytes.front() != '\0') return std::nullopt;
    const Message read(pn_message());
    if (pn_message_decode(read.get(), bytes.data(), bytes.size()) != 0) return std::nullopt;
    AmqpMessage message;
    message.id = text(pn_message_get_id(read.get()));
    message.subject = text(pn_message_get_subject(read.get()));
    message.reply_to = text(pn_message_get_reply_to(read.get()));
    message.correlation_id = text(pn_message_get_correlation_id(read.get()));
    message.body = body_text(read.get());
    message.delivery_count = pn_message_get_delivery_count(read.get());
    return message;
}

StampedMessage stamped(std::string bytes, const BrokerStamp& stamp) {
    const Message message(pn_message());
    if (pn_message_decode(message.get(), bytes.data(), bytes.size()) != 0) {
        return {std::move(bytes), 0};
    }
    const std::int64_t ttl_ms = pn_message_get_ttl(message.get());
    if (pn_message_get_id(message.get()).type == PN_NULL) {
        pn_message_set_id(message.get(), text_id(stamp.message_id));
    }
    put_annotations(message.get(), stamp);
    std::string out = encode(message.get(), bytes.size());
    // Shorter than what came in: something was not understood, and must not be cut off.
    return {out.size() < bytes.size() ? std::move(bytes) : std::move(out), ttl_ms};
}

std::string with_delivery_count(std::string bytes, std::uint32_t count) {
    const Message message(pn_message());
    if (pn_message_decode(message.get(), bytes.data(), bytes.size()) != 0) return bytes;
    pn_message_set_delivery_count(message.get(), count);
    std::string out = encode(message.get(), bytes.size());
    return out.size() < bytes.size() ? bytes : out;
}

}  // namespace vc::lab
