// Time as values. There is deliberately no now() here: only daemon/host/clock reads a clock, and
// everything below it receives the time with the event it belongs to, so that a decision can be
// replayed bit for bit from its record.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace vc {

// Integer nanoseconds. The std::chrono literals (5s, 250ms) make them.
using Duration = std::chrono::nanoseconds;

// The clock that Instants belong to. It has no now(); see daemon/host/clock.h.
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock, duration>;
    static constexpr bool is_steady = true;
};

// A point on the daemon's monotonic time line: nanoseconds since the Unix epoch as known when the
// process started, advanced by the monotonic clock only. So two Instants of one process always
// compare truthfully, and those of two runs of the daemon compare as well as the wall clock did
// when the later one started.
using Instant = MonotonicClock::time_point;

// What a person's clock said. For people only: it has no ordering on purpose, so no decision can
// depend on it.
struct WallTime {
    std::int64_t unix_ns = 0;
    friend bool operator==(const WallTime&, const WallTime&) = default;
};

// Seconds as a decimal number, for metrics, JSON and people. Not for arithmetic.
constexpr double seconds(Duration d) {
    return std::chrono::duration<double>(d).count();
}

// "1h30m", "250ms", "0s": the shortest exact spelling that the configuration reader accepts.
std::string to_text(Duration d);

// "2026-03-18T22:00:00.250Z" (UTC, milliseconds).
std::string to_text(WallTime t);

// The same for an Instant, read as Unix time: exact for as long as the wall clock was right when
// the process started. For people and logs.
std::string to_text(Instant t);

}  // namespace vc
