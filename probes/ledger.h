// Opens and closes attempts, and with that keeps the one account that must always balance:
// attempts started = observations made + attempts open. Every session owns one.
#pragma once

#include <cstddef>
#include <vector>

#include "probes/session.h"

namespace vc {

// How an attempt ended: the outcome and, unless it is ok, where.
struct End {
    Outcome outcome = Outcome::ok;
    Phase phase = Phase::none;
};

// An attempt that a session has taken up. Its deadline is due + 3 budgets.
struct OpenAttempt {
    Attempt attempt;
    Instant started{};
    Instant deadline{};
    std::vector<PhaseTime> phases;
};

// Splits the time of an attempt into phases, one after another.
class PhaseWatch {
  public:
    void start(Instant now) {
        since_ = now;
        phases_.clear();
    }
    // Time passed that belongs to no phase.
    void begin(Instant now) { since_ = now; }
    void add(const std::vector<PhaseTime>& phases, Instant now);
    void done(Phase phase, Instant now);
    const std::vector<PhaseTime>& phases() const { return phases_; }
    Instant since() const { return since_; }  // of the phase under way

  private:
    Instant since_{};
    std::vector<PhaseTime> phases_;
};

class Ledger {
  public:
    // More open attempts than this are our own doing, and are not taken up.
    static constexpr std::size_t most_open = 64;

    OpenAttempt open(const Attempt& attempt, Instant now);
    // An ok that came after the budget becomes late; its phase is then the one that took longest.
    Observation close(OpenAttempt open, End end, Instant now);

    std::size_t open_attempts() const { return static_cast<std::size_t>(started_ - finished_); }
    bool full() const { return open_attempts() > most_open; }
    void count_into(SessionCounters& counters) const {
        counters.started = started_;
        counters.finished = finished_;
    }

  private:
    std::uint64_t started_ = 0;
    std::uint64_t finished_ = 0;
};

// The earlier of a wish to be woken and another time.
inline void wake_by(std::optional<Instant>& wake_at, Instant at) {
    if (!wake_at || at < *wake_at) wake_at = at;
}

}  // namespace vc
