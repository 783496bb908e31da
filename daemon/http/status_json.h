// The daemon's state as one JSON object, for `voltcanary status --json`, the demo and whoever asks
// /api/status; and an operator's command, read strictly. Pure. Keys that end in _s are seconds of
// the rules' time; times are UTC texts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/http/recent.h"
#include "daemon/metrics/metrics.h"
#include "rules/base/error.h"
#include "rules/engine.h"
#include "rules/event.h"
#include "rules/rules.h"

namespace vc {

struct ChannelFacts {
    Accounting counts;
    std::uint64_t missed_ticks = 0;
    RecentFacts recent;
};

struct StatusFacts {
    EngineStatus engine;
    std::string version;
    Mode mode = Mode::observe;
    bool single_watcher_accepted = false;
    Instant started{};
    double time_lapse = 1;
    std::string journal_id;
    std::string journal_state = "ok";
    JournalFacts journal;
    NotifyFacts notify;
    std::map<Channel, ChannelFacts> channels;  // those that are configured
    std::optional<std::string> unaccounted;    // see Metrics
};

std::string status_json(const StatusFacts& facts);

// {"command":"pause","by":"anna","reason":"maintenance"}: `by` and `reason` are required, at most
// 200 bytes each; anything else in it is an error.
Result<CommandGiven> command_from_json(std::string_view body);

// {"error":"..."} and {"done":"..."}
std::string error_json(std::string_view words);
std::string done_json(std::string_view words);

}  // namespace vc
