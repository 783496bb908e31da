// The settings of an entity that are compared, what they mean, and what a difference is worth.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rules/base/error.h"

namespace vc {

enum class SettingKind : std::uint8_t {
    flag,      // true or false
    duration,  // ISO 8601, such as PT1M or P14D
    number,    // whole, from 0
    word,      // Active, SendDisabled
    target,    // another entity: a name, or an address that ends in one
};

// Whether a standby that differs in it can still take over.
enum class Weight : std::uint8_t {
    unfit,  // no: clients would fail, or messages go astray
    told,   // yes, and a person may want to know
};

struct SettingRule {
    std::string_view name;  // as in the management plane's descriptions
    SettingKind kind;
    Weight weight;
};

// In the order in which differences are told.
std::span<const SettingRule> compared_settings();

// One text for all ways to write the same value: "PT60S" and "PT1M", "sb://host/b" and "B". An
// error says what the value is not. No value (an empty text) is a value too.
Result<std::string> meaning_of(SettingKind kind, std::string_view value);

}  // namespace vc
