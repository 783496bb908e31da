#include "tests/lab/servicebus/box.h"

#include <algorithm>
#include <cstring>

#include "rules/base/check.h"

namespace vc::lab::servicebus {
namespace {

const std::string no_session;
constexpr std::size_t most_remembered = 500'000;  // ids, for duplicate detection

Instant end_of(Instant from, Duration length) {
    return length > Instant::max() - from ? Instant::max() : from + length;
}

}  // namespace

std::size_t Box::HashToken::operator()(const Uuid& token) const {
    std::size_t count = 0;  // the half that differs from token to token
    std::memcpy(&count, token.data() + 8, sizeof count);
    return count;
}

Box::Box(BoxId id, std::string path, const EntityOptions& options, bool terminal)
    : id_(id), path_(std::move(path)), options_(options), terminal_(terminal) {}

const std::string& Box::session_of(const Slot& slot) const {
    const auto& session = slot.stored.message->session;
    return has_sessions() && session ? *session : no_session;
}

std::set<std::int64_t>& Box::ready_of(const Slot& slot) {
    return has_sessions() ? sessions_[session_of(slot)].ready : ready_;
}

void Box::make_ready(Slot& slot, Instant now) {
    slot.hold = Hold::Free;
    if (slot.stored.state != State::Active) return;
    ready_of(slot).insert(slot.stored.sequence);
    if (has_sessions()) sessions_[session_of(slot)].updated = now;
    woke = true;
}

void Box::unready(Slot& slot) {
    ready_of(slot).erase(slot.stored.sequence);
}

std::int64_t Box::put(Stored stored, Instant now) {
    if (stored.sequence == 0) stored.sequence = ++last_sequence_;
    last_sequence_ = std::max(last_sequence_, stored.sequence);
    if (stored.enqueued_sequence == 0) stored.enqueued_sequence = stored.sequence;
    if (terminal_) stored.expires = Instant::max();
    if (stored.state == State::Scheduled && !stored.message->scheduled) {
        stored.state = State::Active;
    }
    const std::int64_t sequence = stored.sequence;
    bytes_ += stored.message->size();
    if (has_sessions()) ++sessions_[stored.message->session.value_or("")].messages;
    Slot& slot = slots_[sequence];
    slot.stored = std::move(stored);
    if (slot.stored.state == State::Scheduled) {
        ++scheduled_;
        schedule_.emplace(*slot.stored.message->scheduled, sequence);
        return sequence;
    }
    if (slot.stored.state == State::Deferred) ++deferred_;
    if (slot.stored.expires != Instant::max()) time_ends_.emplace(slot.stored.expires, sequence);
    make_ready(slot, now);
    return sequence;
}

Stored Box::remove(Slots::iterator at) {
    Slot& slot = at->second;
    const std::int64_t sequence = at->first;
    unlock(slot);
    unready(slot);
    if (slot.hold == Hold::Held) --held_;
    if (slot.stored.state == State::Deferred) --deferred_;
    if (slot.stored.state == State::Scheduled) {
        --scheduled_;
        schedule_.erase({*slot.stored.message->scheduled, sequence});
    }
    if (slot.stored.expires != Instant::max()) time_ends_.erase({slot.stored.expires, sequence});
    bytes_ -= slot.stored.message->size();
    if (has_sessions()) {
        const auto session = sessions_.find(session_of(slot));
        --session->second.messages;
        if (session->second.messages == 0 && !session->second.held && !session->second.state) {
            sessions_.erase(session);
        }
    }
    Stored out = std::move(slot.stored);
    slots_.erase(at);
    return out;
}

bool Box::cancel_scheduled(std::int64_t sequence) {
    const auto at = slots_.find(sequence);
    if (at == slots_.end() || at->second.stored.state != State::Scheduled) return false;
    remove(at);
    return true;
}

Uuid Box::next_token() {
    Uuid token{};
    std::memcpy(token.data(), &token_seed, sizeof token_seed);
    // The box makes it unique in the namespace, the count within the box; the version nibble makes
    // it look like the GUIDs that .NET draws.
    const std::uint64_t count = ++tokens_given_ | (id_.value & 0xffff) << 48;
    std::memcpy(token.data() + 8, &count, sizeof count);
    token[7] = static_cast<char>((token[7] & 0x0f) | 0x40);
    return token;
}

Delivery Box::lock(Slot& slot, Instant now, Holder holder) {
    unready(slot);
    slot.hold = Hold::Locked;
    slot.token = next_token();
    slot.holder = holder;
    locks_.emplace(slot.token, slot.stored.sequence);
    if (has_sessions()) {
        Session& session = sessions_[session_of(slot)];
        session.locked.insert(slot.stored.sequence);
        slot.locked_until = session.locked_until;
    } else {
        slot.locked_until = end_of(now, options_.lock_duration);
        lock_ends_.emplace(slot.locked_until, slot.stored.sequence);
    }
    return {slot.stored, slot.token, slot.locked_until};
}

void Box::unlock(Slot& slot) {
    if (slot.hold != Hold::Locked) return;
    slot.hold = Hold::Free;
    locks_.erase(slot.token);
    lock_ends_.erase({slot.locked_until, slot.stored.sequence});
    if (has_sessions()) sessions_[session_of(slot)].locked.erase(slot.stored.sequence);
}

std::optional<Delivery> Box::receive(Instant now, bool lock_it, Holder holder,
                                     const std::string& session_id) {
    std::set<std::int64_t>* ready = &ready_;
    if (has_sessions()) {
        const auto session = sessions_.find(session_id);
        if (session == sessions_.end() || !session->second.held ||
            session->second.holder != holder) {
            return std::nullopt;
        }
        ready = &session->second.ready;
    }
    while (!ready->empty()) {
        const auto at = slots_.find(*ready->begin());
        VC_CHECK(at != slots_.end(), "what is ready is stored");
        if (at->second.stored.expires <= now) {
            expire(at);
            if (has_sessions() && sessions_.count(session_id) == 0) return std::nullopt;
            continue;
        }
        if (lock_it) return lock(at->second, now, holder);
        return Delivery{remove(at), next_token(), std::nullopt};
    }
    return std::nullopt;
}

Answer<std::vector<Delivery>> Box::receive_deferred(const std::vector<std::int64_t>& sequences,
                                                    Instant now, bool lock_it, Holder holder) {
    for (const std::int64_t sequence : sequences) {
        const auto at = slots_.find(sequence);
        if (at != slots_.end() && has_sessions() && !sessions_.at(session_of(at->second)).held) {
            return tl::unexpected<Refusal>(lock_lost());
        }
        if (at == slots_.end() || at->second.stored.state != State::Deferred ||
            at->second.hold != Hold::Free) {
            return refuse("com.microsoft:message-not-found",
                          "Failed to lock one or more specified messages. The message does not "
                          "exist.");
        }
    }
    std::vector<Delivery> out;
    for (const std::int64_t sequence : sequences) {
        const auto at = slots_.find(sequence);
        if (at == slots_.end()) continue;  // asked for twice, and not locked
        if (at->second.hold != Hold::Free) continue;
        out.push_back(lock_it ? lock(at->second, now, holder)
                              : Delivery{remove(at), next_token(), std::nullopt});
    }
    return out;
}

bool Box::has_ready(const std::string& session_id) const {
    if (!has_sessions()) return !ready_.empty();
    const auto session = sessions_.find(session_id);
    return session != sessions_.end() && !session->second.ready.empty();
}

Refusal Box::lock_lost() const {
    if (has_sessions()) {
        return {"com.microsoft:session-lock-lost",
                "The session lock was lost. Request a new session receiver."};
    }
    return {"com.microsoft:message-lock-lost",
            "The lock supplied is invalid. Either the lock expired, or the message has already "
            "been removed from the queue."};
}

Answer<void> Box::settle(const Uuid& token, const Settle& settle, Instant now) {
    const auto held = locks_.find(token);
    if (held == locks_.end()) return tl::unexpected<Refusal>(lock_lost());
    const auto at = slots_.find(held->second);
    Slot& slot = at->second;
    if (settle.disposition == Disposition::Complete) {
        remove(at);
        return {};
    }
    if (!settle.properties.items.empty()) {
        auto changed = std::make_shared<Message>(*slot.stored.message);
        set_application_properties(*changed, settle.properties);
        bytes_ += changed->size();
        bytes_ -= slot.stored.message->size();
        slot.stored.message = std::move(changed);
    }
    switch (settle.disposition) {
        case Disposition::Complete:
            break;
        case Disposition::Abandon:
            failed(at, now);
            break;
        case Disposition::Defer:
            unlock(slot);
            if (slot.stored.state != State::Deferred) ++deferred_;
            slot.stored.state = State::Deferred;
            break;
        case Disposition::DeadLetter:
            depart(at, settle.reason, settle.description);
            break;
    }
    return {};
}

// The delivery counts as one that failed; too many of those lead to the dead-letter queue.
void Box::failed(Slots::iterator at, Instant now) {
    Slot& slot = at->second;
    unlock(slot);
    ++slot.stored.deliveries;
    if (slot.stored.expires <= now && expire(at)) return;
    const bool too_often =
        !terminal_ && slot.stored.deliveries >= static_cast<unsigned>(options_.max_delivery_count);
    if (too_often) {
        depart(at, "MaxDeliveryCountExceeded",
               "Message could not be consumed after " +
                   std::to_string(options_.max_delivery_count) + " delivery attempts.");
        return;
    }
    make_ready(slot, now);
}

void Box::depart(Slots::iterator at, std::string reason, std::string description) {
    if (terminal_) {  // there is nowhere further to go
        Stored stays = remove(at);
        put(std::move(stays), Instant{});
        return;
    }
    departed.push_back({remove(at), std::move(reason), std::move(description), false});
}

// Whether the message is gone; in a dead-letter queue nothing expires.
bool Box::expire(Slots::iterator at) {
    if (terminal_) return false;
    ++expired;
    if (options_.dead_letter_on_expiration) {
        depart(at, "TTLExpiredException", "The message expired and was dead lettered.");
    } else {
        remove(at);
    }
    return true;
}

Answer<Instant> Box::renew(const Uuid& token, Instant now) {
    const auto held = locks_.find(token);
    if (held == locks_.end()) return tl::unexpected<Refusal>(lock_lost());
    Slot& slot = slots_.at(held->second);
    if (has_sessions()) return slot.locked_until;  // the session's lock is what counts
    lock_ends_.erase({slot.locked_until, slot.stored.sequence});
    slot.locked_until = end_of(now, options_.lock_duration);
    lock_ends_.emplace(slot.locked_until, slot.stored.sequence);
    return slot.locked_until;
}

void Box::release(Holder holder, bool all, Instant now) {
    if (has_sessions()) {
        for (auto& [id, session] : sessions_) {
            if (!session.held || session.holder != holder) continue;
            const std::string name = id;  // the session may go
            free_session(name, session, now);
            return;
        }
        return;
    }
    if (!all) return;
    std::vector<std::int64_t> mine;
    for (const auto& [token, sequence] : locks_) {
        if (slots_.at(sequence).holder == holder) mine.push_back(sequence);
    }
    for (const std::int64_t sequence : mine)
        failed(slots_.find(sequence), now);
}

std::vector<Stored> Box::peek(std::int64_t from, std::size_t count,
                              const std::optional<std::string>& session) const {
    std::vector<Stored> out;
    for (auto at = slots_.lower_bound(from); at != slots_.end() && out.size() < count; ++at) {
        const auto& of = at->second.stored.message->session;
        if (!session || (of && *of == *session)) out.push_back(at->second.stored);
    }
    return out;
}

std::size_t Box::erase(std::size_t count, Instant before,
                       const std::optional<std::string>& session) {
    std::size_t erased = 0;
    for (auto at = slots_.begin(); at != slots_.end() && erased < count;) {
        const auto here = at++;
        const Slot& slot = here->second;
        if (slot.hold != Hold::Free || slot.stored.state != State::Active) continue;
        if (slot.stored.enqueued > before) continue;
        if (session && slot.stored.message->session != session) continue;
        remove(here);
        ++erased;
    }
    return erased;
}

void Box::hold(std::int64_t sequence) {
    const auto at = slots_.find(sequence);
    if (at == slots_.end() || at->second.hold != Hold::Free) return;
    unready(at->second);
    at->second.hold = Hold::Held;
    ++held_;
}

void Box::let_go(std::int64_t sequence) {
    const auto at = slots_.find(sequence);
    if (at == slots_.end() || at->second.hold != Hold::Held) return;
    --held_;
    make_ready(at->second, at->second.stored.enqueued);
}

bool Box::seen(const std::string& id, Instant now) {
    while (!seen_ends_.empty() &&
           (seen_ends_.begin()->first <= now || seen_.size() > most_remembered)) {
        seen_.erase(seen_ends_.begin()->second);
        seen_ends_.erase(seen_ends_.begin());
    }
    const auto [at, fresh] = seen_.emplace(id, end_of(now, options_.duplicate_window));
    if (fresh) seen_ends_.emplace(at->second, id);
    return !fresh;
}

Instant Box::next_due() const {
    Instant due = Instant::max();
    for (const auto* ends : {&lock_ends_, &time_ends_, &schedule_}) {
        if (!ends->empty()) due = std::min(due, ends->begin()->first);
    }
    if (!session_ends_.empty()) due = std::min(due, session_ends_.begin()->first);
    return due;
}

void Box::run_due(Instant now) {
    while (!schedule_.empty() && schedule_.begin()->first <= now)
        activate(slots_.find(schedule_.begin()->second), now);
    while (!lock_ends_.empty() && lock_ends_.begin()->first <= now)
        failed(slots_.find(lock_ends_.begin()->second), now);
    while (!session_ends_.empty() && session_ends_.begin()->first <= now) {
        const std::string id = session_ends_.begin()->second;
        Session& session = sessions_.at(id);
        sessions_lost.emplace_back(id, session.holder);
        free_session(id, session, now);
    }
    while (!time_ends_.empty() && time_ends_.begin()->first <= now) {
        const auto at = slots_.find(time_ends_.begin()->second);
        time_ends_.erase(time_ends_.begin());
        // A lock protects its message; when it ends, the time is looked at again.
        if (at->second.hold == Hold::Free) expire(at);
    }
}

// A scheduled message becomes an ordinary one, with a new place in the queue.
void Box::activate(Slots::iterator at, Instant now) {
    Stored stored = remove(at);
    stored.state = State::Active;
    if (hands_on_scheduled) {
        departed.push_back({std::move(stored), {}, {}, true});
        return;
    }
    stored.sequence = 0;
    stored.enqueued_sequence = 0;
    stored.enqueued = now;
    Duration keep = options_.default_ttl;
    if (stored.message->ttl) keep = std::min(keep, *stored.message->ttl);
    stored.expires = end_of(now, keep);
    put(std::move(stored), now);
}

Counts Box::counts() const {
    Counts counts;
    counts.scheduled = scheduled_;
    counts.deferred = deferred_;
    counts.locked = locks_.size();
    if (deferred_ > 0) {
        counts.locked = static_cast<std::size_t>(
            std::count_if(locks_.begin(), locks_.end(), [this](const auto& entry) {
                return slots_.at(entry.second).stored.state == State::Active;
            }));
    }
    counts.held = held_;
    counts.total = slots_.size();
    counts.active = slots_.size() - scheduled_ - deferred_;
    counts.bytes = bytes_;
    return counts;
}

std::string encode_peeked(const Stored& stored) {
    return encode_delivery({stored, {}, std::nullopt});
}

std::string encode_delivery(const Delivery& delivery, bool with_lock_token) {
    const Stored& stored = delivery.stored;
    BrokerProperties broker;
    broker.delivery_count = stored.deliveries;
    broker.sequence = stored.sequence;
    broker.enqueued_sequence = stored.enqueued_sequence;
    broker.enqueued = stored.enqueued;
    broker.locked_until = delivery.locked_until;
    if (with_lock_token) broker.lock_token = delivery.token;
    broker.dead_letter_source = stored.dead_letter_source;
    broker.state = stored.state == State::Deferred ? 1 : stored.state == State::Scheduled ? 2 : 0;
    return encode_message(*stored.message, broker);
}

}  // namespace vc::lab::servicebus
