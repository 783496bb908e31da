#include "probes/ocpp/frame.h"

namespace vc {
namespace {

constexpr std::size_t most_id_bytes = 255;
constexpr std::size_t most_text_bytes = 64 * 1024;

// The object at `index` of the frame; {} for null or nothing there.
bool take_payload(Json& frame, std::size_t index, Json& payload) {
    payload = {};
    payload.kind = Json::Kind::object;
    if (index >= frame.items.size() || frame.items[index].kind == Json::Kind::null) return true;
    if (frame.items[index].kind != Json::Kind::object) return false;
    payload = std::move(frame.items[index]);
    return true;
}

std::string text_of(const Json& frame, std::size_t index) {
    if (index >= frame.items.size()) return {};
    return frame.items[index].text;
}

}  // namespace

tl::expected<Frame, FrameFault> parse_frame(std::string_view text) {
    const auto fault = [](std::string reason, std::string id = {}, bool is_call = false) {
        return tl::unexpected<FrameFault>(FrameFault{std::move(reason), std::move(id), is_call});
    };
    if (text.size() > most_text_bytes) return fault("a message of more than 64 KiB");
    auto parsed = parse_json(text);
    if (!parsed) return fault(parsed.error().message);
    Json& json = *parsed;
    if (json.kind != Json::Kind::array || json.items.empty()) return fault("not a JSON array");
    if (json.items[0].kind != Json::Kind::integer) return fault("the message type is no integer");

    Frame frame;
    const std::int64_t type = json.items[0].integer;
    if (type < 2 || type > 4) return frame;
    const bool is_call = type == 2;
    frame.id = text_of(json, 1);
    if (frame.id.empty()) return fault("the message id is no text", {}, is_call);
    if (frame.id.size() > most_id_bytes) {
        return fault("the message id has more than 255 characters", {}, is_call);
    }
    if (type == 2) {
        frame.kind = FrameKind::call;
        frame.action = text_of(json, 2);
        if (frame.action.empty()) return fault("the action is no text", frame.id, true);
        if (!take_payload(json, 3, frame.payload)) {
            return fault("the payload is no object", frame.id, true);
        }
    } else if (type == 3) {
        frame.kind = FrameKind::result;
        if (!take_payload(json, 2, frame.payload)) {
            return fault("the payload is no object", frame.id);
        }
    } else {
        frame.kind = FrameKind::error;
        frame.code = text_of(json, 2);
        frame.description = text_of(json, 3);
    }
    return frame;
}

std::string call_text(std::string_view id, std::string_view action, std::string_view payload) {
    return "[2," + json_quoted(id) + "," + json_quoted(action) + "," + std::string(payload) + "]";
}

std::string result_text(std::string_view id, std::string_view payload) {
    return "[3," + json_quoted(id) + "," + std::string(payload) + "]";
}

std::string error_text(std::string_view id, std::string_view code, std::string_view description) {
    return "[4," + json_quoted(id) + "," + json_quoted(code) + "," + json_quoted(description) +
           ",{}]";
}

}  // namespace vc
