// Whether the daemon does its work, as /healthz tells it: not "the process answers" but "probes
// complete". Pure.
#pragma once

#include <optional>
#include <string>

#include "rules/base/time.h"

namespace vc {

struct Health {
    bool ok = false;
    std::string words;  // one line
};

// `last_finish` is of the newest attempt that ended, of any channel, whatever its outcome: a dead
// platform is not our ill health. `limit` is how long ago that may be.
Health judge_health(Instant now, std::optional<Instant> last_finish, Duration limit);

}  // namespace vc
