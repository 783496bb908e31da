#include "probes/amqp/codec.h"

#include <proton/codec.h>
#include <proton/message.h>

#include <charconv>
#include <limits>

#include "probes/amqp/frames.h"
#include "rules/base/check.h"

namespace vc {
namespace {

constexpr std::string_view id_prefix = "voltcanary-";

pn_bytes_t bytes_of(std::string_view text) {
    return pn_bytes(text.size(), text.data());
}

std::string_view view_of(pn_bytes_t bytes) {
    return bytes.size == 0 ? std::string_view() : std::string_view(bytes.start, bytes.size);
}

// Text, symbol or binary under the cursor; nothing when it is something else.
std::optional<std::string_view> text_at(pn_data_t* data) {
    switch (static_cast<int>(pn_data_type(data))) {
        case PN_STRING:
            return view_of(pn_data_get_string(data));
        case PN_SYMBOL:
            return view_of(pn_data_get_symbol(data));
        case PN_BINARY:
            return view_of(pn_data_get_binary(data));
        default:
            return std::nullopt;
    }
}

std::optional<std::int64_t> number_at(pn_data_t* data) {
    switch (static_cast<int>(pn_data_type(data))) {
        case PN_BYTE:
            return pn_data_get_byte(data);
        case PN_UBYTE:
            return pn_data_get_ubyte(data);
        case PN_SHORT:
            return pn_data_get_short(data);
        case PN_USHORT:
            return pn_data_get_ushort(data);
        case PN_INT:
            return pn_data_get_int(data);
        case PN_UINT:
            return pn_data_get_uint(data);
        case PN_LONG:
            return pn_data_get_long(data);
        default:
            return std::nullopt;
    }
}

// Calls `each` with the key and the cursor at the value, for every entry whose
// key is text. False when it is no map.
template <typename Each>
bool each_entry(pn_data_t* data, Each each) {
    if (pn_data_type(data) != PN_MAP || !pn_data_enter(data)) return false;
    while (pn_data_next(data)) {
        const auto key = text_at(data);
        if (!pn_data_next(data)) break;
        if (key) each(*key);
    }
    pn_data_exit(data);
    return true;
}

// As each_entry, of a section of a message, which stands before its first value.
template <typename Each>
bool each_entry_of(pn_data_t* section, Each each) {
    pn_data_rewind(section);
    return pn_data_next(section) && each_entry(section, each);
}

bool decoded(pn_message_t* message, std::string_view encoded) {
    // Proton takes much for a message, and asserts that there is something to decode.
    return is_amqp_message(encoded) &&
           pn_message_decode(message, encoded.data(), encoded.size()) == 0;
}

std::string body_text(pn_message_t* message) {
    pn_data_t* body = pn_message_body(message);
    pn_data_rewind(body);
    if (!pn_data_next(body)) return {};
    const pn_type_t type = pn_data_type(body);
    if (type != PN_BINARY && type != PN_STRING) return {};
    return std::string(*text_at(body));
}

std::uint64_t correlation_of(pn_message_t* message) {
    pn_data_t* id = pn_message_correlation_id(message);
    pn_data_rewind(id);
    if (!pn_data_next(id)) return 0;
    const auto text = text_at(id);
    if (!text || !text->starts_with(id_prefix)) return 0;
    std::uint64_t number = 0;
    const char* end = text->data() + text->size();
    const auto read = std::from_chars(text->data() + id_prefix.size(), end, number);
    return read.ec == std::errc{} && read.ptr == end ? number : 0;
}

struct FreeMessage {
    void operator()(pn_message_t* message) const { pn_message_free(message); }
};
using Message = std::unique_ptr<pn_message_t, FreeMessage>;

}  // namespace

bool has_text(pn_data_t* map, std::string_view key, std::string_view text) {
    bool found = false;
    if (map == nullptr) return false;
    each_entry_of(map,
                  [&](std::string_view name) { found |= name == key && text_at(map) == text; });
    return found;
}

struct AmqpCodec::State {
    Message message{pn_message()};
    Message inner;  // of a peeked message within a reply; made with the first
    std::string room;

    std::string_view encoded(std::size_t about);
    bool read_properties(AmqpReply& reply) const;
    void read_peeked(AmqpReply& reply);
    bool read_one(std::string_view encoded, AmqpReply& reply);
};

std::string_view AmqpCodec::State::encoded(std::size_t about) {
    if (room.size() < about + 512) room.resize(about + 512);
    std::size_t size = room.size();
    if (pn_message_encode(message.get(), room.data(), &size) != 0) return {};
    return {room.data(), size};
}

bool AmqpCodec::State::read_properties(AmqpReply& reply) const {
    pn_data_t* properties = pn_message_properties(message.get());
    return each_entry_of(properties, [&](std::string_view key) {
        if (key == "status-code" || key == "statusCode") {
            const auto number = number_at(properties);
            if (number && *number >= 0 && *number <= std::numeric_limits<int>::max()) {
                reply.status = static_cast<int>(*number);
            }
        }
        if (key == "errorCondition" || key == "error-condition") {
            reply.condition = text_at(properties).value_or("");
        }
    });
}

bool AmqpCodec::State::read_one(std::string_view encoded, AmqpReply& reply) {
    if (!inner) inner.reset(pn_message());
    pn_message_clear(inner.get());
    if (!decoded(inner.get(), encoded)) return false;
    PeekedMessage peeked;
    peeked.body = body_text(inner.get());
    pn_data_t* annotations = pn_message_annotations(inner.get());
    each_entry_of(annotations, [&](std::string_view key) {
        if (key == "x-opt-sequence-number") peeked.sequence = number_at(annotations);
    });
    reply.peeked.push_back(std::move(peeked));
    return true;
}

// {"messages": [{"message": binary}, ...]}
void AmqpCodec::State::read_peeked(AmqpReply& reply) {
    pn_data_t* body = pn_message_body(message.get());
    bool list = false;
    const bool map = each_entry_of(body, [&](std::string_view key) {
        if (key != "messages" || pn_data_type(body) != PN_LIST || !pn_data_enter(body)) return;
        list = true;
        while (pn_data_next(body)) {
            bool one = false;
            each_entry(body, [&](std::string_view name) {
                if (name == "message" && pn_data_type(body) == PN_BINARY) {
                    one = read_one(view_of(pn_data_get_binary(body)), reply);
                }
            });
            if (!one) reply.sound_body = false;
        }
        pn_data_exit(body);
    });
    if (!map || !list) reply.sound_body = false;
}

AmqpCodec::AmqpCodec() : state_(std::make_unique<State>()) {
    VC_CHECK(state_->message != nullptr, "out of memory");
}

AmqpCodec::~AmqpCodec() = default;

std::string_view AmqpCodec::encode(std::string_view text) {
    pn_message_t* message = state_->message.get();
    pn_message_clear(message);
    pn_data_put_string(pn_message_id(message), bytes_of(text));
    pn_message_set_inferred(message, true);  // a data section, not a value
    pn_data_put_binary(pn_message_body(message), bytes_of(text));
    return state_->encoded(2 * text.size());
}

std::string_view AmqpCodec::encode(const AmqpRequest& request) {
    pn_message_t* message = state_->message.get();
    pn_message_clear(message);
    std::size_t size = request.reply_to.size() + request.text.size();
    const std::string id = std::string(id_prefix) + std::to_string(request.number);
    pn_data_put_string(pn_message_id(message), bytes_of(id));
    pn_message_set_reply_to(message, request.reply_to.c_str());
    pn_data_t* properties = pn_message_properties(message);
    pn_data_put_map(properties);
    pn_data_enter(properties);
    for (const auto& [key, value] : request.properties) {
        pn_data_put_string(properties, bytes_of(key));
        pn_data_put_string(properties, bytes_of(value));
        size += key.size() + value.size() + 16;
    }
    pn_data_exit(properties);
    pn_data_t* body = pn_message_body(message);
    if (request.peek) {
        pn_data_put_map(body);
        pn_data_enter(body);
        pn_data_put_string(body, bytes_of("from-sequence-number"));
        pn_data_put_long(body, request.peek->from_sequence);
        pn_data_put_string(body, bytes_of("message-count"));
        pn_data_put_int(body, request.peek->count);
        pn_data_exit(body);
    } else {
        pn_data_put_string(body, bytes_of(request.text));
    }
    return state_->encoded(size);
}

std::string AmqpCodec::body_of(std::string_view encoded) {
    pn_message_t* message = state_->message.get();
    pn_message_clear(message);
    return decoded(message, encoded) ? body_text(message) : std::string();
}

AmqpReply AmqpCodec::reply_of(std::string_view encoded) {
    AmqpReply reply;
    pn_message_t* message = state_->message.get();
    pn_message_clear(message);
    reply.decoded = decoded(message, encoded) && state_->read_properties(reply);
    if (!reply.decoded) return reply;
    reply.correlation = correlation_of(message);
    state_->read_peeked(reply);
    return reply;
}

}  // namespace vc
