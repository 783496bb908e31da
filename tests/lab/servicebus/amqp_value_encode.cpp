#include <bit>

#include "tests/lab/servicebus/amqp_value.h"

namespace vc::lab::servicebus {
namespace {

void put_number(std::string& out, std::uint64_t number, std::size_t size) {
    for (std::size_t i = size; i-- > 0;)
        out.push_back(static_cast<char>(number >> (8 * i)));
}

void put_code(std::string& out, std::uint8_t code) {
    out.push_back(static_cast<char>(code));
}

void put_chars(std::string& out, std::uint8_t short_code, const std::string& text) {
    if (text.size() < 256) {
        put_code(out, short_code);
        put_number(out, text.size(), 1);
    } else {
        put_code(out, static_cast<std::uint8_t>(short_code + 0x10));
        put_number(out, text.size(), 4);
    }
    out += text;
}

void put_compound(std::string& out, std::uint8_t short_code, std::size_t count,
                  const std::string& inside) {
    if (inside.size() < 255 && count < 256) {
        put_code(out, short_code);
        put_number(out, inside.size() + 1, 1);
        put_number(out, count, 1);
    } else {
        put_code(out, static_cast<std::uint8_t>(short_code + 0x10));
        put_number(out, inside.size() + 4, 4);
        put_number(out, count, 4);
    }
    out += inside;
}

// The constructor of an array's items: the widest of its type, so that every item fits.
std::uint8_t wide_code(Type type) {
    switch (type) {
        case Type::Null:
            return 0x40;
        case Type::Bool:
            return 0x56;
        case Type::Ubyte:
            return 0x50;
        case Type::Ushort:
            return 0x60;
        case Type::Uint:
            return 0x70;
        case Type::Ulong:
            return 0x80;
        case Type::Byte:
            return 0x51;
        case Type::Short:
            return 0x61;
        case Type::Int:
            return 0x71;
        case Type::Long:
            return 0x81;
        case Type::Timestamp:
            return 0x83;
        case Type::Char:
            return 0x73;
        case Type::Float:
            return 0x72;
        case Type::Double:
            return 0x82;
        case Type::Decimal:
            return 0x94;
        case Type::Uuid:
            return 0x98;
        case Type::Binary:
            return 0xb0;
        case Type::String:
            return 0xb1;
        case Type::Symbol:
            return 0xb3;
        case Type::List:
            return 0xd0;
        case Type::Map:
            return 0xd1;
        case Type::Array:
            return 0xf0;
        case Type::Described:
            return 0x00;
    }
    return 0x40;
}

void put_items(std::string& out, const Value& value) {
    for (const Value& item : value.items)
        put_value(out, item);
}

void put_array(std::string& out, const Value& value);

// A value behind the constructor that wide_code() gave for it.
void put_wide(std::string& out, const Value& value) {
    const std::uint8_t code = wide_code(value.type);
    std::string inside;
    switch (value.type) {
        case Type::Float:
            put_number(out, std::bit_cast<std::uint32_t>(static_cast<float>(value.real)), 4);
            break;
        case Type::Double:
            put_number(out, std::bit_cast<std::uint64_t>(value.real), 8);
            break;
        case Type::Decimal:
        case Type::Uuid:
            out += value.text;
            break;
        case Type::Binary:
        case Type::String:
        case Type::Symbol:
            put_number(out, value.text.size(), 4);
            out += value.text;
            break;
        case Type::List:
        case Type::Map:
            put_items(inside, value);
            put_number(out, inside.size() + 4, 4);
            put_number(out, value.items.size(), 4);
            out += inside;
            break;
        case Type::Array:
            put_array(inside, value);
            out += inside.substr(1);  // it is always of the wide kind
            break;
        case Type::Described:
            break;
        default:
            put_number(out, static_cast<std::uint64_t>(value.number), width_of(code));
    }
}

void put_array(std::string& out, const Value& value) {
    std::string inside;
    const Type type = value.items.empty() ? Type::Null : value.items.front().type;
    put_code(inside, wide_code(type));
    std::size_t count = 0;
    for (const Value& item : value.items) {
        if (item.type != type || type == Type::Described) continue;
        put_wide(inside, item);
        ++count;
    }
    put_code(out, 0xf0);
    put_number(out, inside.size() + 4, 4);
    put_number(out, count, 4);
    out += inside;
}

bool small(const Value& value) {
    return value.number >= -128 && value.number <= 127;
}

void put_integer(std::string& out, const Value& value) {
    const auto bits = static_cast<std::uint64_t>(value.number);
    if ((value.type == Type::Uint || value.type == Type::Ulong) && bits < 256) {
        put_code(out, value.type == Type::Uint ? 0x52 : 0x53);
        put_number(out, bits, 1);
    } else if ((value.type == Type::Int || value.type == Type::Long) && small(value)) {
        put_code(out, value.type == Type::Int ? 0x54 : 0x55);
        put_number(out, bits, 1);
    } else {
        const std::uint8_t code = wide_code(value.type);
        put_code(out, code);
        put_number(out, bits, width_of(code));
    }
}

std::uint8_t decimal_code(const Value& value) {
    return value.text.size() == 4 ? 0x74 : value.text.size() == 8 ? 0x84 : 0x94;
}

}  // namespace

void put_value(std::string& out, const Value& value) {
    std::string inside;
    switch (value.type) {
        case Type::Null:
            put_code(out, 0x40);
            break;
        case Type::Bool:
            put_code(out, value.number != 0 ? 0x41 : 0x42);
            break;
        case Type::Binary:
            put_chars(out, 0xa0, value.text);
            break;
        case Type::String:
            put_chars(out, 0xa1, value.text);
            break;
        case Type::Symbol:
            put_chars(out, 0xa3, value.text);
            break;
        case Type::List:
            put_items(inside, value);
            put_compound(out, 0xc0, value.items.size(), inside);
            break;
        case Type::Map:
            put_items(inside, value);
            put_compound(out, 0xc1, value.items.size(), inside);
            break;
        case Type::Array:
            put_array(out, value);
            break;
        case Type::Described:
            put_code(out, 0x00);
            put_items(out, value);
            break;
        case Type::Decimal:
            put_code(out, decimal_code(value));
            out += value.text;
            break;
        case Type::Float:
        case Type::Double:
        case Type::Uuid:
            put_code(out, wide_code(value.type));
            put_wide(out, value);
            break;
        default:
            put_integer(out, value);
    }
}

}  // namespace vc::lab::servicebus
