// OCPP-J 1.6 frames as values: [2,id,action,{}] [3,id,{}] [4,id,code,words,{}]. The payload stays
// text where nobody needs to look inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vc::lab {

struct OcppFrame {
    int type = 0;         // 2 CALL, 3 CALLRESULT, 4 CALLERROR
    std::string id;       // at most 36 characters
    std::string action;   // of a CALL; the error code of a CALLERROR
    std::string payload;  // a JSON object, as text
};

// Nothing when the text is no frame.
std::optional<OcppFrame> read_frame(std::string_view text);

std::string call(const std::string& id, const std::string& action, const std::string& payload);
std::string call_result(const std::string& id, const std::string& payload);
std::string call_error(const std::string& id, const std::string& code, const std::string& words);

// StartTransaction, MeterValues, StopTransaction: what may not be lost.
bool is_transaction(const std::string& action);
// Those that the bridge answers itself once the broker has them.
bool is_stored_and_forwarded(const std::string& action);

// The number called `key` in a payload; 0 when there is none.
long long number_in(const std::string& payload, const char* key);

}  // namespace vc::lab
