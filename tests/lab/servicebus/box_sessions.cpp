#include <algorithm>

#include "tests/lab/servicebus/box.h"

namespace vc::lab::servicebus {
namespace {

constexpr std::size_t most_sessions = 10'000;   // held or with a state; those with messages come
constexpr std::size_t most_state = 256 * 1024;  // octets, as the standard tier has it

Instant end_of(Instant from, Duration length) {
    return length > Instant::max() - from ? Instant::max() : from + length;
}

Refusal session_lock_lost() {
    return {"com.microsoft:session-lock-lost",
            "The session lock has expired on the MessageSession. Accept a new MessageSession."};
}

}  // namespace

Answer<std::optional<SessionGrant>> Box::accept_session(const std::optional<std::string>& id,
                                                        Holder holder, Instant now) {
    auto at = sessions_.end();
    if (id) {
        if (sessions_.size() >= most_sessions && sessions_.count(*id) == 0) {
            return refuse("amqp:resource-limit-exceeded", "There are too many sessions.");
        }
        at = sessions_.try_emplace(*id).first;
        if (at->second.held) {
            return refuse("com.microsoft:session-cannot-be-locked",
                          "The requested session '" + *id +
                              "' cannot be accepted. It may be locked by another receiver.");
        }
    } else {
        at = std::find_if(sessions_.begin(), sessions_.end(), [](const auto& entry) {
            return !entry.second.held && !entry.second.ready.empty();
        });
        if (at == sessions_.end()) return std::optional<SessionGrant>();
    }
    Session& session = at->second;
    session.held = true;
    session.holder = holder;
    session.locked_until = end_of(now, options_.lock_duration);
    session_ends_.emplace(session.locked_until, at->first);
    return std::optional<SessionGrant>({at->first, session.locked_until});
}

// Its messages are free again, each with a delivery that came to nothing.
void Box::free_session(const std::string& id, Session& session, Instant now) {
    session_ends_.erase({session.locked_until, id});
    session.held = false;
    session.holder = 0;
    const std::set<std::int64_t> locked = session.locked;
    ++session.messages;  // keeps the session while its messages may depart
    for (const std::int64_t sequence : locked)
        failed(slots_.find(sequence), now);
    --session.messages;
    if (session.messages == 0 && !session.state) {
        sessions_.erase(id);
    } else {
        woke = true;
    }
}

Answer<Instant> Box::renew_session(const std::string& id, Instant now) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end() || !at->second.held) {
        return tl::unexpected<Refusal>(session_lock_lost());
    }
    Session& session = at->second;
    session_ends_.erase({session.locked_until, id});
    session.locked_until = end_of(now, options_.lock_duration);
    session_ends_.emplace(session.locked_until, id);
    for (const std::int64_t sequence : session.locked)
        slots_.at(sequence).locked_until = session.locked_until;
    return session.locked_until;
}

Answer<void> Box::set_session_state(const std::string& id, std::optional<std::string> state,
                                    Instant now) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end() || !at->second.held) {
        return tl::unexpected<Refusal>(session_lock_lost());
    }
    if (state && state->size() > most_state) {
        return refuse("amqp:link:message-size-exceeded", "The session state is too large.");
    }
    at->second.state = std::move(state);
    at->second.updated = now;
    return {};
}

std::optional<std::string> Box::session_state(const std::string& id) const {
    const auto at = sessions_.find(id);
    return at == sessions_.end() ? std::nullopt : at->second.state;
}

std::vector<std::string> Box::sessions(Instant since, std::size_t skip, std::size_t top) const {
    std::vector<std::string> out;
    for (const auto& [id, session] : sessions_) {
        if (session.messages == 0 && !session.state) continue;
        if (session.updated < since) continue;
        if (skip > 0) {
            --skip;
            continue;
        }
        if (out.size() >= top) break;
        out.push_back(id);
    }
    return out;
}

}  // namespace vc::lab::servicebus
