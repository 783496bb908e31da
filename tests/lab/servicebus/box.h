// One place where messages wait: a queue, a subscription, a dead-letter queue, or a topic's
// scheduled messages. Pure: time comes in with each call, and what is due is done by run_due().
//
// A message is free, locked (peek-lock) or held back (by a fault of the lab); free ones are handed
// out in the order of their sequence numbers, within a session if the box has sessions. What has to
// leave for the dead-letter queue is put in `departed`, which the store empties after every call.
// Bounded by EntityOptions::max_size_mb and message_limit, which the store checks before it puts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/lab/servicebus/entity.h"
#include "tests/lab/servicebus/message.h"
#include "tests/lab/servicebus/refusal.h"

namespace vc::lab::servicebus {

enum class State { Active, Deferred, Scheduled };

struct Stored {
    // Shared: every subscription of a topic holds the same message.
    std::shared_ptr<const Message> message;
    std::int64_t sequence = 0;
    std::int64_t enqueued_sequence = 0;
    Instant enqueued{};
    Instant expires = Instant::max();
    std::uint32_t deliveries = 0;  // that came to nothing
    State state = State::Active;
    std::string dead_letter_source;
};

// A message on its way out. Without a lock it is gone from the box.
struct Delivery {
    Stored stored;
    Uuid token{};  // as a delivery tag
    std::optional<Instant> locked_until;
};
std::string encode_delivery(const Delivery& delivery, bool with_lock_token = false);
std::string encode_peeked(const Stored& stored);

// Who holds locks: a link, named by its number in the broker. 0: nobody that could end.
using Holder = std::uint64_t;

enum class Disposition { Complete, Abandon, Defer, DeadLetter };

struct Settle {
    Disposition disposition = Disposition::Complete;
    Value properties;    // a map of what to set, or null
    std::string reason;  // dead letter
    std::string description;
};

struct SessionGrant {
    std::string id;
    Instant locked_until{};
};

class Box {
  public:
    // `options` outlives the box; a change of them holds from then on. A dead-letter queue
    // (`terminal`) knows neither sessions nor expiry nor a maximum of deliveries.
    Box(BoxId id, std::string path, const EntityOptions& options, bool terminal);

    BoxId id() const { return id_; }
    const std::string& path() const { return path_; }
    bool has_sessions() const { return !terminal_ && options_.requires_session; }

    // Puts a message in; its sequence numbers are given here when they are 0.
    std::int64_t put(Stored stored, Instant now);
    bool cancel_scheduled(std::int64_t sequence);

    // The next free message; of `session` in a box with sessions (which must be held by `holder`).
    std::optional<Delivery> receive(Instant now, bool lock, Holder holder,
                                    const std::string& session = {});
    // Deferred messages, all or none: com.microsoft:message-not-found.
    Answer<std::vector<Delivery>> receive_deferred(const std::vector<std::int64_t>& sequences,
                                                   Instant now, bool lock, Holder holder);
    bool has_ready(const std::string& session = {}) const;
    Answer<void> settle(const Uuid& token, const Settle& settle, Instant now);
    Answer<Instant> renew(const Uuid& token, Instant now);
    // A link has gone: its session is free again; its locks too if `all`.
    void release(Holder holder, bool all, Instant now);

    std::vector<Stored> peek(std::int64_t from, std::size_t count,
                             const std::optional<std::string>& session) const;
    // How many free active messages, enqueued before `before`, were deleted.
    std::size_t erase(std::size_t count, Instant before, const std::optional<std::string>& session);

    // Nothing: no session is free. A named one need not have messages.
    Answer<std::optional<SessionGrant>> accept_session(const std::optional<std::string>& id,
                                                       Holder holder, Instant now);
    Answer<Instant> renew_session(const std::string& id, Instant now);
    Answer<void> set_session_state(const std::string& id, std::optional<std::string> state,
                                   Instant now);
    std::optional<std::string> session_state(const std::string& id) const;
    // Those with messages or a state that were last updated after `since`.
    std::vector<std::string> sessions(Instant since, std::size_t skip, std::size_t top) const;

    // Faults of the lab: a free message is out of sight, and comes back in its old place.
    void hold(std::int64_t sequence);
    void let_go(std::int64_t sequence);

    // The next sequence number, for a message that goes on without waiting here.
    std::int64_t next_sequence() { return ++last_sequence_; }

    // Duplicate detection: true when this id was seen within the window. Remembers it.
    bool seen(const std::string& id, Instant now);

    Instant next_due() const;
    void run_due(Instant now);

    Counts counts() const;

    // Taken by the store after every call.
    struct Departed {
        Stored stored;
        std::string reason;
        std::string description;
        bool enqueue = false;  // not dead: a topic's scheduled message whose time has come
    };
    std::vector<Departed> departed;
    std::vector<std::pair<std::string, Holder>> sessions_lost;
    bool woke = false;                // messages, or sessions, became free
    std::uint64_t expired = 0;        // dropped at the end of their time
    bool hands_on_scheduled = false;  // a topic's: what is due departs
    std::uint64_t token_seed = 0;

  private:
    enum class Hold : std::uint8_t { Free, Locked, Held };
    struct Slot {
        Stored stored;
        Hold hold = Hold::Free;
        Uuid token{};
        Instant locked_until{};
        Holder holder = 0;
    };
    struct Session {
        std::set<std::int64_t> ready;
        std::set<std::int64_t> locked;
        std::size_t messages = 0;
        Holder holder = 0;
        bool held = false;
        Instant locked_until{};
        Instant updated{};
        std::optional<std::string> state;
    };
    using Slots = std::map<std::int64_t, Slot>;

    std::set<std::int64_t>& ready_of(const Slot& slot);
    const std::string& session_of(const Slot& slot) const;
    void make_ready(Slot& slot, Instant now);
    void unready(Slot& slot);
    Delivery lock(Slot& slot, Instant now, Holder holder);
    void unlock(Slot& slot);
    void failed(Slots::iterator at, Instant now);  // a delivery came to nothing
    Stored remove(Slots::iterator at);
    bool expire(Slots::iterator at);
    void depart(Slots::iterator at, std::string reason, std::string description);
    void activate(Slots::iterator at, Instant now);
    void free_session(const std::string& id, Session& session, Instant now);
    Refusal lock_lost() const;
    Uuid next_token();

    BoxId id_;
    std::string path_;
    const EntityOptions& options_;
    bool terminal_;
    std::int64_t last_sequence_ = 0;
    std::uint64_t tokens_given_ = 0;
    std::size_t bytes_ = 0, deferred_ = 0, scheduled_ = 0, held_ = 0;
    Slots slots_;
    std::set<std::int64_t> ready_;
    std::map<std::string, Session> sessions_;
    struct HashToken {
        std::size_t operator()(const Uuid& token) const;
    };
    std::unordered_map<Uuid, std::int64_t, HashToken> locks_;
    std::set<std::pair<Instant, std::int64_t>> lock_ends_, time_ends_, schedule_;
    std::set<std::pair<Instant, std::string>> session_ends_;
    std::map<std::string, Instant> seen_;
    std::set<std::pair<Instant, std::string>> seen_ends_;
};

}  // namespace vc::lab::servicebus
