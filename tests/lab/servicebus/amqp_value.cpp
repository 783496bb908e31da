#include "tests/lab/servicebus/amqp_value.h"

#include <bit>
#include <cstring>

namespace vc::lab::servicebus {
namespace {

constexpr int most_levels = 16;

// Reads big-endian integers off the front; once it has failed it stays failed.
class In {
  public:
    explicit In(std::string_view bytes) : rest_(bytes) {}
    bool good() const { return good_; }
    std::string_view rest() const { return rest_; }

    std::uint64_t number(std::size_t size) {
        std::uint64_t read = 0;
        for (const char c : take(size))
            read = read << 8 | static_cast<unsigned char>(c);
        return read;
    }
    std::string_view take(std::size_t size) {
        if (size > rest_.size()) {
            good_ = false;
            return {};
        }
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    Value value(int level);

  private:
    Value fixed(std::uint8_t code);
    Value compound(std::uint8_t code, int level);
    Value body_of(std::uint8_t code, int level);
    void fail() { good_ = false; }

    std::string_view rest_;
    bool good_ = true;
};

Value integer(Type type, std::int64_t number) {
    Value made;
    made.type = type;
    made.number = number;
    return made;
}

Value chars(Type type, std::string_view text) {
    Value made;
    made.type = type;
    made.text = text;
    return made;
}

Value floating(Type type, double real) {
    Value made;
    made.type = type;
    made.real = real;
    return made;
}

Value In::fixed(std::uint8_t code) {
    switch (code) {
        case 0x40:
            return {};
        case 0x41:
        case 0x42:
            return integer(Type::Bool, code == 0x41);
        case 0x43:
            return integer(Type::Uint, 0);
        case 0x44:
            return integer(Type::Ulong, 0);
        case 0x50:
            return integer(Type::Ubyte, static_cast<std::int64_t>(number(1)));
        case 0x51:
            return integer(Type::Byte, static_cast<std::int8_t>(number(1)));
        case 0x52:
            return integer(Type::Uint, static_cast<std::int64_t>(number(1)));
        case 0x53:
            return integer(Type::Ulong, static_cast<std::int64_t>(number(1)));
        case 0x54:
            return integer(Type::Int, static_cast<std::int8_t>(number(1)));
        case 0x55:
            return integer(Type::Long, static_cast<std::int8_t>(number(1)));
        case 0x56:
            return integer(Type::Bool, number(1) != 0);
        case 0x60:
            return integer(Type::Ushort, static_cast<std::int64_t>(number(2)));
        case 0x61:
            return integer(Type::Short, static_cast<std::int16_t>(number(2)));
        case 0x70:
            return integer(Type::Uint, static_cast<std::int64_t>(number(4)));
        case 0x71:
            return integer(Type::Int, static_cast<std::int32_t>(number(4)));
        case 0x72:
            return floating(Type::Float,
                            std::bit_cast<float>(static_cast<std::uint32_t>(number(4))));
        case 0x73:
            return integer(Type::Char, static_cast<std::int64_t>(number(4)));
        case 0x80:
            return integer(Type::Ulong, static_cast<std::int64_t>(number(8)));
        case 0x81:
            return integer(Type::Long, static_cast<std::int64_t>(number(8)));
        case 0x82:
            return floating(Type::Double, std::bit_cast<double>(number(8)));
        case 0x83:
            return integer(Type::Timestamp, static_cast<std::int64_t>(number(8)));
        case 0x74:
        case 0x84:
        case 0x94:
            return chars(Type::Decimal, take(width_of(code)));
        case 0x98:
            return chars(Type::Uuid, take(16));
        default:
            fail();
            return {};
    }
}

Value In::compound(std::uint8_t code, int level) {
    const bool is_array = code == 0xe0 || code == 0xf0;
    const std::size_t width = code >= 0xd0 && code != 0xe0 ? 4 : 1;
    In inside(take(number(width)));
    const std::uint64_t count = inside.number(width);
    // An item takes a byte at least, but for items of no width in an array.
    if (!good_ || !inside.good() || count > inside.rest().size() + (is_array ? 256 : 0)) {
        fail();
        return {};
    }
    Value made;
    made.type = is_array ? Type::Array : (code == 0xc1 || code == 0xd1) ? Type::Map : Type::List;
    made.items.reserve(count);
    std::uint8_t item_code = 0;
    if (is_array) item_code = static_cast<std::uint8_t>(inside.number(1));
    if (is_array && item_code == 0) return fail(), Value{};  // arrays of described values: no use
    for (std::uint64_t i = 0; i < count && inside.good(); ++i)
        made.items.push_back(is_array ? inside.body_of(item_code, level + 1)
                                      : inside.value(level + 1));
    if (!inside.good() || (made.type == Type::Map && count % 2 != 0)) fail();
    return made;
}

Value In::body_of(std::uint8_t code, int level) {
    switch (code) {
        case 0xa0:
        case 0xb0:
            return chars(Type::Binary, take(number(code == 0xa0 ? 1 : 4)));
        case 0xa1:
        case 0xb1:
            return chars(Type::String, take(number(code == 0xa1 ? 1 : 4)));
        case 0xa3:
        case 0xb3:
            return chars(Type::Symbol, take(number(code == 0xa3 ? 1 : 4)));
        case 0x45:
            return list();
        case 0xc0:
        case 0xc1:
        case 0xd0:
        case 0xd1:
        case 0xe0:
        case 0xf0:
            return compound(code, level);
        default:
            return fixed(code);
    }
}

Value In::value(int level) {
    if (level > most_levels) {
        fail();
        return {};
    }
    const auto code = static_cast<std::uint8_t>(number(1));
    if (!good_) return {};
    if (code != 0) return body_of(code, level);
    Value made;
    made.type = Type::Described;
    made.items.push_back(value(level + 1));
    if (good_) made.items.push_back(value(level + 1));
    return made;
}

// The bytes of one value, without reading what is in it.
bool skip(In& in, int level) {
    if (level > most_levels) return false;
    const auto code = static_cast<std::uint8_t>(in.number(1));
    if (!in.good()) return false;
    if (code == 0) return skip(in, level + 1) && skip(in, level + 1);
    const int kind = code >> 4;
    if (kind >= 0x4 && kind <= 0x9) {
        in.take(width_of(code));
    } else if (kind == 0xa || kind == 0xc || kind == 0xe) {
        in.take(in.number(1));
    } else if (kind == 0xb || kind == 0xd || kind == 0xf) {
        in.take(in.number(4));
    } else {
        return false;
    }
    return in.good();
}

}  // namespace

std::size_t width_of(std::uint8_t code) {
    switch (code >> 4) {
        case 0x5:
            return 1;
        case 0x6:
            return 2;
        case 0x7:
            return 4;
        case 0x8:
            return 8;
        case 0x9:
            return 16;
        default:
            return 0;
    }
}

double Value::as_real() const {
    if (type == Type::Ulong) return static_cast<double>(static_cast<std::uint64_t>(number));
    return is_integer() ? static_cast<double>(number) : real;
}

const Value* Value::find(std::string_view key) const {
    if (type != Type::Map) return nullptr;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
        if (items[i].is_text() && items[i].text == key) return &items[i + 1];
    }
    return nullptr;
}

void Value::add(std::string_view key, Value value) {
    items.push_back(string(std::string(key)));
    items.push_back(std::move(value));
}

Value boolean(bool yes) {
    return integer(Type::Bool, yes);
}
Value int_value(std::int32_t number) {
    return integer(Type::Int, number);
}
Value uint_value(std::uint32_t number) {
    return integer(Type::Uint, number);
}
Value long_value(std::int64_t number) {
    return integer(Type::Long, number);
}
Value ulong_value(std::uint64_t number) {
    return integer(Type::Ulong, static_cast<std::int64_t>(number));
}
Value timestamp(std::int64_t unix_ms) {
    return integer(Type::Timestamp, unix_ms);
}
Value string(std::string text) {
    return chars(Type::String, text);
}
Value symbol(std::string text) {
    return chars(Type::Symbol, text);
}
Value binary(std::string bytes) {
    return chars(Type::Binary, bytes);
}
Value uuid(const Uuid& id) {
    return chars(Type::Uuid, {id.data(), id.size()});
}
Value list(std::vector<Value> items) {
    Value made;
    made.type = Type::List;
    made.items = std::move(items);
    return made;
}
Value map() {
    Value made;
    made.type = Type::Map;
    return made;
}
Value array(std::vector<Value> items) {
    Value made;
    made.type = Type::Array;
    made.items = std::move(items);
    return made;
}
Value described(std::uint64_t code, Value value) {
    Value made;
    made.type = Type::Described;
    made.items.push_back(ulong_value(code));
    made.items.push_back(std::move(value));
    return made;
}

std::optional<Value> take_value(std::string_view& bytes) {
    In in(bytes);
    Value value = in.value(0);
    if (!in.good()) return std::nullopt;
    bytes = in.rest();
    return value;
}

std::optional<std::string_view> take_raw(std::string_view& bytes) {
    In in(bytes);
    if (!skip(in, 0)) return std::nullopt;
    const std::string_view taken = bytes.substr(0, bytes.size() - in.rest().size());
    bytes = in.rest();
    return taken;
}

}  // namespace vc::lab::servicebus
