#include "tests/lab/amqp_types.h"

namespace vc::lab {

std::int64_t number_of(const AmqpMap& map, const std::string& key, std::int64_t fallback) {
    const auto found = map.find(key);
    if (found == map.end()) return fallback;
    if (const auto* one = std::get_if<std::int32_t>(&found->second)) return *one;
    if (const auto* one = std::get_if<std::int64_t>(&found->second)) return *one;
    if (const auto* one = std::get_if<std::uint64_t>(&found->second)) {
        return *one > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(*one);
    }
    return fallback;
}

std::string text_of(const AmqpMap& map, const std::string& key) {
    const auto found = map.find(key);
    if (found == map.end()) return {};
    const auto* text = std::get_if<std::string>(&found->second);
    return text == nullptr ? std::string() : *text;
}

}  // namespace vc::lab
