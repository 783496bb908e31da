#include "tests/lab/amqp_message.h"

#include <vector>

#include "tests/lab/servicebus/message.h"

namespace vc::lab {
namespace {

using namespace servicebus;

constexpr std::uint64_t header = 0x70;
constexpr std::uint64_t properties = 0x73;
constexpr std::uint64_t data = 0x75;
constexpr std::uint64_t amqp_value = 0x77;

Value text_or_null(const std::string& text) {
    return text.empty() ? Value{} : string(text);
}

// A list's field, when it is there and a text or a number.
std::string field(const Value& list, std::size_t at) {
    if (at >= list.items.size()) return {};
    const Value& value = list.items[at];
    return value.is_integer() ? std::to_string(value.number) : value.text;
}

}  // namespace

std::string encode(const AmqpMessage& message) {
    std::string out;
    out.reserve(message.body.size() + 160);
    if (message.ttl_ms > 0) {
        put_value(out, described(header, list({{}, {}, uint_value(message.ttl_ms)})));
    }
    put_value(out, described(properties, list({text_or_null(message.id),
                                               {},
                                               {},
                                               text_or_null(message.subject),
                                               text_or_null(message.reply_to),
                                               text_or_null(message.correlation_id)})));
    put_value(out, described(data, binary(message.body)));
    return out;
}

std::optional<AmqpMessage> decode(std::string_view bytes) {
    if (bytes.empty()) return std::nullopt;
    AmqpMessage message;
    while (!bytes.empty()) {
        const auto section = take_value(bytes);
        if (!section || section->type != Type::Described || section->items.size() != 2) {
            return std::nullopt;
        }
        const Value& inner = section->items[1];
        switch (static_cast<std::uint64_t>(section->items[0].number)) {
            case header:
                if (inner.items.size() > 4) {
                    message.delivery_count = static_cast<std::uint32_t>(inner.items[4].number);
                }
                break;
            case properties:
                message.id = field(inner, 0);
                message.subject = field(inner, 3);
                message.reply_to = field(inner, 4);
                message.correlation_id = field(inner, 5);
                break;
            case data:
            case amqp_value:
                if (inner.is_text()) message.body = inner.text;
                break;
            default:
                break;
        }
    }
    return message;
}

}  // namespace vc::lab
