// Times as the interfaces of clouds write them, RFC 3339 in UTC: "2026-03-18T22:00:00Z", with or
// without a fraction of the second, which is dropped. Years 1970 to 2200.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/base/time.h"

namespace vc {

std::optional<Instant> utc_time(std::string_view text);
// Without a fraction.
std::string utc_text(Instant at);

}  // namespace vc
