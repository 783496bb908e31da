// Helpers for the messages of the YAML reader: what was found, shown so that it fits one line, and
// the known name that was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "rules/base/yaml.h"

namespace vc {

// Text from a file as part of a message: cut at 40 bytes, control characters escaped.
std::string shown(std::string_view text);

// The same between single quotes.
std::string quoted(std::string_view text);

// "a list", "a mapping", "nothing" or "text", for "expected X, found Y".
std::string_view kind_name(YamlNode::Kind kind);

// " (did you mean 'attempts'?)" when a known name is near, else " (known: a, b, c)".
std::string suggestion(std::string_view name, std::span<const std::string_view> known);

}  // namespace vc
