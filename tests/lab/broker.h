// One broker namespace that a client cannot tell from Azure Service Bus: the entities of a Store
// (servicebus/store.h) behind AMQP 1.0 links on a port of 127.0.0.1. In memory only.
//
// This is the glue: links and their credit, deliveries and their locks, `$management`, and the
// faults. What a message's fate is, the store decides; how bytes travel, the engine.
//
// Bounded: connections, links, what is held back, and each entity by its options. A fault never
// loses what it does not say it loses: what a stall holds back moves when the stall is cleared.
// What a fault did to a message is logged by its message-id with the delay that really passed.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/lab/amqp_engine.h"
#include "tests/lab/faults.h"
#include "tests/lab/servicebus/atom.h"
#include "tests/lab/servicebus/entity_file.h"
#include "tests/lab/servicebus/front.h"
#include "tests/lab/servicebus/management.h"
#include "tests/lab/servicebus/store.h"

namespace boost::json {
class object;
}

namespace vc::lab {

struct BrokerOptions {
    std::string name;
    Credentials plain;  // no user: PLAIN is offered and nobody passes
    // The platform's own: a lock is given back when its link ends, and a topic's reader makes its
    // subscription when it attaches.
    std::vector<std::string> queues;
    std::vector<std::string> topics;
    std::size_t queue_limit = 100'000;
    std::vector<servicebus::EntitySpec> entities;  // these are as Service Bus has them
    std::size_t connection_limit = 5000;
    // Who may come in and how; name, seed, plain and connection_limit are filled in from the above.
    servicebus::FrontOptions front;
};

class Broker : public AmqpEvents {
  public:
    Broker(Agenda& agenda, std::uint64_t seed, BrokerOptions options);

    std::uint16_t port() const { return front_.port(); }
    FaultTarget fault_target();
    boost::json::object to_json() const;
    // With those who have not said yet what they want.
    std::size_t connections() const { return front_.connections() + front_.visitors(); }
    std::uint64_t connections_opened() const { return front_.connections_opened(); }
    std::uint64_t connections_closed() const { return front_.connections_closed(); }
    // Messages that wait in a queue ("canary-in", "ocpp-in/Subscriptions/backend"), stalled or not.
    std::size_t depth(const std::string& queue) const;

    // For tokens and logins from now on; what has been let in stays.
    void set_keys(std::vector<servicebus::AccessKey> keys) { front_.set_keys(std::move(keys)); }

    servicebus::Store& store() { return store_; }
    // Must be called when somebody else changed the store.
    void store_changed() { move(); }

  private:
    using BoxId = servicebus::BoxId;
    using EntityId = servicebus::EntityId;
    using Holder = servicebus::Holder;

    enum class LinkKind { Send, Receive, WaitForSession, Request, Reply };
    // A link of a peer.
    struct Link {
        LinkKind kind = LinkKind::Send;
        AmqpConnection* connection = nullptr;
        LinkId id;
        std::string name;
        std::string target;           // Reply: where answers are asked to go
        servicebus::Address address;  // of the entity
        EntityId entity;
        BoxId box;            // Receive, WaitForSession
        std::string session;  // Receive, where the box has sessions
        bool presettled = false;
        Holder holder = 0;
        Instant born{};
        int owed_credit = 0;              // Send: withheld by a fault
        std::deque<std::string> replies;  // Reply: not sent for want of credit
        Timer patience;                   // WaitForSession
    };
    struct Lock {
        BoxId box;
        servicebus::Uuid token{};
        LinkId link;
        std::shared_ptr<const servicebus::Message> message;  // shared with the store
    };
    struct Peer {
        std::shared_ptr<AmqpConnection> connection;
        std::uint64_t key = 0;
        std::map<LinkId, Link> links;
        std::unordered_map<std::uint64_t, Lock> locks;  // by delivery
    };
    struct Consumers {
        std::vector<Link*> links;
        std::size_t next = 0;
    };
    // A message or a request that came in and is not answered yet. Its link may go meanwhile; a
    // message is stored all the same.
    struct Arrival {
        std::weak_ptr<AmqpConnection> connection;
        LinkId link;
        DeliveryId delivery;
        AmqpIncoming message;
        bool request = false;
        EntityId entity;
        servicebus::Address address;
        Instant born{};  // of the connection
        std::uint64_t key = 0;
        Instant at{};

        FaultAsk ask(FaultRole role) const { return {address.entity, role, born, key}; }
    };
    struct Outcome {
        std::weak_ptr<AmqpConnection> connection;
        DeliveryId delivery;
        AmqpOutcome said;
        Instant at{};
    };

    // broker.cpp: connections, faults, what is told.
    void make_entities();
    servicebus::AtomHooks atom_hooks();
    Result<void> may_manage(const std::string& authorization, const std::string& url);
    void faults_changed();
    Peer& peer_of(AmqpConnection& connection);
    servicebus::Rights rights_of(AmqpConnection& connection, const std::string& entity);
    FaultAsk ask(const Peer& peer, const Link& link, FaultRole role) const;
    AmqpError tracked(const servicebus::Refusal& refusal, const std::string& what);

    void on_attach(AmqpConnection&, const AmqpLink&) override;
    void on_detach(AmqpConnection&, LinkId, const AmqpError&) override;
    void on_credit(AmqpConnection&, LinkId) override;
    void on_message(AmqpConnection&, LinkId, DeliveryId, AmqpIncoming) override;
    void on_outcome(AmqpConnection&, LinkId, DeliveryId, const AmqpOutcome&) override;
    void on_closed(AmqpConnection&, const AmqpError&) override;

    // broker_links.cpp: attaching and what ends links.
    const servicebus::Entity* find_entity(const servicebus::Address& address, bool to_peer);
    servicebus::Answer<void> may_attach(AmqpConnection&, const AmqpLink&, const Link&,
                                        const servicebus::Entity&);
    void attach(Peer& peer, const AmqpLink& said, Link made);
    void attach_receiver(Peer& peer, const AmqpLink& said, Link made);
    void wait_for_session(Link& link, const AmqpLink& said);
    bool grant_session(Link& link);
    void accept_receiver(Link& link, const servicebus::SessionGrant* grant);
    void forget(Peer& peer, LinkId id);
    void close(Link& link, const servicebus::Refusal& why);
    void end_links_of_changed(const servicebus::Changes& changes);
    Link* find_link(const std::weak_ptr<AmqpConnection>& connection, LinkId id, Peer** peer);

    // broker_in.cpp: what peers send.
    void log_stalled(const Arrival& arrival);
    void take(Arrival arrival);
    void take_message(Arrival arrival);
    servicebus::Answer<void> store_messages(const FaultAsk& ask, EntityId entity,
                                            std::vector<servicebus::Message> messages);
    void place(const FaultAsk& ask, const std::vector<servicebus::Sent>& sent);
    void place_one(const FaultAsk& ask, const servicebus::Placed& placed);
    void settle(const Arrival& arrival, const servicebus::Answer<void>& result);
    void take_request(Arrival arrival);
    void answer(const Arrival& arrival, const servicebus::Request& request);
    servicebus::Reply managed(Peer& peer, const Link& link, const servicebus::Request& request);
    Link* reply_link(Peer& peer, const Link& link, const servicebus::Request& request);
    void flush_replies(Link& link);

    // broker_out.cpp: what peers get, and what they say of it.
    void move();
    void dispatch(BoxId box);
    bool deliver(Link& link);
    bool starves(const Link& link);
    void apply(const Outcome& outcome);
    servicebus::Settle settle_of(const AmqpOutcome& said) const;

    Agenda& agenda_;
    BrokerOptions options_;
    FaultState faults_;
    servicebus::Store store_;
    std::map<AmqpConnection*, Peer> peers_;
    std::map<BoxId, Consumers> consumers_;
    std::map<BoxId, std::list<Link*>> waiting_;  // for a session
    std::map<Holder, Link*> holders_;
    std::deque<Arrival> held_arrivals_;
    std::deque<Outcome> held_outcomes_;
    std::vector<servicebus::Placed> stalled_;
    std::map<BoxId, std::int64_t> reordered_;  // waits for the next one in its box
    Holder next_holder_ = 1;
    std::uint64_t next_message_ = 1;
    std::uint64_t accepted_ = 0, lost_ = 0, requests_ = 0;
    bool moving_ = false;
    Instant due_at_ = Instant::max();
    Timer due_;
    Errands errands_;
    servicebus::Atom atom_;
    servicebus::Front front_;  // last: nothing comes in before the rest stands
};

}  // namespace vc::lab
