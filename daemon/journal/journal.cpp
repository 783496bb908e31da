#include "daemon/journal/journal.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "daemon/host/worker.h"
#include "daemon/journal/store.h"
#include "rules/base/check.h"

namespace vc {
namespace {

namespace asio = boost::asio;

// Handed out from memory; that they were is on disk before the first of them is used.
constexpr std::uint64_t attempt_block = std::uint64_t{1} << 30;

// What goes into one transaction, at most: the more, the fewer syncs. The share of it that is used
// is halved by every failure, down to a batch at a time: what does not fit at once may fit in
// pieces.
constexpr std::size_t batches_at_once = 64;
constexpr std::size_t observations_at_once = 1000;
constexpr std::size_t share_max = 64;

// Good observations that a record may still cite as evidence.
constexpr std::size_t remembered_max = 4096;

bool is_kept(const Observation& seen) {
    return seen.outcome != Outcome::ok || seen.tainted;
}

struct Waiting {
    Batch batch;
    std::vector<RecordRow> rows;
    Journal::Synced synced;
};

// What a job on the worker hands back.
struct Written {
    Write write;  // for another try
    tl::expected<void, DatabaseError> result;
    Duration took{};
    std::uint64_t file_bytes = 0;
};

// Used by jobs on the worker only, once the journal is open.
struct Disk {
    std::unique_ptr<Store> store;
    // Set by a failed write and taken back by the home thread's next try: a write behind a failed
    // one must not reach the disk before it.
    bool barred = false;
};

JournalState state_for(const DatabaseError& error) {
    return error.kind == DatabaseError::Kind::full ? JournalState::disk_full
                                                   : JournalState::failing;
}

}  // namespace

std::string_view to_text(JournalState state) {
    switch (state) {
        case JournalState::ok:
            return "ok";
        case JournalState::disk_full:
            return "disk_full";
        case JournalState::failing:
            return "failing";
    }
    return "failing";
}

// Shared because a job may end after the Journal is gone: its handler holds this weakly.
struct Journal::State : std::enable_shared_from_this<Journal::State> {
    State(asio::io_context& owner, Clock its_clock, JournalOptions chosen,
          std::unique_ptr<Store> store)
        : home(owner),
          clock(its_clock),
          options(std::move(chosen)),
          id(store->id()),
          next_attempt(store->next_attempt()),
          attempts_below(next_attempt),
          disk{std::move(store), false},
          retry(owner),
          upkeep(owner),
          worker(owner) {}

    void pump();
    void sync_rowless();
    void start_write();
    void finish_write(Written written);
    void write_failed(Written written);
    void arm_retry();
    void start_retire();
    void set_state(JournalState state, const std::string& words);
    void arm_upkeep();
    void fail(Waiting& waiting);
    void tell_flushed();
    Write take_observations(Write write);
    void drop_surplus();

    asio::io_context& home;
    Clock clock;
    JournalOptions options;
    std::string id;
    std::uint64_t next_attempt;
    std::uint64_t attempts_below;  // ids the disk knows to be taken

    std::deque<Waiting> queue;
    std::vector<Waiting> in_flight;
    std::deque<Observation> observations;
    std::map<AttemptId, Observation> remembered;
    std::optional<Instant> pages_settled;  // not on disk yet
    std::vector<std::function<void()>> flushers;
    StateChanged changed;
    JournalCounts counts;
    std::size_t share = share_max;
    bool busy = false;
    bool waiting_to_retry = false;
    bool retire_due = false;
    bool retired_last = false;  // the last job was a round of retention
    bool given_up = false;

    Disk disk;
    asio::steady_timer retry;
    asio::steady_timer upkeep;
    Worker worker;  // last: joined before anything its jobs use goes
};

void Journal::State::set_state(JournalState state, const std::string& words) {
    if (counts.state == state) return;
    counts.state = state;
    if (changed) changed(state, words);
}

void Journal::State::fail(Waiting& waiting) {
    const std::string words = "batch " + std::to_string(waiting.batch.number()) +
                              " is not on disk: the journal was closed while it was " +
                              std::string(to_text(counts.state));
    asio::post(home, [synced = std::move(waiting.synced), batch = std::move(waiting.batch),
                      words]() mutable { synced(failure(words), std::move(batch)); });
}

// Batches of actions only, with nothing before them, need no disk.
void Journal::State::sync_rowless() {
    while (!queue.empty() && queue.front().rows.empty()) {
        Waiting first = std::move(queue.front());
        queue.pop_front();
        const SyncedToken token = token_for(first.batch);
        asio::post(home,
                   [token, synced = std::move(first.synced),
                    batch = std::move(first.batch)]() mutable { synced(token, std::move(batch)); });
    }
}

void Journal::State::tell_flushed() {
    if (busy || !queue.empty() || !observations.empty() || pages_settled) return;
    for (auto& done : std::exchange(flushers, {}))
        asio::post(home, std::move(done));
}

void Journal::State::pump() {
    if (busy || waiting_to_retry) return;
    sync_rowless();
    const bool attempts_needed = next_attempt + attempt_block / 2 > attempts_below;
    const bool urgent = !queue.empty() || attempts_needed;
    // While a platform is down there is always an observation to write: retention takes its turn.
    if (retire_due && !urgent && (observations.empty() || !retired_last)) {
        start_retire();
    } else if (urgent || !observations.empty() || pages_settled) {
        start_write();
    } else {
        tell_flushed();
    }
}

Write Journal::State::take_observations(Write write) {
    const std::size_t most = std::max<std::size_t>(observations_at_once * share / share_max, 1);
    // While the disk is in trouble, records go first.
    if (counts.state != JournalState::ok && !in_flight.empty()) return write;
    while (!observations.empty() && write.observations.size() < most) {
        write.observations.push_back(std::move(observations.front()));
        observations.pop_front();
    }
    return write;
}

void Journal::State::start_write() {
    Write write;
    const std::size_t most = std::max<std::size_t>(batches_at_once * share / share_max, 1);
    while (!queue.empty() && in_flight.size() < most) {
        Waiting& first = queue.front();
        write.records.insert(write.records.end(), first.rows.begin(), first.rows.end());
        in_flight.push_back(std::move(first));
        queue.pop_front();
    }
    write = take_observations(std::move(write));
    write.attempts_below = next_attempt + attempt_block;
    write.pages_settled = std::exchange(pages_settled, std::nullopt);

    busy = true;
    retired_last = false;
    disk.barred = false;  // no job is running: the disk is ours to touch
    worker.submit(
        [disk = &disk, clock = clock, write = std::move(write)]() mutable {
            const Instant before = clock.now();
            Written written;
            written.result = disk->store->write(write);
            disk->barred = !written.result.has_value();
            written.took = clock.to_machine(clock.now() - before);
            written.file_bytes = disk->store->file_bytes();
            written.write = std::move(write);
            return written;
        },
        [weak = weak_from_this()](Written written) {
            if (const auto self = weak.lock()) self->finish_write(std::move(written));
        });
}

void Journal::State::arm_retry() {
    waiting_to_retry = true;
    retry.expires_after(clock.to_machine(options.retry_every));
    retry.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self) return;
        self->waiting_to_retry = false;
        // Retention may make room, so it goes before the next try.
        if (self->counts.state == JournalState::disk_full) {
            self->start_retire();
        } else {
            self->pump();
        }
    });
}

void Journal::State::write_failed(Written written) {
    ++counts.write_failures;
    share = std::max<std::size_t>(share / 2, 1);
    // Back to the front, in their order.
    auto& kept = written.write.observations;
    observations.insert(observations.begin(), std::make_move_iterator(kept.begin()),
                        std::make_move_iterator(kept.end()));
    drop_surplus();
    if (!pages_settled) pages_settled = written.write.pages_settled;
    for (auto it = in_flight.rbegin(); it != in_flight.rend(); ++it)
        queue.push_front(std::move(*it));
    in_flight.clear();
    const DatabaseError& error = written.result.error();
    if (given_up) {
        counts.state = state_for(error);
        for (Waiting& waiting : std::exchange(queue, {}))
            fail(waiting);
        return;
    }
    arm_retry();
    set_state(state_for(error), error.message);
}

void Journal::State::finish_write(Written written) {
    busy = false;
    counts.last_commit = written.took;
    if (!written.result) return write_failed(std::move(written));
    share = std::min(share * 2, share_max);
    counts.file_bytes = written.file_bytes;
    counts.records_written += written.write.records.size();
    counts.observations_written += written.write.observations.size();
    counts.batches_written += in_flight.size();
    attempts_below = written.write.attempts_below;
    // A callback may append, or destroy the journal: the list is ours by then, and the next write
    // is under way.
    auto synced = std::exchange(in_flight, {});
    pump();
    set_state(JournalState::ok, "written again");
    for (Waiting& waiting : synced) {
        const SyncedToken token = token_for(waiting.batch);
        waiting.synced(token, std::move(waiting.batch));
    }
}

void Journal::State::start_retire() {
    busy = true;
    retire_due = false;
    retired_last = true;
    worker.submit(
        [disk = &disk, before = clock.now() - options.retention] {
            return disk->store->retire(before);
        },
        [weak = weak_from_this()](tl::expected<Retired, DatabaseError> retired) {
            const auto self = weak.lock();
            if (!self) return;
            self->busy = false;
            // A failure here is a failure of the disk, which the next write will meet and name.
            if (retired) {
                self->counts.rows_retired += retired->rows;
                self->retire_due = retired->more;
            }
            self->pump();
        });
}

void Journal::State::arm_upkeep() {
    upkeep.expires_after(clock.to_machine(options.upkeep_every));
    upkeep.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self) return;
        self->retire_due = true;
        self->arm_upkeep();
        self->pump();
    });
}

void Journal::State::drop_surplus() {
    while (observations.size() > options.observations_max) {
        observations.pop_front();
        ++counts.observations_dropped;
    }
}

Result<std::unique_ptr<Journal>> Journal::open(asio::io_context& home, Clock clock,
                                               JournalOptions options) {
    VC_CHECK(options.retention > Duration::zero(), "a journal has a retention");
    if (options.upkeep_every <= Duration::zero()) options.upkeep_every = std::chrono::minutes(1);
    if (options.retry_every <= Duration::zero()) options.retry_every = std::chrono::seconds(5);
    auto store = Store::open(options);
    if (!store) return tl::unexpected(store.error());
    // A disk that cannot be written is found now, not at the first incident.
    Write reserve;
    reserve.attempts_below = (*store)->next_attempt() + attempt_block;
    if (auto written = (*store)->write(reserve); !written) {
        return failure("journal " + (*store)->path() + ": " + written.error().message);
    }
    auto state = std::make_shared<State>(home, clock, std::move(options), std::move(*store));
    state->attempts_below = reserve.attempts_below;
    state->counts.file_bytes = state->disk.store->file_bytes();
    state->arm_upkeep();
    return std::unique_ptr<Journal>(new Journal(std::move(state)));
}

Journal::Journal(std::shared_ptr<State> state) : state_(std::move(state)) {}

Journal::~Journal() {
    State& state = *state_;
    Write rest;
    for (Waiting& waiting : state.queue) {
        rest.records.insert(rest.records.end(), waiting.rows.begin(), waiting.rows.end());
    }
    rest.observations.assign(state.observations.begin(), state.observations.end());
    rest.attempts_below = state.next_attempt;
    rest.pages_settled = state.pages_settled;
    if (!state.busy) state.disk.barred = false;
    state.worker.submit(
        [disk = &state.disk, rest = std::move(rest)] {
            // Nobody is left to be told of a failure; the batches' actions were never released.
            return disk->barred || disk->store->write(rest).has_value();
        },
        [](bool) {});
}

Result<JournalContents> Journal::load() {
    VC_CHECK(!state_->busy && state_->queue.empty(), "a journal is loaded before it is written");
    return state_->disk.store->load();
}

void Journal::append(Batch batch, Synced synced) {
    State& state = *state_;
    const WallTime wall = state.clock.wall();
    Waiting waiting{std::move(batch), {}, std::move(synced)};
    for (const Record& record : waiting.batch.records()) {
        RecordRow row = row_of(record, wall);
        for (const AttemptId cited : row.evidence) {
            const auto found = state.remembered.find(cited);
            if (found == state.remembered.end()) continue;
            state.observations.push_back(std::move(found->second));
            state.remembered.erase(found);
        }
        waiting.rows.push_back(std::move(row));
    }
    state.drop_surplus();
    if (state.given_up) return state.fail(waiting);
    state.queue.push_back(std::move(waiting));
    state.pump();
}

void Journal::note(const Observation& observation) {
    State& state = *state_;
    if (is_kept(observation)) {
        state.observations.push_back(observation);
        state.drop_surplus();
        state.pump();
        return;
    }
    state.remembered.emplace(observation.id, observation);
    if (state.remembered.size() > remembered_max) {
        state.remembered.erase(state.remembered.begin());
    }
}

void Journal::settle_pages(Instant until) {
    state_->pages_settled = until;
    state_->pump();
}

AttemptId Journal::next_attempt() {
    State& state = *state_;
    VC_CHECK(state.next_attempt < state.attempts_below, "attempt ids are reserved in time");
    return AttemptId{state.next_attempt++};
}

void Journal::flush(std::function<void()> done) {
    state_->flushers.push_back(std::move(done));
    state_->pump();
}

void Journal::give_up() {
    state_->given_up = true;
    for (Waiting& waiting : std::exchange(state_->queue, {}))
        state_->fail(waiting);
}

void Journal::on_state(StateChanged changed) {
    state_->changed = std::move(changed);
}

JournalCounts Journal::counts() const {
    JournalCounts counts = state_->counts;
    counts.batches_waiting = state_->queue.size() + state_->in_flight.size();
    counts.observations_waiting = state_->observations.size();
    return counts;
}

const std::string& Journal::id() const {
    return state_->id;
}

}  // namespace vc
