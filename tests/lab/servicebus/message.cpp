#include "tests/lab/servicebus/message.h"

#include <algorithm>
#include <array>
#include <limits>

namespace vc::lab::servicebus {
namespace {

// Descriptors of the sections (amqp-core-messaging 3.2).
enum Section : std::uint64_t {
    header = 0x70,
    delivery_annotations = 0x71,
    message_annotations = 0x72,
    properties = 0x73,
    application_props = 0x74,
    data = 0x75,
    sequence = 0x76,
    amqp_value = 0x77,
    footer = 0x78
};

constexpr std::size_t property_count = 13;
constexpr std::size_t most_messages = 4500;  // in a batch; Service Bus takes 4500 at most

struct Part {
    std::uint64_t kind = 0;
    std::string_view whole;  // with its descriptor
    std::string_view inner;  // the section's value
};

// Takes one section; nothing when the bytes are no section.
std::optional<Part> take_section(std::string_view& bytes) {
    if (bytes.empty() || bytes.front() != '\0') return std::nullopt;
    std::string_view rest = bytes.substr(1);
    const auto descriptor = take_value(rest);
    if (!descriptor || !descriptor->is_integer()) return std::nullopt;
    const auto kind = static_cast<std::uint64_t>(descriptor->number);
    if (kind < header || kind > footer) return std::nullopt;
    const auto inner = take_raw(rest);
    if (!inner) return std::nullopt;
    const std::string_view whole = bytes.substr(0, bytes.size() - rest.size());
    bytes = rest;
    return Part{kind, whole, *inner};
}

std::string section(Section kind, const Value& value) {
    std::string out;
    put_value(out, described(kind, value));
    return out;
}

std::optional<Value> read(std::string_view bytes) {
    return take_value(bytes);
}

// A message-id may be a ulong, a uuid, binary or a string; for comparing they are all text.
std::string id_text(const Value& id) {
    if (id.is_integer()) return std::to_string(static_cast<std::uint64_t>(id.number));
    return id.text;
}

void read_header(const Part& part, Message& message) {
    const auto fields = read(part.inner);
    if (!fields || fields->type != Type::List) return;
    const auto at = [&](std::size_t i) {
        return i < fields->items.size() ? fields->items[i] : Value{};
    };
    message.durable = at(0).number != 0;
    if (at(1).is_integer()) message.priority = static_cast<std::uint8_t>(at(1).number);
    if (at(2).is_integer()) message.ttl = std::chrono::milliseconds(at(2).number);
}

bool is_brokers(std::string_view key) {
    static constexpr std::array<std::string_view, 10> own = {
        "x-opt-sequence-number",       "x-opt-enqueued-time", "x-opt-locked-until",
        "x-opt-deadletter-source",     "x-opt-message-state", "x-opt-enqueue-sequence-number",
        "x-opt-partition-key",         "x-opt-lock-token",    "x-opt-via-partition-key",
        "x-opt-scheduled-enqueue-time"};
    return std::find(own.begin(), own.end(), key) != own.end();
}

// Clients differ in what they call a key: symbols, as the specification has it, or strings.
void read_annotation(const std::string& key, const Value& value, Message& message) {
    if (key == "x-opt-partition-key" && value.is_text()) message.partition_key = value.text;
    if (key == "x-opt-via-partition-key" && value.is_text()) message.via_partition_key = value.text;
    if (key == "x-opt-scheduled-enqueue-time" && value.is_integer()) {
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000;
        const std::int64_t at = std::clamp<std::int64_t>(value.number, 0, most);
        message.scheduled = Instant{std::chrono::milliseconds(at)};
    }
}

void read_annotations(const Part& part, Message& message) {
    const auto map = read(part.inner);
    if (!map || map->type != Type::Map) return;
    for (std::size_t i = 0; i + 1 < map->items.size(); i += 2) {
        const Value& key = map->items[i];
        const Value& value = map->items[i + 1];
        if (is_brokers(key.text)) {
            read_annotation(key.text, value, message);
            continue;
        }
        put_value(message.annotations, key);
        put_value(message.annotations, value);
        message.annotation_count += 2;
    }
}

void read_properties(const Part& part, Message& message) {
    const auto fields = read(part.inner);
    if (!fields || fields->type != Type::List) return;
    message.properties = part.whole;
    if (!fields->items.empty()) message.id = id_text(fields->items[0]);
    if (fields->items.size() > 10 && fields->items[10].is_text()) {
        message.session = fields->items[10].text;
    }
}

// Every message that is handed out has an id: Microsoft's clients look up deliveries by it.
void ensure_id(Message& message, const std::string& fallback_id) {
    if (!message.id.empty()) return;
    std::vector<Value> fields = property_fields(message);
    fields[0] = string(fallback_id);
    set_property_fields(message, std::move(fields));
}

// The payload of a Data section, when it is itself a message.
std::optional<std::string_view> message_within(const Part& part) {
    std::string_view inner = part.inner;
    if (inner.empty()) return std::nullopt;
    const auto code = static_cast<std::uint8_t>(inner.front());
    const std::size_t skip = code == 0xa0 ? 2 : code == 0xb0 ? 5 : 0;
    if (skip == 0 || inner.size() < skip) return std::nullopt;
    return inner.substr(skip);
}

bool is_message(std::string_view bytes) {
    if (bytes.empty()) return false;
    bool body = false;
    while (!bytes.empty()) {
        const auto part = take_section(bytes);
        if (!part) return false;
        body = body || (part->kind >= data && part->kind <= amqp_value);
    }
    return body;
}

// Without the transfer's format: several Data sections, each a message of its own.
bool looks_like_batch(const std::vector<std::string_view>& within) {
    return within.size() > 1 && std::all_of(within.begin(), within.end(), is_message);
}

void put_pair(std::string& out, std::uint32_t& count, std::string_view key, const Value& value) {
    put_value(out, symbol(std::string(key)));
    put_value(out, value);
    count += 2;
}

std::string header_section(const Message& message, const BrokerProperties& broker) {
    std::vector<Value> fields;
    fields.push_back(boolean(message.durable));
    Value priority;
    if (message.priority) {
        priority.type = Type::Ubyte;
        priority.number = *message.priority;
    }
    fields.push_back(priority);
    const auto ttl_ms = message.ttl ? message.ttl->count() / 1'000'000 : 0;
    fields.push_back(message.ttl ? uint_value(static_cast<std::uint32_t>(ttl_ms)) : Value{});
    fields.push_back({});  // first-acquirer
    fields.push_back(uint_value(broker.delivery_count));
    return section(header, list(std::move(fields)));
}

std::string annotations_section(const Message& message, const BrokerProperties& broker) {
    std::string pairs = message.annotations;
    std::uint32_t count = message.annotation_count;
    put_pair(pairs, count, "x-opt-enqueued-time", timestamp(unix_ms(broker.enqueued)));
    put_pair(pairs, count, "x-opt-sequence-number", long_value(broker.sequence));
    put_pair(pairs, count, "x-opt-enqueue-sequence-number", long_value(broker.enqueued_sequence));
    if (message.partition_key) {
        put_pair(pairs, count, "x-opt-partition-key", string(*message.partition_key));
    }
    if (message.via_partition_key) {
        put_pair(pairs, count, "x-opt-via-partition-key", string(*message.via_partition_key));
    }
    if (message.scheduled) {
        put_pair(pairs, count, "x-opt-scheduled-enqueue-time",
                 timestamp(unix_ms(*message.scheduled)));
    }
    if (broker.locked_until) {
        put_pair(pairs, count, "x-opt-locked-until", timestamp(unix_ms(*broker.locked_until)));
    }
    if (!broker.dead_letter_source.empty()) {
        put_pair(pairs, count, "x-opt-deadletter-source", string(broker.dead_letter_source));
    }
    put_pair(pairs, count, "x-opt-message-state", int_value(broker.state));
    std::string out("\0\x53\x72\xd1", 4);
    const std::uint64_t size = pairs.size() + 4;
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(size >> shift));
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(count >> shift));
    return out + pairs;
}

}  // namespace

std::optional<Message> parse_message(std::string_view bytes, const std::string& fallback_id) {
    if (bytes.empty()) return std::nullopt;
    Message message;
    while (!bytes.empty()) {
        const auto part = take_section(bytes);
        if (!part) return std::nullopt;
        switch (part->kind) {
            case header:
                read_header(*part, message);
                break;
            case delivery_annotations:
                break;
            case message_annotations:
                read_annotations(*part, message);
                break;
            case properties:
                read_properties(*part, message);
                break;
            case application_props:
                if (const auto map = read(part->inner); !map || map->type != Type::Map) {
                    return std::nullopt;
                }
                message.application_properties = part->whole;
                break;
            default:
                message.body += part->whole;
        }
    }
    ensure_id(message, fallback_id);
    return message;
}

std::optional<std::vector<Message>> parse_transfer(std::string_view bytes, std::uint32_t format,
                                                   const std::string& fallback_id) {
    std::vector<std::string_view> within;
    std::string_view rest = bytes;
    while (!rest.empty() && within.size() < most_messages) {
        const auto part = take_section(rest);
        if (!part) return std::nullopt;
        if (part->kind != data) continue;
        if (const auto inner = message_within(*part)) within.push_back(*inner);
    }
    std::vector<Message> messages;
    if (format != batch_format && !looks_like_batch(within)) {
        auto message = parse_message(bytes, fallback_id);
        if (!message) return std::nullopt;
        messages.push_back(std::move(*message));
        return messages;
    }
    for (const std::string_view one : within) {
        const std::size_t number = messages.size() + 1;
        auto message = parse_message(
            one, number == 1 ? fallback_id : fallback_id + "-" + std::to_string(number));
        if (!message) return std::nullopt;
        messages.push_back(std::move(*message));
    }
    if (messages.empty()) return std::nullopt;
    return messages;
}

std::vector<Value> property_fields(const Message& message) {
    std::vector<Value> fields;
    std::string_view bytes = message.properties;
    if (const auto part = take_section(bytes)) {
        if (auto read_fields = read(part->inner); read_fields && read_fields->type == Type::List) {
            fields = std::move(read_fields->items);
        }
    }
    fields.resize(property_count);
    return fields;
}

Value application_properties(const Message& message) {
    std::string_view bytes = message.application_properties;
    if (const auto part = take_section(bytes)) {
        if (auto read_map = read(part->inner); read_map && read_map->type == Type::Map) {
            return std::move(*read_map);
        }
    }
    return map();
}

Value body_value(const Message& message) {
    std::string_view bytes = message.body;
    const auto part = take_section(bytes);
    if (!part || part->kind != amqp_value) return {};
    return read(part->inner).value_or(Value{});
}

void set_application_properties(Message& message, const Value& values) {
    Value all = application_properties(message);
    for (std::size_t i = 0; i + 1 < values.items.size(); i += 2) {
        const Value& key = values.items[i];
        bool found = false;
        for (std::size_t k = 0; k + 1 < all.items.size() && !found; k += 2) {
            if (all.items[k].text != key.text) continue;
            all.items[k + 1] = values.items[i + 1];
            found = true;
        }
        if (!found) all.add(key.text, values.items[i + 1]);
    }
    message.application_properties = section(application_props, all);
}

void remove_application_property(Message& message, const std::string& name) {
    Value all = application_properties(message);
    for (std::size_t i = 0; i + 1 < all.items.size(); i += 2) {
        if (all.items[i].text != name) continue;
        const auto at = all.items.begin() + static_cast<std::ptrdiff_t>(i);
        all.items.erase(at, at + 2);
        break;
    }
    message.application_properties = section(application_props, all);
}

void set_property_fields(Message& message, std::vector<Value> fields) {
    message.id = id_text(fields[0]);
    message.session.reset();
    if (fields[10].is_text()) message.session = fields[10].text;
    while (fields.size() > 1 && fields.back().null())
        fields.pop_back();
    message.properties = section(properties, list(std::move(fields)));
}

std::string encode_message(const Message& message, const BrokerProperties& broker) {
    std::string out;
    out.reserve(message.size() + 320);
    out += header_section(message, broker);
    if (broker.lock_token) {
        Value annotations = map();
        annotations.items = {symbol("x-opt-lock-token"), uuid(swapped_guid(*broker.lock_token))};
        out += section(delivery_annotations, annotations);
    }
    out += annotations_section(message, broker);
    out += message.properties;
    out += message.application_properties;
    out += message.body;
    return out;
}

Uuid swapped_guid(const Uuid& token) {
    Uuid swapped = token;
    std::reverse(swapped.begin(), swapped.begin() + 4);
    std::reverse(swapped.begin() + 4, swapped.begin() + 6);
    std::reverse(swapped.begin() + 6, swapped.begin() + 8);
    return swapped;
}

std::int64_t unix_ms(Instant at) {
    return at.time_since_epoch().count() / 1'000'000;
}

}  // namespace vc::lab::servicebus
