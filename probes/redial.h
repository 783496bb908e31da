// What waits for a connection that is kept: attempts, and when the next try is due. Knows nothing
// of what the connection is. Owned by a session, one for each connection it keeps; the session
// tells it what became of a try, and asks it what to do.
//
// A connection is made when it is first wanted; when it is lost it is made again at once, then with
// back-off (see backoff.h). A try that fails ends all that wait for it with its outcome. While no
// try is due before an attempt's deadline, that one ends at once with what the last try ended with.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "probes/backoff.h"
#include "probes/ledger.h"
#include "probes/session.h"

namespace vc {

// Attempts in a queue, in the order in which they were due.
class Waiting {
  public:
    void add(OpenAttempt open) { queue_.push_back(std::move(open)); }
    bool empty() const { return queue_.empty(); }
    OpenAttempt& front() { return queue_.front(); }
    OpenAttempt take();
    // The time that went into the connection they waited for becomes theirs.
    void set_phases(const std::vector<PhaseTime>& phases);

    std::deque<OpenAttempt> take_all() { return std::exchange(queue_, {}); }
    // Those whose deadline has come, or comes before `next_try`, when nothing can begin earlier.
    std::vector<OpenAttempt> take_expired(Instant now, std::optional<Instant> next_try);
    void wake_by(std::optional<Instant>& wake_at) const;

  private:
    std::deque<OpenAttempt> queue_;
};

class Redial {
  public:
    explicit Redial(std::uint64_t seed) : backoff_(seed) {}

    // Somebody needs the connection from now on; nobody does any longer.
    void want() { wanted_ = true; }
    void unwant() { wanted_ = false; }
    bool wanted() const { return wanted_; }

    // Asked while the connection is down: true when it is to be made now, which begins a try.
    bool begin(Instant now);
    // Asked while it is down: the time of the next try, when there is to be one and it is not yet.
    std::optional<Instant> next_try(Instant now) const;
    void wake_by(std::optional<Instant>& wake_at) const;

    // It is of use. True, and since when it was missed, when it had been lost or had failed before.
    std::optional<Duration> up(Instant now);
    // The try failed before the connection was of use; since when it is missed. Credentials that
    // were refused wait for a minute, unless `none_shown`: there were none yet.
    Duration failed(End end, Instant now, bool none_shown = false);
    // It was of use, and is lost.
    void lost(End end, Instant now);
    // The secret has changed: refused credentials need not wait.
    void secret_changed() {
        if (last_failure_.outcome == Outcome::auth) retry_at_.reset();
    }
    // Something came of it: the next loss is the first again.
    void proved() { backoff_.reset(); }

    const End& last_failure() const { return last_failure_; }

  private:
    Backoff backoff_;
    bool wanted_ = false;
    std::optional<Instant> retry_at_;
    std::optional<Instant> missed_since_;
    Instant began_{};
    End last_failure_{Outcome::timeout, Phase::tcp};
};

}  // namespace vc
