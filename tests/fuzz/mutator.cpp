#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vc::fuzz {
namespace {

std::string big_endian(std::uint64_t number, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i)
        text += static_cast<char>(number >> (8 * i));
    return text;
}

std::uint32_t size_of(std::string_view frame) {
    std::uint32_t size = 0;
    for (const char byte : frame.substr(0, 4))
        size = size << 8 | static_cast<unsigned char>(byte);
    return size;
}

constexpr std::array sizes{0U,    1U,       4U,       7U,          8U,          9U,
                           0xffU, 0x10000U, 0x10001U, 0x7fffffffU, 0x80000000U, 0xffffffffU};
constexpr std::array performatives{'\x10', '\x11', '\x12', '\x13', '\x14', '\x15', '\x16', '\x17',
                                   '\x18', '\x40', '\x41', '\x42', '\x43', '\x44', '\x24', '\x28',
                                   '\x29', '\x1d', '\x70', '\x73', '\x75', '\x77', '\xff'};
constexpr std::array words{
    "voltcanary-send-1", "voltcanary-receive-1", "c-0-1-cbs", "$cbs", "amqp:internal-error",
    "canary-0",          "status-code",          ""};

}  // namespace

std::vector<std::string> split_frames(std::string_view stream) {
    std::vector<std::string> frames;
    while (!stream.empty()) {
        std::size_t size = stream.starts_with("AMQP") ? 8 : size_of(stream);
        if (stream.size() < 8 || size < 8 || size > stream.size()) size = stream.size();
        frames.emplace_back(stream.substr(0, size));
        stream.remove_prefix(size);
    }
    return frames;
}

std::string Mutator::spoil(std::string_view stream) {
    std::vector<std::string> frames = split_frames(stream);
    const std::uint64_t changes = 1 + below(3);
    for (std::uint64_t i = 0; i < changes; ++i)
        spoil_frames(frames);
    std::string spoilt;
    for (const std::string& frame : frames)
        spoilt += frame;
    return spoilt;
}

void Mutator::spoil_frames(std::vector<std::string>& frames) {
    if (frames.empty()) {
        frames.push_back(frame());
        return;
    }
    const std::size_t at = below(frames.size());
    const std::size_t other = below(frames.size());
    switch (below(9)) {
        case 0:
        case 1:
        case 2:
            spoil_bytes(frames[at]);
            break;
        case 3:
            spoil_length(frames[at]);
            break;
        case 4:
            frames[at].resize(below(frames[at].size() + 1));
            break;
        case 5:
            frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(at), frames[other]);
            break;
        case 6:
            std::swap(frames[at], frames[other]);
            break;
        case 7:
            frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(at));
            break;
        default:
            frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(at), frame());
            break;
    }
}

void Mutator::spoil_bytes(std::string& bytes) {
    if (bytes.empty()) return;
    const std::uint64_t changes = 1 + below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
        const std::size_t at = below(bytes.size());
        switch (below(4)) {
            case 0:
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
                break;
            case 1:
                bytes[at] = static_cast<char>(below(256));
                break;
            case 2:
                bytes.insert(at, 1 + below(8), static_cast<char>(below(256)));
                break;
            default:
                bytes[at] = performatives[below(performatives.size())];
                break;
        }
    }
}

void Mutator::spoil_length(std::string& frame) {
    if (frame.size() < 8) return;
    if (one_in(3)) {
        frame[4] = static_cast<char>(below(256));  // where the body begins
    } else {
        frame.replace(0, 4, big_endian(sizes[below(sizes.size())], 4));
    }
}

std::string Mutator::text() {
    std::string some(one_in(3) ? std::string(below(300), static_cast<char>(below(256)))
                               : words[below(words.size())]);
    if (some.size() < 256 && !one_in(4)) {
        return std::string(1, one_in(2) ? '\xa1' : '\xa3') + big_endian(some.size(), 1) + some;
    }
    return std::string("\xb1") + big_endian(some.size(), 4) + some;
}

// Of any type, also of none; lists and maps of them, down to a depth.
std::string Mutator::value(int depth) {
    switch (below(depth > 0 ? 10 : 7)) {
        case 0:
            return "\x40";
        case 1:
            return one_in(2) ? "\x41" : "\x42";
        case 2:
            return "\x43";
        case 3:
            return "\x52" + big_endian(below(256), 1);
        case 4:
            return "\x70" + big_endian(sizes[below(sizes.size())], 4);
        case 5:
            return text();
        case 6:
            return std::string(1, static_cast<char>(below(256))) + big_endian(below(1U << 16), 2);
        case 7:  // described
            return std::string("\x00\x53", 2) + performatives[below(performatives.size())] +
                   value(depth - 1);
        default: {
            std::string items;
            const std::uint64_t count = below(9);
            for (std::uint64_t i = 0; i < count; ++i)
                items += value(depth - 1);
            const char type = std::array{'\xd0', '\xd1', '\xf0'}[below(3)];
            const std::uint64_t told = one_in(8) ? below(1U << 20) : count;
            return type + big_endian(items.size() + 4, 4) + big_endian(told, 4) + items;
        }
    }
}

std::string Mutator::frame() {
    std::string items;
    const std::uint64_t count = below(14);
    for (std::uint64_t i = 0; i < count; ++i)
        items += value(3);
    std::string body = std::string("\x00\x53", 2) + performatives[below(performatives.size())];
    body += '\xd0' + big_endian(items.size() + 4, 4) + big_endian(count, 4) + items;
    if (one_in(4)) body += std::string(below(200), static_cast<char>(below(256)));
    // One level for every byte, as deep as a frame is long.
    if (one_in(16)) body += std::string(60'000, std::array{'\x00', '\xd0', '\xc0'}[below(3)]);
    const std::uint64_t size = body.size() + 8;
    return big_endian(size, 4) + '\x02' + static_cast<char>(one_in(6)) +
           big_endian(one_in(6) ? below(1U << 16) : 0, 2) + body;
}

}  // namespace vc::fuzz
