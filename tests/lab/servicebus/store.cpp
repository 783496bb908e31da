#include "tests/lab/servicebus/store.h"

#include <algorithm>

#include "rules/base/check.h"

namespace vc::lab::servicebus {
namespace {

constexpr int most_hops = 4;  // of auto-forwarding, as Service Bus allows

Instant end_of(Instant from, Duration length) {
    return length > Instant::max() - from ? Instant::max() : from + length;
}

Instant expiry_of(const Message& message, const EntityOptions& options, Instant now) {
    return end_of(now,
                  message.ttl ? std::min(*message.ttl, options.default_ttl) : options.default_ttl);
}

bool takes_messages(const Entity& entity) {
    return entity.options.status == EntityStatus::Active ||
           entity.options.status == EntityStatus::ReceiveDisabled;
}

std::string quoted(const Entity& entity) {
    return "'" + entity.path + "'";
}

}  // namespace

void Store::count(EntityId entity, const std::function<void(Traffic&)>& add) {
    add(traffic_);
    if (Entity* one = find(entity)) add(one->traffic);
}

Answer<void> Store::check_send(const Entity& entity, const std::vector<Message>& messages) const {
    if (entity.kind == EntityKind::Subscription) {
        return refuse("amqp:not-allowed", "Messages are sent to a topic, not to " + quoted(entity));
    }
    if (!takes_messages(entity)) {
        return refuse("com.microsoft:entity-disabled",
                      "Messaging entity " + quoted(entity) + " is currently disabled.");
    }
    std::size_t bytes = 0;
    for (const Message& message : messages) {
        bytes += message.size();
        if (entity.options.requires_session && !message.session) {
            return refuse("amqp:not-allowed",
                          "The SessionId was not set on a message, and it cannot be sent to the "
                          "entity. Entities that have session support enabled can only receive "
                          "messages that have the SessionId set to a valid value.");
        }
        if (message.session && message.session->size() > 128) {
            return refuse("amqp:invalid-field", "The SessionId is longer than 128 characters.");
        }
        if (message.id.size() > 128) {
            return refuse("amqp:invalid-field", "The MessageId is longer than 128 characters.");
        }
    }
    if (bytes > static_cast<std::size_t>(entity.options.max_message_kb) * 1024) {
        return refuse("amqp:link:message-size-exceeded",
                      "The received message (delivery-id:0, size:" + std::to_string(bytes) +
                          " bytes) exceeds the limit (" +
                          std::to_string(entity.options.max_message_kb * 1024) +
                          " bytes) currently allowed on the link.");
    }
    return check_room(entity, messages.size(), bytes);
}

Answer<void> Store::check_room(const Entity& entity, std::size_t count, std::size_t bytes) const {
    const auto full = [&](const Entity& one) {
        const Counts main = one.main->counts();
        const Counts dead = one.dead ? one.dead->counts() : Counts{};
        const auto most = static_cast<std::size_t>(entity.options.max_size_mb) * 1024 * 1024;
        return main.total + count > one.options.message_limit ||
               main.bytes + dead.bytes + bytes > most;
    };
    bool any = full(entity);
    for (const EntityId id : entity.subscriptions)
        any = any || full(*find(id));
    if (!any) return {};
    return refuse("amqp:resource-limit-exceeded",
                  "The maximum entity size has been reached or exceeded for " +
                      std::string(entity.kind == EntityKind::Topic ? "Topic: " : "Queue: ") +
                      quoted(entity) + ".");
}

Answer<std::vector<Sent>> Store::send(EntityId id, std::vector<Message> messages, Instant now) {
    Entity* entity = find(id);
    if (entity == nullptr) {
        return refuse("amqp:not-found", "The messaging entity could not be found.");
    }
    if (const auto checked = check_send(*entity, messages); !checked) {
        return tl::unexpected<Refusal>(checked.error());
    }
    entity->accessed = now;
    std::vector<Sent> all;
    all.reserve(messages.size());
    for (Message& message : messages) {
        const std::size_t size = message.size();
        count(id, [size](Traffic& traffic) {
            ++traffic.incoming_messages;
            traffic.incoming_bytes += size;
        });
        if (entity->options.requires_duplicate_detection && entity->main->seen(message.id, now)) {
            count(id, [](Traffic& traffic) { ++traffic.duplicates; });
            all.push_back({{}, 0, true});
            continue;
        }
        const Duration keep = entity->options.default_ttl;
        if (keep < std::chrono::milliseconds(UINT32_MAX)) {
            message.ttl = std::min(message.ttl.value_or(keep), keep);
        }
        all.push_back(put(*entity, std::make_shared<const Message>(std::move(message)), now, 0));
    }
    return all;
}

Answer<std::vector<std::int64_t>> Store::schedule(EntityId id, std::vector<Message> messages,
                                                  Instant now) {
    for (Message& message : messages) {
        if (!message.scheduled) message.scheduled = now;
    }
    auto sent = send(id, std::move(messages), now);
    if (!sent) return tl::unexpected<Refusal>(sent.error());
    std::vector<std::int64_t> sequences;
    for (const Sent& one : *sent)
        sequences.push_back(one.sequence);
    return sequences;
}

Answer<void> Store::cancel_scheduled(EntityId id, const std::vector<std::int64_t>& sequences) {
    Entity* entity = find(id);
    if (entity == nullptr) {
        return refuse("amqp:not-found", "The messaging entity could not be found.");
    }
    bool all = true;
    for (const std::int64_t sequence : sequences)
        all = entity->main->cancel_scheduled(sequence) && all;
    touched(boxes_.at(entity->main->id()), Instant{});
    if (all) return {};
    return refuse("com.microsoft:message-not-found",
                  "The scheduled message could not be found: it was handed out or cancelled.");
}

Sent Store::put(Entity& entity, std::shared_ptr<const Message> message, Instant now, int hops) {
    Sent sent;
    Stored stored;
    stored.enqueued = now;
    if (message->scheduled && *message->scheduled > now) {
        stored.state = State::Scheduled;
        stored.message = std::move(message);
        sent.sequence = entity.main->put(std::move(stored), now);
        touched(boxes_.at(entity.main->id()), now);
        return sent;
    }
    if (entity.kind == EntityKind::Topic) {
        sent.sequence = entity.main->next_sequence();
        put_into_subscriptions(entity, message, sent.sequence, now, hops, sent);
        return sent;
    }
    stored.expires = expiry_of(*message, entity.options, now);
    stored.message = std::move(message);
    arrive(entity, std::move(stored), now, hops, sent);
    return sent;
}

void Store::put_into_subscriptions(Entity& topic, const std::shared_ptr<const Message>& message,
                                   std::int64_t sequence, Instant now, int hops, Sent& sent) {
    bool routed = false;
    for (const EntityId id : topic.subscriptions) {
        Entity& to = *find(id);
        const auto deliver = [&](std::shared_ptr<const Message> copy) {
            routed = true;
            Stored stored;
            stored.enqueued = now;
            stored.enqueued_sequence = sequence;
            stored.expires =
                std::min(expiry_of(*copy, to.options, now), expiry_of(*copy, topic.options, now));
            stored.message = std::move(copy);
            arrive(to, std::move(stored), now, hops, sent);
        };
        bool plain = false;  // rules that change nothing give one copy together
        for (const Rule& rule : to.rules) {
            if (!rule.matches(*message)) continue;
            if (rule.changes()) {
                deliver(std::make_shared<const Message>(rule.changed(*message)));
            } else {
                plain = true;
            }
        }
        if (plain) deliver(message);
    }
    if (!routed) count(topic.id, [](Traffic& traffic) { ++traffic.unrouted; });
}

// The message is in, or goes on to where the entity forwards to.
void Store::arrive(Entity& entity, Stored stored, Instant now, int hops, Sent& sent) {
    if (entity.options.forward_to.empty()) {
        const BoxId box = entity.main->id();
        const std::int64_t sequence = entity.main->put(std::move(stored), now);
        if (entity.kind == EntityKind::Queue && hops == 0) sent.sequence = sequence;
        sent.placed.push_back({box, sequence});
        touched(boxes_.at(box), now);
        return;
    }
    const auto to = by_path_.find(lowered(entity.options.forward_to));
    Entity* target = to == by_path_.end() ? nullptr : find(to->second);
    if (target == nullptr || hops >= most_hops || !check_send(*target, {*stored.message})) {
        dead_letter(entity, Part::TransferDeadLetter,
                    {std::move(stored), "ForwardToFailed", "The message could not be forwarded."},
                    now);
        return;
    }
    Sent further = put(*target, std::move(stored.message), now, hops + 1);
    sent.placed.insert(sent.placed.end(), further.placed.begin(), further.placed.end());
    if (hops == 0) sent.sequence = entity.main->next_sequence();
}

void Store::dead_letter(Entity& from, Part part, Box::Departed departed, Instant now) {
    count(from.id, [](Traffic& traffic) { ++traffic.dead_lettered; });
    auto message = std::make_shared<Message>(*departed.stored.message);
    Value why = map();
    if (!departed.reason.empty()) why.add("DeadLetterReason", string(departed.reason));
    if (!departed.description.empty()) {
        why.add("DeadLetterErrorDescription", string(departed.description));
    }
    if (!why.items.empty()) set_application_properties(*message, why);
    message->ttl.reset();  // a dead letter does not expire
    const auto to = by_path_.find(lowered(from.options.forward_dead_letters_to));
    if (to != by_path_.end()) {
        Entity& target = *find(to->second);
        Stored stored;
        stored.enqueued = now;
        stored.message = std::move(message);
        stored.dead_letter_source = from.path;
        Sent sent;
        arrive(target, std::move(stored), now, most_hops, sent);
        return;
    }
    Box& box = part == Part::TransferDeadLetter ? *from.transfer_dead : *from.dead;
    if (box.counts().total >= from.options.message_limit) {
        box.erase(1, Instant::max(), std::nullopt);  // bounded: the oldest goes
    }
    Stored stored = std::move(departed.stored);
    stored.message = std::move(message);
    stored.sequence = 0;
    stored.deliveries = 0;
    stored.state = State::Active;
    box.put(std::move(stored), now);
    touched(boxes_.at(box.id()), now);
}

// After every call into a box: what left it goes on, and its next time is booked.
void Store::touched(BoxEntry& entry, Instant now) {
    Box& box = *entry.box;
    Entity& entity = *find(entry.entity);
    if (box.expired > 0) {
        const std::uint64_t expired = std::exchange(box.expired, 0);
        count(entry.entity, [expired](Traffic& traffic) { traffic.expired += expired; });
    }
    for (Box::Departed& one : std::exchange(box.departed, {})) {
        if (one.enqueue) {
            put(entity, std::move(one.stored.message), now, 0);
        } else {
            dead_letter(entity, Part::DeadLetter, std::move(one), now);
        }
    }
    for (auto& [session, holder] : std::exchange(box.sessions_lost, {}))
        changes_.sessions_lost.push_back({box.id(), session, holder});
    if (std::exchange(box.woke, false)) woke_.insert(box.id());
    const Instant due = box.next_due();
    if (due == entry.due) return;
    due_.erase({entry.due, box.id()});
    entry.due = due;
    if (due != Instant::max()) due_.emplace(due, box.id());
}

std::optional<Delivery> Store::receive(BoxId id, Instant now, bool lock, Holder holder,
                                       const std::string& session) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return std::nullopt;
    auto delivery = one->box->receive(now, lock, holder, session);
    touched(*one, now);
    if (!delivery) return delivery;
    Entity& entity = *find(one->entity);
    entity.accessed = now;
    const std::size_t size = delivery->stored.message->size();
    count(entity.id, [size, lock](Traffic& traffic) {
        ++traffic.outgoing_messages;
        traffic.outgoing_bytes += size;
        if (!lock) ++traffic.completed;
    });
    return delivery;
}

Answer<std::vector<Delivery>> Store::receive_deferred(BoxId id,
                                                      const std::vector<std::int64_t>& sequences,
                                                      Instant now, bool lock, Holder holder) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return refuse("amqp:not-found", "The entity could not be found.");
    auto got = one->box->receive_deferred(sequences, now, lock, holder);
    touched(*one, now);
    return got;
}

Answer<void> Store::settle(BoxId id, const Uuid& token, const Settle& settle, Instant now) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return refuse("amqp:not-found", "The entity could not be found.");
    const auto done = one->box->settle(token, settle, now);
    touched(*one, now);
    if (!done) return done;
    count(one->entity, [&settle](Traffic& traffic) {
        switch (settle.disposition) {
            case Disposition::Complete:
                ++traffic.completed;
                break;
            case Disposition::Abandon:
                ++traffic.abandoned;
                break;
            case Disposition::Defer:
                ++traffic.deferred;
                break;
            case Disposition::DeadLetter:
                break;  // counted where it arrives
        }
    });
    return done;
}

Answer<Instant> Store::renew(BoxId id, const Uuid& token, Instant now) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return refuse("amqp:not-found", "The entity could not be found.");
    const auto until = one->box->renew(token, now);
    touched(*one, now);
    return until;
}

void Store::release(BoxId id, Holder holder, Instant now) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return;
    one->box->release(holder, find(one->entity)->options.locks_end_with_link, now);
    touched(*one, now);
}

Answer<std::optional<SessionGrant>> Store::accept_session(BoxId id,
                                                          const std::optional<std::string>& session,
                                                          Holder holder, Instant now) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return refuse("amqp:not-found", "The entity could not be found.");
    auto granted = one->box->accept_session(session, holder, now);
    touched(*one, now);
    return granted;
}

Answer<Instant> Store::renew_session(BoxId id, const std::string& session, Instant now) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return refuse("amqp:not-found", "The entity could not be found.");
    const auto until = one->box->renew_session(session, now);
    touched(*one, now);
    return until;
}

Answer<void> Store::set_session_state(BoxId id, const std::string& session,
                                      std::optional<std::string> state, Instant now) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return refuse("amqp:not-found", "The entity could not be found.");
    return one->box->set_session_state(session, std::move(state), now);
}

std::size_t Store::erase(BoxId id, std::size_t count, Instant before,
                         const std::optional<std::string>& session) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return 0;
    const std::size_t erased = one->box->erase(count, before, session);
    touched(*one, before);
    return erased;
}

void Store::hold(BoxId id, std::int64_t sequence) {
    if (BoxEntry* one = entry(id)) one->box->hold(sequence);
}

void Store::let_go(BoxId id, std::int64_t sequence) {
    BoxEntry* one = entry(id);
    if (one == nullptr) return;
    one->box->let_go(sequence);
    touched(*one, Instant{});
}

Instant Store::next_due() const {
    return due_.empty() ? Instant::max() : due_.begin()->first;
}

void Store::run_due(Instant now) {
    std::vector<BoxId> ids;
    for (const auto& [due, id] : due_) {
        if (due > now) break;
        ids.push_back(id);
    }
    for (const BoxId id : ids) {
        BoxEntry& one = boxes_.at(id);
        one.box->run_due(now);
        touched(one, now);
    }
}

Changes Store::take_changes() {
    changes_.woke.assign(woke_.begin(), woke_.end());
    woke_.clear();
    return std::exchange(changes_, {});
}

}  // namespace vc::lab::servicebus
