#include "tests/lab/amqp_frame.h"

namespace vc::lab {
namespace {

std::uint32_t big_endian(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char c : bytes)
        value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

// Reads typed values off the front; after a failure everything is empty.
class Cursor {
  public:
    explicit Cursor(std::string_view bytes) : rest_(bytes) {}

    unsigned octet() {
        const std::string_view one = take(1);
        return one.empty() ? 0x100u : static_cast<unsigned char>(one[0]);
    }
    std::string_view take(std::size_t size) {
        if (size > rest_.size()) {
            rest_ = {};
            return {};
        }
        const std::string_view part = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return part;
    }
    // One primitive value of the fixed and variable widths; its octets. Lists and maps too.
    std::string_view value(unsigned& code) {
        code = octet();
        switch (code >> 4) {
            case 0x4:
                return {};
            case 0x5:
                return take(1);
            case 0x6:
                return take(2);
            case 0x7:
                return take(4);
            case 0x8:
                return take(8);
            case 0x9:
                return take(16);
            case 0xa:
            case 0xc:
            case 0xe:
                return take(octet());
            case 0xb:
            case 0xd:
            case 0xf:
                return take(big_endian(take(4)));
            default:
                rest_ = {};
                return {};
        }
    }

  private:
    std::string_view rest_;
};

struct Head {
    std::uint64_t descriptor = 0;
    std::string_view list;  // from its count on
    bool wide = false;      // a list32
};

Head head_of(std::string_view frame) {
    Head head;
    if (frame.size() < 8 || frame[5] != 0) return head;
    const std::size_t offset = static_cast<unsigned char>(frame[4]) * 4u;
    if (offset < 8 || offset > frame.size()) return head;
    Cursor cursor(frame.substr(offset));
    if (cursor.octet() != 0) return head;
    unsigned code = 0;
    const std::string_view descriptor = cursor.value(code);
    if (code != 0x53 && code != 0x80) return head;
    for (const char c : descriptor)
        head.descriptor = head.descriptor << 8 | static_cast<unsigned char>(c);
    head.list = cursor.value(code);
    head.wide = code == 0xd0;
    if (code != 0xc0 && code != 0xd0) head.list = {};
    return head;
}

}  // namespace

std::optional<std::size_t> frame_size(std::string_view bytes) {
    if (bytes.size() < 4) return std::nullopt;
    if (bytes.starts_with("AMQP")) return 8;
    const std::uint32_t size = big_endian(bytes.substr(0, 4));
    return size < 8 || size > largest_frame ? 0 : size;
}

bool is_sasl(std::string_view frame) {
    return frame.size() >= 8 && !frame.starts_with("AMQP") && frame[5] == 1;
}

Performative performative(std::string_view frame) {
    switch (head_of(frame).descriptor) {
        case 0x10:
            return Performative::Open;
        case 0x11:
            return Performative::Begin;
        case 0x12:
            return Performative::Attach;
        case 0x13:
            return Performative::Flow;
        case 0x14:
            return Performative::Transfer;
        case 0x15:
            return Performative::Disposition;
        case 0x16:
            return Performative::Detach;
        case 0x17:
            return Performative::End;
        case 0x18:
            return Performative::Close;
        default:
            return Performative::Other;
    }
}

std::uint32_t message_format(std::string_view frame) {
    const Head head = head_of(frame);
    if (head.descriptor != 0x14) return 0;
    Cursor fields(head.list);
    const std::uint32_t count = big_endian(fields.take(head.wide ? 4 : 1));
    if (count < 4) return 0;
    unsigned code = 0;
    for (int before = 0; before < 3; ++before)  // handle, delivery-id, delivery-tag
        fields.value(code);
    const std::string_view format = fields.value(code);
    const bool is_uint = code == 0x70 || code == 0x52;
    return is_uint ? big_endian(format) : 0;
}

}  // namespace vc::lab
