#include "probes/amqp/frames.h"

#include <utility>

namespace vc {
namespace {

constexpr int most_depth = 16;
constexpr std::size_t most_fields = 32;
constexpr std::size_t most_handles = 64;
// A peer that asks for heartbeats more often than that has no use for them but to keep us busy.
constexpr std::uint64_t least_idle_milliseconds = 1000;
constexpr std::string_view known_types(
    "\x40\x41\x42\x43\x44\x45\x50\x51\x52\x53\x54\x55\x56\x60\x61\x70\x71\x72\x73\x74\x80\x81\x82"
    "\x83\x84\x94\x98\xa0\xa1\xa3\xb0\xb1\xb3\xc0\xc1\xd0\xd1\xe0\xf0",
    39);

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

bool is_known(char type) {
    return known_types.find(type) != std::string_view::npos;
}

std::uint64_t number(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes)
        value = value << 8 | static_cast<unsigned char>(byte);
    return value;
}

// Takes one value off the front; false when there is none that is well-formed.
bool take_value(std::string_view& bytes, int depth);

// What follows a constructor of a fixed or told size, without looking into it.
bool take_plain(std::string_view& bytes, unsigned type) {
    static constexpr std::size_t widths[]{0, 1, 2, 4, 8, 16};
    const unsigned kind = type >> 4;
    if (kind <= 9) {
        const std::size_t width = widths[kind - 4];
        if (bytes.size() < width) return false;
        bytes.remove_prefix(width);
        return true;
    }
    const std::size_t told = kind % 2 == 0 ? 1 : 4;  // a, c, e: one byte of size; b, d, f: four
    if (bytes.size() < told || bytes.size() - told < number(bytes.substr(0, told))) return false;
    bytes.remove_prefix(told + number(bytes.substr(0, told)));
    return true;
}

bool items_sound(std::string_view items, std::uint64_t count, int depth) {
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!take_value(items, depth)) return false;
    }
    return items.empty();
}

// Elements of one plain type, which may be described. Nobody sends others.
bool array_sound(std::string_view items, std::uint64_t count, int depth) {
    if (!items.empty() && items.front() == '\0') {
        items.remove_prefix(1);
        if (!take_value(items, depth)) return false;
    }
    if (items.empty()) return false;
    const unsigned type = byte_at(items, 0);
    if (!is_known(items.front()) || type >= 0xc0) return false;
    items.remove_prefix(1);
    if (type >> 4 == 4) return items.empty();  // of no bytes each, however many
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!take_plain(items, type)) return false;
    }
    return items.empty();
}

bool take_value(std::string_view& bytes, int depth) {
    if (bytes.empty() || depth > most_depth) return false;
    const unsigned type = byte_at(bytes, 0);
    const char constructor = bytes.front();
    bytes.remove_prefix(1);
    if (type == 0) return take_value(bytes, depth + 1) && take_value(bytes, depth + 1);
    if (!is_known(constructor)) return false;
    std::string_view rest = bytes;
    if (!take_plain(rest, type)) return false;
    std::string_view inside = bytes.substr(0, bytes.size() - rest.size());
    bytes = rest;
    if (type < 0xc0) return true;
    const std::size_t width = (type >> 4) % 2 == 0 ? 1 : 4;
    inside.remove_prefix(width);
    if (inside.size() < width) return false;
    const std::uint64_t count = number(inside.substr(0, width));
    inside.remove_prefix(width);
    if (type >= 0xe0) return array_sound(inside, count, depth + 1);
    const bool map = type == 0xc1 || type == 0xd1;
    return (!map || count % 2 == 0) && items_sound(inside, count, depth + 1);
}

// An unsigned number of up to 32 bits, or a descriptor of up to 64.
std::optional<std::uint64_t> unsigned_of(std::string_view value) {
    if (value.empty()) return std::nullopt;
    const unsigned type = byte_at(value, 0);
    if (type == 0x43 || type == 0x44) return 0;
    if (type == 0x50 || type == 0x52 || type == 0x53 || type == 0x60 || type == 0x70 ||
        type == 0x80) {
        return number(value.substr(1));
    }
    return std::nullopt;
}

std::optional<bool> bool_of(std::string_view value) {
    if (value.empty()) return std::nullopt;
    if (value.front() == '\x41') return true;
    if (value.front() == '\x42') return false;
    if (value.front() == '\x56') return value.back() != '\0';
    return std::nullopt;
}

bool is_text(std::string_view value) {
    return !value.empty() && (value.front() == '\xa1' || value.front() == '\xb1');
}

bool is_binary(std::string_view value) {
    return !value.empty() && (value.front() == '\xa0' || value.front() == '\xb0');
}

// What is inside of a list; nothing when it is none. Its values are known to be well-formed.
std::optional<std::string_view> inside_of_list(std::string_view value) {
    if (value.empty()) return std::nullopt;
    if (value.front() == '\x45') return std::string_view();
    if (value.front() == '\xc0') return value.substr(3);
    if (value.front() == '\xd0') return value.substr(9);
    return std::nullopt;
}

std::string_view field(const std::vector<std::string_view>& fields, std::size_t at) {
    return at < fields.size() ? fields[at] : std::string_view();
}

}  // namespace

std::optional<std::vector<std::string_view>> amqp_values(std::string_view bytes, std::size_t most) {
    std::vector<std::string_view> values;
    while (!bytes.empty()) {
        std::string_view rest = bytes;
        if (values.size() == most || !take_value(rest, 0)) return std::nullopt;
        values.push_back(bytes.substr(0, bytes.size() - rest.size()));
        bytes = rest;
    }
    return values;
}

bool is_amqp_message(std::string_view bytes) {
    if (bytes.empty()) return false;
    while (!bytes.empty()) {
        if (bytes.front() != '\0' || !take_value(bytes, 0)) return false;
    }
    return true;
}

bool FrameGuard::broken(const char* words) {
    words_ = words;
    return false;
}

bool FrameGuard::add(std::string_view bytes) {
    if (!words_.empty()) return false;
    const bool held = !pending_.empty();
    if (held) pending_ += bytes;
    std::string_view rest = held ? std::string_view(pending_) : bytes;
    while (rest.size() >= 8) {
        const bool header = rest.starts_with("AMQP");
        const std::uint64_t size = header ? 8 : number(rest.substr(0, 4));
        if (size < 8) return broken("a frame shorter than its head");
        if (size > most_) return broken("a frame of more than 64 KiB");
        if (rest.size() < size) break;
        if (!header && !check_frame(rest.substr(0, size))) return false;
        passed_ += rest.substr(0, size);
        rest.remove_prefix(size);
    }
    pending_ = std::string(rest);
    // What is no head of anything need not be waited for.
    if (!pending_.empty() && pending_.front() != '\0' &&
        !std::string_view("AMQP").starts_with(std::string_view(pending_).substr(0, 4))) {
        return broken("bytes that are no AMQP");
    }
    return true;
}

std::string FrameGuard::take() {
    return std::exchange(passed_, {});
}

bool FrameGuard::check_frame(std::string_view frame) {
    const std::size_t begins = 4U * byte_at(frame, 4);
    const unsigned type = byte_at(frame, 5);
    if (begins < 8 || begins > frame.size()) return broken("a frame that begins beyond its end");
    if (type > 1) return broken("a frame of an unknown type");
    const std::string_view body = frame.substr(begins);
    if (type == 1) return check_sasl(body);
    return body.empty() || check_performative(body);  // nothing in it: a heartbeat
}

// Mechanisms, then an outcome, each once; none of our mechanisms is ever challenged.
bool FrameGuard::check_sasl(std::string_view body) {
    const auto value = amqp_values(body, 1);
    if (!value || value->empty() || body.front() != '\0') {
        return broken("a frame that is not well-formed");
    }
    const auto parts = amqp_values(body.substr(1), 2);
    const auto code = parts && parts->size() == 2 ? unsigned_of((*parts)[0]) : std::nullopt;
    if (code == 0x40 && !judged_ && !std::exchange(offered_, true)) return true;
    if (code == 0x44 && offered_ && !std::exchange(judged_, true)) return true;
    return broken("a frame of SASL out of turn");
}

bool FrameGuard::check_performative(std::string_view body) {
    std::string_view rest = body;
    if (!take_value(rest, 0) || body.front() != '\0') {
        return broken("a frame that is not well-formed");
    }
    const auto parts = amqp_values(body.substr(1, body.size() - rest.size() - 1), 2);
    const auto code = parts && parts->size() == 2 ? unsigned_of((*parts)[0]) : std::nullopt;
    const auto inside = code ? inside_of_list((*parts)[1]) : std::nullopt;
    const auto fields = inside ? amqp_values(*inside, most_fields) : std::nullopt;
    if (!fields) return broken("a frame that is no performative");
    if (*code != 0x14 && !rest.empty()) return broken("a payload where none belongs");
    if (*code != 0x10 && !opened_) return broken("a performative before the open");
    switch (*code) {
        case 0x10:
            if (std::exchange(opened_, true)) return broken("a second open");
            if (!is_text(field(*fields, 0))) return broken("an open without a container");
            return check_idle_time(field(*fields, 4));
        case 0x11:
            if (unsigned_of(field(*fields, 0)) != std::uint64_t{0}) {
                return broken("the peer began a session of its own");
            }
            return !std::exchange(begun_, true) || broken("a second begin");
        case 0x12:
            return check_attach(*fields);
        case 0x13:
            return true;
        case 0x14:
            return check_transfer(*fields);
        case 0x15:
            return (bool_of(field(*fields, 0)) && unsigned_of(field(*fields, 1))) ||
                   broken("a disposition of nothing");
        case 0x16: {
            const auto handle = unsigned_of(field(*fields, 0));
            return (handle && handles_.erase(*handle) > 0) || broken("a detach of no link");
        }
        case 0x17:
        case 0x18:
            return true;
        default:
            return broken("a performative that is unknown");
    }
}

// None, or zero, is for ever.
bool FrameGuard::check_idle_time(std::string_view value) {
    const std::uint64_t told = unsigned_of(value).value_or(0);
    return told == 0 || told >= least_idle_milliseconds ||
           broken("an idle timeout of less than a second");
}

bool FrameGuard::check_attach(const std::vector<std::string_view>& fields) {
    const auto handle = unsigned_of(field(fields, 1));
    const auto receives = bool_of(field(fields, 2));
    if (!begun_ || !is_text(field(fields, 0)) || !handle || !receives) {
        return broken("an attach of nothing");
    }
    if (handles_.size() >= most_handles) return broken("more than 64 links");
    if (!handles_.emplace(*handle, Handle{!*receives, false}).second) {
        return broken("an attach of a handle that is in use");
    }
    return true;
}

bool FrameGuard::check_transfer(const std::vector<std::string_view>& fields) {
    const auto handle = unsigned_of(field(fields, 0));
    const auto link = handle ? handles_.find(*handle) : handles_.end();
    if (link == handles_.end() || !link->second.sends) return broken("a transfer over no link");
    const bool named = unsigned_of(field(fields, 1)) && is_binary(field(fields, 2));
    if (!named && !link->second.unfinished) return broken("a transfer of no delivery");
    const bool more = bool_of(field(fields, 5)).value_or(false);
    const bool aborted = bool_of(field(fields, 9)).value_or(false);
    link->second.unfinished = more && !aborted;
    return true;
}

}  // namespace vc
