// One broker namespace: queues, topics with subscriptions, peek-lock, over AMQP 1.0 on its own
// port of 127.0.0.1. In memory only. Follows Service Bus where a client can tell: an unknown entity
// is attached and then detached with amqp:not-found, a message to a topic without a subscription is
// accepted and gone, a lock is given back when its link or connection ends.
//
// Bounded: connections, links, and the depth of each queue (then amqp:resource-limit-exceeded).
// Faults: delay, stall, drop, refuse, accept_lose. Under a stall nothing is settled and nothing is
// delivered, and what came in is kept; clearing it lets the backlog move, also for senders that
// have given up and sent again elsewhere.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/lab/amqp_engine.h"
#include "tests/lab/faults.h"
#include "tests/lab/listener.h"

namespace boost::json {
class object;
}

namespace vc::lab {

struct BrokerOptions {
    std::string name;
    Credentials plain;  // no user: PLAIN is offered and nobody passes
    std::vector<std::string> queues;
    std::vector<std::string> topics;
    std::size_t queue_limit = 100'000;
    std::size_t connection_limit = 5000;
};

class Broker : public AmqpEvents {
  public:
    Broker(Agenda& agenda, std::uint64_t seed, BrokerOptions options);
    ~Broker() override;

    std::uint16_t port() const { return listener_.port(); }
    FaultTarget fault_target();
    boost::json::object to_json() const;
    std::size_t connections() const { return peers_.size(); }
    // Messages that wait in a queue ("canary-in", "ocpp-in/Subscriptions/backend"), stalled or not.
    std::size_t depth(const std::string& queue) const;

  private:
    struct Stored {
        std::uint64_t sequence = 0;
        std::string bytes;
        std::uint32_t deliveries = 0;
        Instant expires = Instant::max();
    };
    struct Consumer {
        AmqpConnection* connection = nullptr;
        LinkId link;
        bool presettled = false;
        friend bool operator==(const Consumer&, const Consumer&) = default;
    };
    struct Queue {
        std::string name;
        std::map<std::uint64_t, Stored> ready;    // by sequence number
        std::map<std::uint64_t, Stored> stalled;  // kept back by a stall
        std::vector<Consumer> consumers;
        std::size_t next_consumer = 0;
        std::size_t locked = 0;
        std::size_t late = 0;  // kept back by a delay
    };
    struct Topic {
        std::map<std::string, Queue*> subscriptions;
    };
    struct Lock {
        Queue* queue = nullptr;
        LinkId link;
        Stored message;
    };
    struct Peer {
        std::shared_ptr<AmqpConnection> connection;
        std::map<LinkId, std::string> senders;  // links the peer sends on, and to which entity
        std::map<LinkId, Queue*> receivers;
        std::map<DeliveryId, Lock> locks;
    };
    // A message that came in and is not settled yet.
    struct Arrival {
        std::weak_ptr<AmqpConnection> connection;
        LinkId link;
        DeliveryId delivery;
        std::string entity;
        std::string bytes;
    };
    struct Outcome {
        std::weak_ptr<AmqpConnection> connection;
        DeliveryId delivery;
        Settlement settlement;
    };

    void accept(Socket socket);
    void serve(Socket socket);
    void faults_changed();
    int drop(const Fault& fault);

    void on_attach(AmqpConnection&, const AmqpLink&) override;
    void on_detach(AmqpConnection&, LinkId, const AmqpError&) override;
    void on_credit(AmqpConnection&, LinkId) override;
    void on_message(AmqpConnection&, LinkId, DeliveryId, AmqpIncoming) override;
    void on_outcome(AmqpConnection&, LinkId, DeliveryId, const AmqpOutcome&) override;
    void on_closed(AmqpConnection&, const AmqpError&) override;

    Queue* make_queue(const std::string& name);
    Queue* receive_queue(const std::string& address);
    bool has_room(const std::string& entity) const;
    void take(Arrival arrival);
    void settle(const Arrival& arrival, Settlement outcome, const AmqpError& error);
    void store(const std::string& entity, const std::string& bytes);
    void enqueue(Queue& queue, const std::string& bytes);
    void dispatch(Queue& queue);
    void drop_expired(Queue& queue);
    bool deliver(Queue& queue, const Consumer& consumer);
    void give_back(Queue& queue, Stored message);
    void release_link(Peer& peer, LinkId link);
    void apply(const Outcome& outcome);
    AmqpConnection::Tag next_tag();

    Agenda& agenda_;
    BrokerOptions options_;
    FaultState faults_;
    std::map<AmqpConnection*, Peer> peers_;
    std::map<std::string, std::unique_ptr<Queue>> queues_;  // subscriptions too, by full address
    std::map<std::string, Topic> topics_;
    std::list<Socket> held_connections_;
    std::deque<Arrival> held_arrivals_;
    std::deque<Outcome> held_outcomes_;
    std::uint64_t sequence_ = 0;
    std::uint64_t accepted_ = 0, delivered_ = 0, completed_ = 0, lost_ = 0, unrouted_ = 0,
                  expired_ = 0;
    Errands errands_;
    Listener listener_;  // last: nothing comes in before the rest stands
};

}  // namespace vc::lab
