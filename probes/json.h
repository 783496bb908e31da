// JSON text to a small tree and back, bounded. Boost.JSON stands behind it and is seen only by
// json.cpp. Text that is not JSON, or nests deeper than 16, is a failure with a reason; a number
// out of range of 64 bits keeps its kind and reads as no integer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/base/error.h"

namespace vc {

struct Json {
    struct Member;
    enum class Kind : std::uint8_t { null, boolean, integer, number, text, array, object };

    Kind kind = Kind::null;
    bool boolean = false;
    std::int64_t integer = 0;
    double number = 0;
    std::string text;
    std::vector<Json> items;      // of an array
    std::vector<Member> members;  // of an object, in the order written

    // What stands at "a.b.c" below this object; null pointer when there is nothing.
    const Json* at(std::string_view path) const;
    // The text or integer there, if it is one.
    std::optional<std::string_view> text_at(std::string_view path) const;
    std::optional<std::int64_t> integer_at(std::string_view path) const;
};

struct Json::Member {
    std::string name;
    Json value;
};

Result<Json> parse_json(std::string_view text);

// The text in double quotes, escaped.
std::string json_quoted(std::string_view text);

}  // namespace vc
