#include "daemon/config/connection_string.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace vc {
namespace {

constexpr std::string_view key_of_key = "sharedaccesskey";

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return result;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

using Parts = std::map<std::string, std::string_view>;

// "a=b;c=d": a value may hold '=' (keys end in it), and no ';'.
Result<Parts> split(std::string_view text) {
    static constexpr std::array<std::string_view, 7> known{
        "endpoint",     "sharedaccesskeyname",    "sharedaccesskey",
        "entitypath",   "usedevelopmentemulator", "sharedaccesssignature",
        "transporttype"};
    Parts parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(';'), text.size());
        const std::string_view part = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (part.empty()) continue;
        const auto equals = part.find('=');
        if (equals == std::string_view::npos) return failure("has a part without a '='");
        const std::string name = lower(trimmed(part.substr(0, equals)));
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return failure(
                "has a part that is none of Endpoint, SharedAccessKeyName, "
                "SharedAccessKey, EntityPath and UseDevelopmentEmulator");
        }
        if (!parts.emplace(name, trimmed(part.substr(equals + 1))).second) {
            return failure("has a part twice");
        }
    }
    return parts;
}

std::string_view value(const Parts& parts, std::string_view name) {
    const auto found = parts.find(std::string(name));
    return found == parts.end() ? std::string_view() : found->second;
}

// The emulator speaks plain AMQP on the port of plain AMQP.
Result<Url> endpoint_of(std::string_view text, bool emulator) {
    constexpr std::string_view scheme = "sb://";
    if (!lower(text.substr(0, scheme.size())).starts_with(scheme)) {
        return failure("has an Endpoint that does not begin with sb://");
    }
    text.remove_prefix(scheme.size());
    while (text.ends_with('/'))
        text.remove_suffix(1);
    static constexpr std::array<std::string_view, 2> schemes{"amqp", "amqps"};
    auto url = parse_url((emulator ? "amqp://" : "amqps://") + lower(text), schemes);
    if (!url) return failure("has an Endpoint that " + url.error().message);
    if (!url->target.empty()) return failure("has an Endpoint with a path");
    return url;
}

}  // namespace

Result<ConnectionString> parse_connection_string(std::string_view text) {
    auto parts = split(text);
    if (!parts) return tl::unexpected(parts.error());
    if (parts->contains("sharedaccesssignature")) {
        return failure("holds a SharedAccessSignature, which ends some day; a key is needed");
    }
    for (const auto& [name, shown] : {std::pair{"endpoint", "Endpoint"},
                                      std::pair{"sharedaccesskeyname", "SharedAccessKeyName"},
                                      std::pair{"sharedaccesskey", "SharedAccessKey"}}) {
        if (value(*parts, name).empty()) return failure(std::string("has no ") + shown);
    }
    ConnectionString result;
    const std::string emulator = lower(value(*parts, "usedevelopmentemulator"));
    if (!emulator.empty() && emulator != "true" && emulator != "false") {
        return failure("has a UseDevelopmentEmulator that is neither true nor false");
    }
    result.emulator = emulator == "true";
    auto endpoint = endpoint_of(value(*parts, "endpoint"), result.emulator);
    if (!endpoint) return tl::unexpected(endpoint.error());
    result.endpoint = std::move(*endpoint);
    const std::string port = ":" + std::to_string(result.endpoint.port);
    result.endpoint_names_port = result.endpoint.text.ends_with(port);
    result.key_name = value(*parts, "sharedaccesskeyname");
    result.key = Secret(std::string(value(*parts, key_of_key)));
    result.entity_path = value(*parts, "entitypath");
    return result;
}

}  // namespace vc
