#include "tests/lab/bridge.h"

#include <algorithm>
#include <boost/json.hpp>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr Duration answer_patience = 30s;
constexpr int answer_credit = 500;
constexpr std::size_t most_sessions = 10'000;
constexpr std::size_t most_pending = 20'000;
constexpr std::size_t most_held = 20'000;
constexpr std::string_view root = "/ocpp/";
constexpr const char* calls_entity = "ocpp-in";
constexpr const char* canary_entity = "canary-in";
constexpr const char* answers_entity = "ocpp-out";

bool is_standby_canary(std::string_view identity) {
    return identity.starts_with("SYN-STANDBY-");
}

}  // namespace

Bridge::Bridge(Agenda& agenda, std::uint64_t seed, BrokerPorts brokers, Ledger& ledger)
    : agenda_(agenda),
      ledger_(ledger),
      faults_(seed, "bridge"),
      primary_(agenda, "bridge", brokers.primary,
               [this](const std::string& key, bool accepted) { settled(key, accepted); }),
      standby_(agenda, "bridge", brokers.standby,
               [this](const std::string& key, bool accepted) { settled(key, accepted); }),
      errands_(agenda),
      listener_(agenda.io(), [this](Socket socket) { accept(std::move(socket)); }) {
    for (AmqpClient* one : {&primary_, &standby_}) {
        one->add_receiver(answers_entity, answer_credit,
                          [this, one](const AmqpClient::Incoming& incoming, AmqpMessage message) {
                              answered(*one, incoming, std::move(message));
                          });
        one->start();
    }
}

Bridge::~Bridge() {
    for (auto& [id, session] : sessions_)
        session.socket->abandon();
    for (const auto& socket : upgrading_)
        socket->abandon();
}

FaultTarget Bridge::fault_target() {
    return {&faults_,
            {FaultKind::Delay, FaultKind::Stall, FaultKind::Drop, FaultKind::Refuse,
             FaultKind::AcceptLose},
            [this] { faults_changed(); },
            [this](const Fault& fault) { return drop(fault); }};
}

AmqpClient& Bridge::client(const std::string& broker) {
    return broker == "standby" ? standby_ : primary_;
}

bool Bridge::ready() const {
    return primary_.attached(answers_entity) && standby_.attached(answers_entity);
}

void Bridge::switch_to(const std::string& broker) {
    if (broker == active_) return;
    AmqpClient& from = client(active_);
    active_ = broker;
    for (Outgoing& message : from.take_unsettled(calls_entity)) {
        const auto pending = pending_.find(message.key);
        if (pending != pending_.end()) pending->second.broker = broker;
        client(broker).send(std::move(message));
    }
}

void Bridge::accept(Socket socket) {
    if (faults_.refuses() ||
        sessions_.size() + upgrading_.size() + held_connections_.size() >= most_sessions) {
        reset_socket(socket);
    } else if (faults_.stalls_connections()) {
        held_connections_.push_back(std::move(socket));
    } else {
        serve(std::move(socket));
    }
}

void Bridge::serve(Socket socket) {
    // The connection is needed inside its own callbacks, before there is a session that owns it.
    auto self = std::make_shared<std::weak_ptr<WsConnection>>();
    const auto connection = ws_accept(
        agenda_, std::move(socket),
        [this, self](const std::string& path) { return welcome(self->lock(), path); },
        [this, self] { upgrading_.erase(self->lock()); });
    *self = connection;
    upgrading_.insert(connection);
}

WsWelcome Bridge::welcome(const std::shared_ptr<WsConnection>& socket, const std::string& path) {
    if (!path.starts_with(root)) return {};
    const std::string identity = path.substr(root.size(), path.find('?') - root.size());
    const bool known = identity.starts_with("CP-") || identity.starts_with("SYN-");
    if (!known || identity.size() > 48 || identity.find('/') != std::string::npos) return {};
    const SessionId id{next_session_++};
    upgrading_.erase(socket);
    sessions_.emplace(id, Session{identity, socket});
    // A charger that comes back is the same charger: its old connection is a dead one.
    const auto [current, fresh] = by_identity_.emplace(identity, id);
    if (!fresh) {
        const auto old = sessions_.find(std::exchange(current->second, id));
        if (old != sessions_.end()) old->second.socket->close();
    }
    WsWelcome welcome;
    welcome.known = true;
    welcome.events.on_text = [this, id](std::string text) { from_charger(id, std::move(text)); };
    welcome.events.on_closed = [this, id] { session_closed(id); };
    return welcome;
}

void Bridge::session_closed(SessionId id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    const auto current = by_identity_.find(found->second.identity);
    if (current != by_identity_.end() && current->second == id) by_identity_.erase(current);
    sessions_.erase(found);
}

void Bridge::faults_changed() {
    listener_.refuse(faults_.refuses_all());
    if (!faults_.stalls_connections()) {
        for (Socket& socket : std::exchange(held_connections_, {}))
            serve(std::move(socket));
    }
    if (!faults_.any_stall(FaultDir::In)) {
        for (const Held& held : std::exchange(held_in_, {}))
            forward(held.session, held.text);
    }
    if (!faults_.any_stall(FaultDir::Out)) {
        for (const auto& [key, text] : std::exchange(held_out_, {}))
            relay(key, text);
    }
}

int Bridge::drop(const Fault& fault) {
    std::vector<std::shared_ptr<WsConnection>> hit;
    for (const auto& [id, session] : sessions_) {
        if (faults_.picked(fault.share)) hit.push_back(session.socket);
    }
    for (const auto& socket : hit) {
        if (fault.mode == DropMode::Forced) {
            socket->close();
        } else {
            socket->reset();
        }
    }
    return static_cast<int>(hit.size());
}

void Bridge::from_charger(SessionId session, std::string text) {
    if (faults_.stalls(FaultDir::In)) {
        if (held_in_.size() < most_held) held_in_.push_back({session, std::move(text)});
        return;
    }
    const Duration delay = faults_.delay(FaultDir::In);
    if (delay == Duration::zero() || errands_.size() >= most_held) {
        forward(session, text);
        return;
    }
    errands_.after(delay, [this, session, text = std::move(text)] { forward(session, text); });
}

void Bridge::forward(SessionId session, const std::string& text) {
    if (sessions_.count(session) == 0) return;
    const auto frame = read_frame(text);
    // The platform sends no CALLs of its own, so there is nothing a result could belong to.
    if (!frame || frame->type != 2) return;
    ++calls_;
    if (pending_.size() >= most_pending) {
        to_charger(session, call_error(frame->id, "InternalError", "too many calls are waiting"));
        return;
    }
    forward_call(session, *frame, text);
}

void Bridge::forward_call(SessionId session, const OcppFrame& frame, const std::string& text) {
    const std::string& identity = sessions_.at(session).identity;
    const std::string key = identity + ":" + frame.id;
    const bool stored = is_stored_and_forwarded(frame.action);
    const std::string broker = is_standby_canary(identity) ? "standby" : active_;
    const Instant due = agenda_.now() + answer_patience;
    pending_[key] = {session, frame.id, frame.action, broker, due};
    due_.emplace_back(due, key);
    if (due_.size() == 1) expiry_ = agenda_.at(due_.front().first, [this] { expire(); });
    if (faults_.loses()) {
        if (stored) settled(key, true);
        return;
    }
    if (client(broker).has(key)) return;  // a retry of what is still on its way
    AmqpMessage message;
    message.id = key;
    message.subject = identity;
    if (!stored) message.reply_to = answers_entity;
    message.body = text;
    const char* entity = is_standby_canary(identity) ? canary_entity : calls_entity;
    if (client(broker).send({key, entity, encode(message)})) return;
    pending_.erase(key);
    to_charger(session, call_error(frame.id, "InternalError", "too many messages are waiting"));
}

void Bridge::settled(const std::string& key, bool accepted) {
    const auto found = pending_.find(key);
    if (found == pending_.end()) return;
    const Pending pending = found->second;
    if (!accepted) {
        pending_.erase(found);
        to_charger(pending.session, call_error(pending.id, "InternalError", "the broker refused"));
        return;
    }
    if (!is_stored_and_forwarded(pending.action)) return;  // the backend's answer is to come
    pending_.erase(found);
    ledger_.acknowledged(key);
    to_charger(pending.session, call_result(pending.id, "{}"));
}

void Bridge::answered(AmqpClient& client, const AmqpClient::Incoming& incoming,
                      AmqpMessage message) {
    client.complete(incoming);
    if (faults_.stalls(FaultDir::Out)) {
        if (held_out_.size() < most_held) {
            held_out_.emplace_back(std::move(message.correlation_id), std::move(message.body));
        }
        return;
    }
    const Duration delay = faults_.delay(FaultDir::Out);
    if (delay == Duration::zero() || errands_.size() >= most_held) {
        relay(message.correlation_id, message.body);
        return;
    }
    errands_.after(delay, [this, message = std::move(message)] {
        relay(message.correlation_id, message.body);
    });
}

void Bridge::relay(const std::string& key, const std::string& text) {
    const auto found = pending_.find(key);
    if (found == pending_.end()) return;  // too late, or answered already
    const Pending pending = std::move(found->second);
    pending_.erase(found);
    // The answer may overtake the settle of what it answers.
    client(pending.broker).forget(key);
    if (is_transaction(pending.action)) ledger_.acknowledged(key);
    to_charger(pending.session, text);
}

void Bridge::to_charger(SessionId session, std::string text) {
    const auto found = sessions_.find(session);
    if (found != sessions_.end()) found->second.socket->send(std::move(text));
}

void Bridge::expire() {
    const Instant now = agenda_.now();
    for (; !due_.empty() && due_.front().first <= now; due_.pop_front()) {
        const std::string& key = due_.front().second;
        const auto found = pending_.find(key);
        if (found == pending_.end() || found->second.due > now) continue;  // asked again since
        AmqpClient& from = client(found->second.broker);
        if (is_stored_and_forwarded(found->second.action) && from.has(key)) {
            // Nobody waits for the answer any more; the message itself must still arrive.
            found->second.session = {};
            continue;
        }
        from.forget(key);
        pending_.erase(found);
        ++expired_;
    }
    if (!due_.empty()) expiry_ = agenda_.at(due_.front().first, [this] { expire(); });
}

boost::json::object Bridge::to_json() const {
    const auto ordinary =
        std::count_if(by_identity_.begin(), by_identity_.end(),
                      [](const auto& entry) { return entry.first.starts_with("CP-"); });
    return {{"port", port()},
            {"active", active_},
            {"sessions", sessions_.size()},
            {"chargers", ordinary},
            {"pending", pending_.size()},
            {"calls", calls_},
            {"expired", expired_},
            {"faults", faults_.active()},
            {"connected", {{"primary", primary_.connected()}, {"standby", standby_.connected()}}},
            {"unsettled", {{"primary", primary_.unsettled()}, {"standby", standby_.unsettled()}}}};
}

}  // namespace vc::lab
