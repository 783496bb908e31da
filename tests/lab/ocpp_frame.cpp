#include "tests/lab/ocpp_frame.h"

#include <boost/json.hpp>

namespace vc::lab {
namespace {
namespace json = boost::json;

std::string quoted(const std::string& text) {
    return json::serialize(json::string(text));
}
}  // namespace

std::optional<OcppFrame> read_frame(std::string_view text) {
    json::error_code error;
    const json::value read = json::parse({text.data(), text.size()}, error);
    if (error || !read.is_array()) return std::nullopt;
    const json::array& parts = read.as_array();
    if (parts.size() < 3 || !parts[0].is_int64() || !parts[1].is_string()) return std::nullopt;
    OcppFrame frame;
    frame.type = static_cast<int>(parts[0].as_int64());
    frame.id = std::string(parts[1].as_string());
    if (frame.id.empty() || frame.id.size() > 36) return std::nullopt;
    const bool named = frame.type == 2 || frame.type == 4;
    if (named && (parts.size() < 4 || !parts[2].is_string())) return std::nullopt;
    if (named) frame.action = std::string(parts[2].as_string());
    const json::value& payload = frame.type == 4 ? parts[parts.size() - 1]
                                 : named         ? parts[3]
                                                 : parts[2];
    if (frame.type < 2 || frame.type > 4) return std::nullopt;
    if (frame.type != 4 && !payload.is_object()) return std::nullopt;
    frame.payload = payload.is_object() ? json::serialize(payload) : "{}";
    return frame;
}

std::string call(const std::string& id, const std::string& action, const std::string& payload) {
    return "[2," + quoted(id) + "," + quoted(action) + "," + payload + "]";
}

std::string call_result(const std::string& id, const std::string& payload) {
    return "[3," + quoted(id) + "," + payload + "]";
}

std::string call_error(const std::string& id, const std::string& code, const std::string& words) {
    return "[4," + quoted(id) + "," + quoted(code) + "," + quoted(words) + ",{}]";
}

bool is_stored_and_forwarded(const std::string& action) {
    return action == "StopTransaction" || action == "MeterValues";
}

bool is_transaction(const std::string& action) {
    return action == "StartTransaction" || is_stored_and_forwarded(action);
}

long long number_in(const std::string& payload, const char* key) {
    json::error_code error;
    const json::value read = json::parse(payload, error);
    if (error || !read.is_object()) return 0;
    const json::value* value = read.as_object().if_contains(key);
    return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

}  // namespace vc::lab
