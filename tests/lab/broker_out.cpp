#include <algorithm>

#include "tests/lab/broker.h"

namespace vc::lab {
namespace {

using servicebus::Disposition;
using servicebus::Settle;
using servicebus::Value;

constexpr std::size_t held_limit = 100'000;

Value value_of(const AmqpValue& value) {
    if (const auto* yes = std::get_if<bool>(&value)) return servicebus::boolean(*yes);
    if (const auto* small = std::get_if<std::int32_t>(&value)) return servicebus::int_value(*small);
    if (const auto* large = std::get_if<std::int64_t>(&value)) {
        return servicebus::long_value(*large);
    }
    if (const auto* bits = std::get_if<std::uint64_t>(&value)) {
        return servicebus::ulong_value(*bits);
    }
    if (const auto* text = std::get_if<std::string>(&value)) return servicebus::string(*text);
    Value made;
    if (const auto* real = std::get_if<double>(&value)) {
        made.type = servicebus::Type::Double;
        made.real = *real;
    }
    return made;
}

Value properties_of(const AmqpMap& map) {
    Value made = servicebus::map();
    for (const auto& [key, value] : map)
        made.add(key, value_of(value));
    return made;
}

}  // namespace

// After every call of the store: what woke is handed out, what ended is told, and the next time at
// which something is due is booked.
void Broker::move() {
    if (moving_) return;
    moving_ = true;
    for (servicebus::Changes changes = store_.take_changes(); !changes.empty();
         changes = store_.take_changes()) {
        end_links_of_changed(changes);
        for (const BoxId box : changes.woke)
            dispatch(box);
    }
    moving_ = false;
    const Instant due = store_.next_due();
    if (due >= due_at_) return;  // the call that is booked comes early enough
    due_at_ = due;
    due_ = agenda_.at(due, [this] {
        due_at_ = Instant::max();
        store_.run_due(agenda_.now());
        move();
    });
}

void Broker::dispatch(BoxId box) {
    if (faults_.active() > 0 && faults_.stalled(FaultDir::Out)) return;
    if (const auto waiting = waiting_.find(box); waiting != waiting_.end()) {
        std::list<Link*>& links = waiting->second;
        while (!links.empty() && grant_session(*links.front()))
            links.pop_front();
        if (links.empty()) waiting_.erase(waiting);
    }
    const auto found = consumers_.find(box);
    const servicebus::Box* from = store_.box(box);
    if (found == consumers_.end() || from == nullptr) return;
    if (!from->has_sessions() && !from->has_ready()) return;
    Consumers& consumers = found->second;
    // One message each, in turn, until a round gives nothing to anybody.
    for (std::size_t idle = 0; idle < consumers.links.size();) {
        consumers.next = (consumers.next + 1) % consumers.links.size();
        idle = deliver(*consumers.links[consumers.next]) ? 0 : idle + 1;
    }
}

bool Broker::starves(const Link& link) {
    if (faults_.active() == 0) return false;
    FaultAsk asked = ask(peers_.at(link.connection), link, FaultRole::Receive);
    asked.born = link.born;
    return faults_.starves(asked);
}

bool Broker::deliver(Link& link) {
    const servicebus::Box* box = store_.box(link.box);
    if (box == nullptr || !box->has_ready(link.session)) return false;
    if (link.connection->credit(link.id) <= 0 || starves(link)) return false;
    auto delivery =
        store_.receive(link.box, agenda_.now(), !link.presettled, link.holder, link.session);
    if (!delivery) return false;
    const DeliveryId id = link.connection->send(
        link.id, delivery->token, servicebus::encode_delivery(*delivery), link.presettled);
    if (link.presettled) return true;
    peers_.at(link.connection)
        .locks.emplace(id.value, Lock{link.box, delivery->token, link.id,
                                      std::move(delivery->stored.message)});
    return true;
}

void Broker::on_credit(AmqpConnection& connection, LinkId id) {
    Peer* peer = nullptr;
    Link* link = find_link(connection.weak_from_this(), id, &peer);
    if (link == nullptr) return;
    if (link->kind == LinkKind::Reply) {
        flush_replies(*link);
        connection.drained(id);
        return;
    }
    if (link->kind != LinkKind::Receive) return;
    if (faults_.any(FaultKind::ServerBusy)) {
        if (const auto busy = faults_.refusal(ask(*peer, *link, FaultRole::Receive))) {
            close(*link, {busy->condition, busy->description});
            move();
            return;
        }
    }
    dispatch(link->box);
    move();
    if (!faults_.stalled(FaultDir::Out) && !starves(*link)) connection.drained(id);
}

void Broker::on_outcome(AmqpConnection& connection, LinkId id, DeliveryId delivery,
                        const AmqpOutcome& said) {
    Outcome outcome{connection.weak_from_this(), delivery, said, agenda_.now()};
    Peer* peer = nullptr;
    const Link* link = find_link(outcome.connection, id, &peer);
    if (link == nullptr || link->kind != LinkKind::Receive || faults_.active() == 0) {
        apply(outcome);
        return;
    }
    const FaultAsk asked = ask(*peer, *link, FaultRole::Receive);
    if (faults_.stalls(FaultDir::Out, asked) && held_outcomes_.size() < held_limit) {
        held_outcomes_.push_back(std::move(outcome));
        return;
    }
    const Duration delay = faults_.delay(FaultDir::In, asked);
    if (delay == Duration::zero() || errands_.size() >= held_limit) {
        apply(outcome);
        return;
    }
    const auto lock = peer->locks.find(delivery.value);
    const std::string message = lock == peer->locks.end() ? "" : lock->second.message->id;
    errands_.after(delay,
                   [this, outcome = std::move(outcome), message, entity = link->address.entity] {
                       apply(outcome);
                       faults_.log("complete", entity, message, agenda_.now() - outcome.at);
                   });
}

Settle Broker::settle_of(const AmqpOutcome& said) const {
    Settle settle;
    switch (said.settlement) {
        case Settlement::Accepted:
            settle.disposition = Disposition::Complete;
            break;
        case Settlement::Rejected: {
            settle.disposition = Disposition::DeadLetter;
            AmqpMap info = said.error.info;
            settle.reason = text_of(info, "DeadLetterReason");
            settle.description = text_of(info, "DeadLetterErrorDescription");
            // A rejection in the words of plain AMQP has its reason in the error itself.
            const bool plain = said.error.condition != "com.microsoft:dead-letter";
            if (plain && settle.reason.empty()) settle.reason = said.error.condition;
            if (settle.description.empty()) settle.description = said.error.description;
            info.erase("DeadLetterReason");
            info.erase("DeadLetterErrorDescription");
            settle.properties = properties_of(info);
            break;
        }
        case Settlement::Modified:
            settle.disposition =
                said.undeliverable_here ? Disposition::Defer : Disposition::Abandon;
            settle.properties = properties_of(said.annotations);
            break;
        case Settlement::Released:
        case Settlement::None:
            settle.disposition = Disposition::Abandon;
            break;
    }
    return settle;
}

void Broker::apply(const Outcome& outcome) {
    const auto connection = outcome.connection.lock();
    const auto peer = peers_.find(connection.get());
    if (!connection || peer == peers_.end()) return;
    const auto lock = peer->second.locks.extract(outcome.delivery.value);
    if (lock.empty()) {  // an answer of $management, or a link that went
        connection->settle(outcome.delivery, outcome.said.settlement);
        return;
    }
    const auto done = store_.settle(lock.mapped().box, lock.mapped().token, settle_of(outcome.said),
                                    agenda_.now());
    if (done) {
        connection->settle(outcome.delivery, outcome.said.settlement);
    } else {
        connection->settle(outcome.delivery, Settlement::Rejected, tracked(done.error(), "settle"));
    }
    move();
}

}  // namespace vc::lab
