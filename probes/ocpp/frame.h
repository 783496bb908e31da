// OCPP-J frames: the text of one WebSocket message to a struct and back (OCPP-J 1.6 §4.2).
// Reading is tolerant of what peers are seen to do: a payload of null reads as {}, details of an
// error may be missing, elements too many are ignored, and a message type that is none of ours is
// `ignored` rather than an error. Anything else is a FrameFault: what is wrong and, when it could
// be read, the id that an answer should carry. Ids may have up to 255 characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "probes/json.h"

namespace vc {

enum class FrameKind : std::uint8_t { call, result, error, ignored };

struct Frame {
    FrameKind kind = FrameKind::ignored;
    std::string id;
    std::string action;       // of a call
    std::string code;         // of an error
    std::string description;  // of an error
    Json payload;             // of a call or result; always an object
};

struct FrameFault {
    std::string reason;
    std::string id;        // empty when it could not be read
    bool is_call = false;  // the peer waits for an answer
};

tl::expected<Frame, FrameFault> parse_frame(std::string_view text);

// `payload` is JSON text.
std::string call_text(std::string_view id, std::string_view action, std::string_view payload);
std::string result_text(std::string_view id, std::string_view payload);
std::string error_text(std::string_view id, std::string_view code, std::string_view description);

}  // namespace vc
