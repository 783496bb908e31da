// The only place that reads a clock or waits for one. Everything else receives Instants.
//
// Time-lapse: `factor` scales every duration at once. With factor 20 a second of the machine is 20
// seconds of the rules, so the shipped rule files, budgets and cadences can be shown in minutes.
// The lab and the daemon share one time line when both are given the same `origin`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "rules/base/error.h"
#include "rules/base/time.h"

namespace vc {

struct TimeLapse {
    double factor = 1.0;              // rules' seconds per machine second; 1 in production
    std::int64_t origin_unix_ns = 0;  // where both time lines meet; irrelevant at factor 1
};

// Reads "20@1763650000.5" (factor@origin as Unix seconds). An empty text is factor 1. Refuses an
// origin from which the clock would now show a time before 1970 or after 2116.
Result<TimeLapse> parse_time_lapse(const std::string& text);
std::string to_text(const TimeLapse& lapse);

// Value type; copies read the same time line. Its thread is any.
class Clock {
  public:
    explicit Clock(TimeLapse lapse = {});

    Instant now() const;
    WallTime wall() const;

    // The date by which we and our peers agree on when something expires: the wall clock, set right
    // while we run. Under a time-lapse, which no wall clock follows, now() is the only common one.
    WallTime date() const;

    // The machine's own time until the rules' clock shows `at`; zero when that has passed.
    std::chrono::nanoseconds machine_time_until(Instant at) const;

    // A rules' duration as machine time, for socket and process deadlines.
    std::chrono::nanoseconds to_machine(Duration rules) const;
    // Machine time as the rules see it, e.g. a measured CPU time.
    Duration from_machine(std::chrono::nanoseconds machine) const;

    double factor() const { return lapse_.factor; }

    // Shifts this clock forward so that now() is not before `floor`. The wall clock may have been
    // set back between two runs; decisions already in the journal must stay in the past.
    void not_before(Instant floor);

  private:
    TimeLapse lapse_;
    std::int64_t start_wall_ns_;
    std::chrono::steady_clock::time_point start_;
    std::int64_t shift_ns_ = 0;
};

}  // namespace vc
