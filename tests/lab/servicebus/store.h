// The entities of one namespace and what they hold. Pure: no clock, no sockets, no AMQP links; time
// comes in as values, and everything that is due (locks, sessions, expiry, schedules) is done by
// run_due(), which wants to be called at next_due().
//
// Names are the same in any case. Answers are those of Service Bus: Refusal carries the condition.
// Whoever hands out messages asks take_changes() after each call to learn where something woke.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/lab/servicebus/box.h"
#include "tests/lab/servicebus/entity.h"
#include "tests/lab/servicebus/rule.h"

namespace vc::lab::servicebus {

// Cumulative, for the vendor's metrics. Messages and settles are counted by the store, requests and
// errors by the broker.
struct Traffic {
    std::uint64_t incoming_requests = 0, successful_requests = 0, server_errors = 0,
                  user_errors = 0, throttled = 0;
    std::uint64_t incoming_messages = 0, outgoing_messages = 0, incoming_bytes = 0,
                  outgoing_bytes = 0;
    std::uint64_t completed = 0, abandoned = 0, dead_lettered = 0, deferred = 0;
    std::uint64_t duplicates = 0, unrouted = 0, expired = 0;
    std::uint64_t sends_timed = 0;
    Duration send_time{};  // summed over sends_timed
};

struct Entity {
    EntityId id;
    EntityKind kind = EntityKind::Queue;
    std::string path;  // as it was spelled: "q", "t", "t/Subscriptions/s"
    EntityOptions options;
    Instant created{}, updated{}, accessed{};
    std::unique_ptr<Box> main;                 // of a topic: its scheduled messages
    std::unique_ptr<Box> dead, transfer_dead;  // none for a topic
    EntityId topic;                            // of a subscription
    std::vector<EntityId> subscriptions;       // of a topic, by name
    std::vector<Rule> rules;                   // of a subscription
    Traffic traffic;

    std::string name() const;  // the last part of the path
};

struct Placed {
    BoxId box;
    std::int64_t sequence = 0;
};

struct Sent {
    std::vector<Placed> placed;  // where it can now be received
    std::int64_t sequence = 0;   // in the entity that it was sent to
    bool duplicate = false;      // accepted and dropped
};

// What happened since it was last asked. Boxes without doubles, in no order.
struct Changes {
    std::vector<BoxId> woke;
    struct SessionLost {
        BoxId box;
        std::string session;
        Holder holder = 0;
    };
    std::vector<SessionLost> sessions_lost;
    std::vector<EntityId> gone;     // deleted
    std::vector<EntityId> changed;  // options, status
    bool empty() const {
        return woke.empty() && sessions_lost.empty() && gone.empty() && changed.empty();
    }
};

class Store {
  public:
    // `name` makes lock tokens differ between namespaces.
    explicit Store(const std::string& name);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Entities. Refused: com.microsoft:entity-already-exists, amqp:not-found (no such topic),
    // amqp:invalid-field (a name or an option that cannot be).
    Answer<EntityId> create(EntityKind kind, const std::string& path, EntityOptions options,
                            Instant now);
    // Not all options may change: those that shape the entity stay (amqp:invalid-field).
    Answer<void> update(const std::string& path, EntityOptions options, Instant now);
    Answer<void> remove(const std::string& path);  // a topic with its subscriptions
    const Entity* find(const std::string& path) const;
    const Entity* find(EntityId id) const;
    Entity* find(EntityId id);
    std::vector<const Entity*> list(EntityKind kind) const;  // queues or topics, by name
    std::vector<const Entity*> subscriptions(const Entity& topic) const;
    Counts counts(const Entity& entity) const;
    const Traffic& traffic() const { return traffic_; }  // of the namespace
    // Counts into the entity's and the namespace's figures alike.
    void count(EntityId entity, const std::function<void(Traffic&)>& add);

    // Rules, by the subscription's path. A new subscription has "$Default", which takes everything.
    Answer<void> add_rule(const std::string& path, RuleDescription rule, Instant now);
    Answer<void> replace_rule(const std::string& path, RuleDescription rule, Instant now);
    Answer<void> remove_rule(const std::string& path, const std::string& name);

    Box* box(const Address& address);  // none: no such entity, or a topic
    Box* box(BoxId id);
    const Entity* owner(BoxId box) const;

    // Messaging. All of `messages` or none.
    Answer<std::vector<Sent>> send(EntityId entity, std::vector<Message> messages, Instant now);
    // To be handed out at their scheduled time, or at `now` if that is over.
    Answer<std::vector<std::int64_t>> schedule(EntityId entity, std::vector<Message> messages,
                                               Instant now);
    Answer<void> cancel_scheduled(EntityId entity, const std::vector<std::int64_t>& sequences);

    std::optional<Delivery> receive(BoxId box, Instant now, bool lock, Holder holder,
                                    const std::string& session = {});
    Answer<std::vector<Delivery>> receive_deferred(BoxId box,
                                                   const std::vector<std::int64_t>& sequences,
                                                   Instant now, bool lock, Holder holder);
    Answer<void> settle(BoxId box, const Uuid& token, const Settle& settle, Instant now);
    Answer<Instant> renew(BoxId box, const Uuid& token, Instant now);
    void release(BoxId box, Holder holder, Instant now);
    Answer<std::optional<SessionGrant>> accept_session(BoxId box,
                                                       const std::optional<std::string>& id,
                                                       Holder holder, Instant now);
    Answer<Instant> renew_session(BoxId box, const std::string& id, Instant now);
    Answer<void> set_session_state(BoxId box, const std::string& id,
                                   std::optional<std::string> state, Instant now);
    std::size_t erase(BoxId box, std::size_t count, Instant before,
                      const std::optional<std::string>& session);

    void hold(BoxId box, std::int64_t sequence);
    void let_go(BoxId box, std::int64_t sequence);

    Instant next_due() const;
    void run_due(Instant now);
    Changes take_changes();

  private:
    struct BoxEntry {
        Box* box = nullptr;
        EntityId entity;
        Part part = Part::Main;
        Instant due = Instant::max();
    };

    std::unique_ptr<Box> make_box(Entity& entity, Part part);
    void erase_entity(EntityId id);
    Answer<void> check_rule_place(const std::string& path, Entity** entity);
    Answer<void> check_send(const Entity& entity, const std::vector<Message>& messages) const;
    Answer<void> check_room(const Entity& entity, std::size_t count, std::size_t bytes) const;
    Sent put(Entity& entity, std::shared_ptr<const Message> message, Instant now, int hops);
    void put_into_subscriptions(Entity& topic, const std::shared_ptr<const Message>& message,
                                std::int64_t sequence, Instant now, int hops, Sent& sent);
    void arrive(Entity& entity, Stored stored, Instant now, int hops, Sent& sent);
    void dead_letter(Entity& from, Part part, Box::Departed departed, Instant now);
    void touched(BoxEntry& entry, Instant now);
    BoxEntry* entry(BoxId id);

    std::uint64_t token_seed_;
    std::uint64_t next_id_ = 1;
    std::map<EntityId, std::unique_ptr<Entity>> entities_;
    std::map<std::string, EntityId> by_path_;  // lowered
    std::map<BoxId, BoxEntry> boxes_;
    std::set<std::pair<Instant, BoxId>> due_;
    std::set<BoxId> woke_;
    Changes changes_;
    Traffic traffic_;
};

}  // namespace vc::lab::servicebus
