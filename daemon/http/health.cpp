#include "daemon/http/health.h"

#include <algorithm>

namespace vc {
namespace {

std::string whole_seconds(Duration age) {
    return to_text(std::chrono::duration_cast<std::chrono::seconds>(age));
}

}  // namespace

Health judge_health(Instant now, std::optional<Instant> last_finish, Duration limit) {
    if (!last_finish) return {false, "no probe has ended yet"};
    const Duration age = std::max(now - *last_finish, Duration::zero());
    if (age > limit) {
        return {false, "no probe has ended for " + whole_seconds(age) + ", at most " +
                           whole_seconds(limit) + " is healthy"};
    }
    return {true, "probes complete, the last one " + whole_seconds(age) + " ago"};
}

}  // namespace vc
