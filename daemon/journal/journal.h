// The daemon's memory: what the core decided and what it rested on, in one SQLite file (WAL,
// synchronous=FULL). Owned by the App; its methods are called on the thread of `home`, all disk
// work after open() is done by one worker thread, and all callbacks come on `home`.
//
// Promises. A batch is written whole or not at all. Batches become durable in the order in which
// they were appended. A SyncedToken is made only after the commit's fsync, so actions cannot come
// before their records. While the disk is full or failing, batches wait in memory, are tried again
// and keep their order; the owner is told by `on_state`, and the actions stay where they are.
// Observations are kept at the worker's leisure, or with the next batch, whichever is first; when
// too many wait, the oldest are dropped and counted. Records are never dropped.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/host/clock.h"
#include "rules/base/error.h"
#include "rules/batch.h"
#include "rules/observation.h"

namespace boost::asio {
class io_context;
}

namespace vc {

enum class JournalState : std::uint8_t {
    ok,
    disk_full,  // or the journal's own size limit is reached
    failing,    // any other error of the disk
};
std::string_view to_text(JournalState state);

struct JournalOptions {
    std::string directory;                  // the state directory; made (0750) if it is missing
    Duration retention{};                   // age at which closed incidents and old observations go
    Duration upkeep_every{};                // how often retention is enforced; zero: a minute
    Duration retry_every{};                 // after a failure; zero: five seconds
    std::size_t observations_max = 20'000;  // waiting in memory
    std::uint64_t bytes_max = 0;            // of the database file; 0: no limit but the disk's
    // Where more than this is used, the oldest observations that nothing cites go before their
    // age: a platform that is down for weeks must not fill the disk, which would stop the actions.
    // All probes failing write some 100 MiB a day.
    std::uint64_t bytes_kept = std::uint64_t{1} << 30;
};

// What a restart needs, oldest record first.
struct JournalContents {
    std::vector<Record> records;
    Instant last{};  // of the newest record or observation; Clock::not_before(last) keeps order
    // Pages on record that were raised later than this may not have reached anybody.
    Instant pages_settled{};
};

struct JournalCounts {
    JournalState state = JournalState::ok;
    std::uint64_t batches_written = 0;
    std::uint64_t records_written = 0;
    std::uint64_t observations_written = 0;
    std::uint64_t observations_dropped = 0;
    std::uint64_t write_failures = 0;
    std::uint64_t rows_retired = 0;  // by retention
    std::uint64_t batches_waiting = 0;
    std::uint64_t observations_waiting = 0;
    std::uint64_t file_bytes = 0;
    Duration last_commit{};  // how long the last commit took, in machine time
};

class Journal {
  public:
    // The batch comes back with its token, to release its actions. An error comes only when the
    // journal is closed before the batch could be written.
    using Synced = std::function<void(Result<SyncedToken>, Batch)>;
    using StateChanged = std::function<void(JournalState, const std::string& words)>;

    // Blocking. Refuses: a directory another daemon has locked; a journal of a newer program; a
    // file that is no journal; a disk that cannot be written.
    static Result<std::unique_ptr<Journal>> open(boost::asio::io_context& home, Clock clock,
                                                 JournalOptions options);
    // Writes what waits, if the disk lets it, then closes. Callbacks not yet made never come.
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    // Blocking; before the first append.
    Result<JournalContents> load();

    // A batch without records is synced at once (its callback still comes later, on `home`, and
    // never before those of earlier batches).
    void append(Batch batch, Synced synced);

    // Every observation made. Kept are those that are not ok or are tainted, and those that a
    // record cites as evidence within the next few thousand observations.
    void note(const Observation& observation);

    // Every page raised until then was taken, or was given up. Written at the worker's leisure.
    void settle_pages(Instant until);

    // Unique over all runs of the daemon, rising.
    AttemptId next_attempt();

    // Calls back when no batch and no observation waits; not while the disk is failing. For a
    // graceful stop.
    void flush(std::function<void()> done);

    // Fails the callbacks of the batches that wait, for a stop that can wait no longer.
    void give_up();

    void on_state(StateChanged changed);
    JournalCounts counts() const;

    // Names this journal for its whole life: a random text made with it.
    const std::string& id() const;

  private:
    struct State;
    explicit Journal(std::shared_ptr<State> state);

    // Only here are tokens made, and only for a batch whose commit has returned.
    static SyncedToken token_for(const Batch& batch) { return SyncedToken(batch.number()); }

    // Shared with what the worker still has to hand back, weakly.
    std::shared_ptr<State> state_;
};

}  // namespace vc
