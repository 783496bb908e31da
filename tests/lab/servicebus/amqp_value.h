// A value of AMQP 1.0's type system (OASIS amqp-core-types-v1.0, section 1) and its bytes. Written
// here rather than taken from a library, because what a client sends must never end the process,
// and because batches and stored messages need the bytes of single sections.
//
// Pure. Decoding is bounded: nesting to 16 levels, items to what the bytes can hold.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vc::lab::servicebus {

enum class Type : std::uint8_t {
    Null,
    Bool,
    Ubyte,
    Ushort,
    Uint,
    Ulong,
    Byte,
    Short,
    Int,
    Long,
    Timestamp,  // Unix milliseconds
    Char,
    Float,
    Double,
    Decimal,  // 32, 64 and 128 bits: kept as they came, never computed with
    Uuid,
    Binary,
    String,
    Symbol,
    List,
    Map,    // key, value, key, value ...
    Array,  // items of one type
    Described
};

using Uuid = std::array<char, 16>;

struct Value {
    Type type = Type::Null;
    std::int64_t number = 0;   // every integer, bool, char and timestamp; ulong by its bits
    double real = 0;           // float and double
    std::string text;          // string, symbol, binary, uuid (16 octets), decimal
    std::vector<Value> items;  // list, map, array; described: the descriptor, then the value

    friend bool operator==(const Value&, const Value&) = default;

    bool null() const { return type == Type::Null; }
    // String or symbol; in some clients' hands binary too.
    bool is_text() const {
        return type == Type::String || type == Type::Symbol || type == Type::Binary;
    }
    bool is_integer() const { return type >= Type::Ubyte && type <= Type::Timestamp; }
    bool is_number() const { return is_integer() || type == Type::Float || type == Type::Double; }
    double as_real() const;
    // The value of a text key in a map; nothing when this is no map or holds none.
    const Value* find(std::string_view key) const;

    void add(Value item) { items.push_back(std::move(item)); }
    void add(std::string_view key, Value value);  // to a map
};

Value boolean(bool yes);
Value int_value(std::int32_t number);
Value uint_value(std::uint32_t number);
Value long_value(std::int64_t number);
Value ulong_value(std::uint64_t number);
Value timestamp(std::int64_t unix_ms);
Value string(std::string text);
Value symbol(std::string text);
Value binary(std::string bytes);
Value uuid(const Uuid& id);
Value list(std::vector<Value> items = {});
Value map();
Value array(std::vector<Value> items);  // all of the first one's type
Value described(std::uint64_t code, Value value);

// Takes one value off the front of `bytes`; nothing, and `bytes` unchanged, when there is none.
std::optional<Value> take_value(std::string_view& bytes);
// Takes one value off without reading it, and gives its bytes.
std::optional<std::string_view> take_raw(std::string_view& bytes);

void put_value(std::string& out, const Value& value);

// How many octets follow the constructor of a fixed width, by the upper half of its code.
std::size_t width_of(std::uint8_t code);

}  // namespace vc::lab::servicebus
