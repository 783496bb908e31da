// What the tests of the store share: messages from parts, and a time that stands still.
#pragma once

#include <string>

#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {

constexpr Instant noon{std::chrono::hours(24 * 365 * 56)};

struct Parts {
    std::string id;
    std::string body = "hello";
    std::string session{};
    std::string subject{};
    Value properties = map();
    Value annotations = map();
    std::int64_t ttl_ms = 0;
};

inline std::string bytes_of(const Parts& parts) {
    std::string out;
    if (parts.ttl_ms > 0) {
        put_value(
            out,
            described(0x70, list({{}, {}, uint_value(static_cast<std::uint32_t>(parts.ttl_ms))})));
    }
    if (!parts.annotations.items.empty()) put_value(out, described(0x72, parts.annotations));
    std::vector<Value> fields(13);
    if (!parts.id.empty()) fields[0] = string(parts.id);
    if (!parts.subject.empty()) fields[3] = string(parts.subject);
    if (!parts.session.empty()) fields[10] = string(parts.session);
    put_value(out, described(0x73, list(fields)));
    if (!parts.properties.items.empty()) put_value(out, described(0x74, parts.properties));
    put_value(out, described(0x75, binary(parts.body)));
    return out;
}

inline Message message_of(const Parts& parts) {
    return parse_message(bytes_of(parts), "assigned").value();
}

inline Message message_of(const std::string& id, const std::string& session = {}) {
    Parts parts;
    parts.id = id;
    parts.session = session;
    return message_of(parts);
}

// A message as a client reads it: the value of one of its annotations or properties, null if none.
inline Value section_value(const std::string& bytes, std::uint64_t code) {
    std::string_view rest = bytes;
    while (!rest.empty()) {
        const auto section = take_value(rest);
        if (!section || section->type != Type::Described) return {};
        if (static_cast<std::uint64_t>(section->items[0].number) == code) return section->items[1];
    }
    return {};
}
inline Value annotation(const std::string& bytes, const std::string& key) {
    const Value all = section_value(bytes, 0x72);
    const Value* found = all.find(key);
    return found == nullptr ? Value{} : *found;
}
inline Value property(const std::string& bytes, const std::string& key) {
    const Value all = section_value(bytes, 0x74);
    const Value* found = all.find(key);
    return found == nullptr ? Value{} : *found;
}

}  // namespace vc::lab::servicebus
