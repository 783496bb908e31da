#include "tests/lab/broker.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>

#include "tests/lab/amqp_message.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr int sender_credit = 500;
constexpr Duration idle_timeout = 120s;  // what Service Bus says in its open
constexpr std::size_t links_per_connection = 1000;
constexpr std::size_t held_limit = 100'000;

// "amqps://host/ocpp-in" and "/ocpp-in" are "ocpp-in"; the middle of a subscription's address is
// spelled in any case.
std::string entity_name(std::string address) {
    if (const auto scheme = address.find("://"); scheme != std::string::npos) {
        const auto slash = address.find('/', scheme + 3);
        address = slash == std::string::npos ? "" : address.substr(slash + 1);
    }
    if (!address.empty() && address.front() == '/') address.erase(0, 1);
    const auto first = address.find('/');
    if (first == std::string::npos) return address;
    const auto second = address.find('/', first + 1);
    if (second == std::string::npos) return address;
    std::string middle = address.substr(first + 1, second - first - 1);
    std::transform(middle.begin(), middle.end(), middle.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (middle == "subscriptions") address.replace(first, second - first, "/Subscriptions");
    return address;
}

AmqpError not_found(const std::string& entity) {
    return {"amqp:not-found", "The messaging entity '" + entity + "' could not be found."};
}

}  // namespace

Broker::Broker(Agenda& agenda, std::uint64_t seed, BrokerOptions options)
    : agenda_(agenda),
      options_(std::move(options)),
      faults_(seed, options_.name),
      errands_(agenda),
      listener_(agenda.io(), [this](Socket socket) { accept(std::move(socket)); }) {
    for (const std::string& name : options_.queues)
        make_queue(name);
    for (const std::string& name : options_.topics)
        topics_[name];
}

Broker::~Broker() {
    for (auto& [connection, peer] : peers_)
        connection->abandon();
}

FaultTarget Broker::fault_target() {
    return {&faults_,
            {FaultKind::Delay, FaultKind::Stall, FaultKind::Drop, FaultKind::Refuse,
             FaultKind::AcceptLose},
            [this] { faults_changed(); },
            [this](const Fault& fault) { return drop(fault); }};
}

void Broker::accept(Socket socket) {
    if (faults_.refuses() ||
        peers_.size() + held_connections_.size() >= options_.connection_limit) {
        reset_socket(socket);
    } else if (faults_.stalls_connections()) {
        held_connections_.push_back(std::move(socket));
    } else {
        serve(std::move(socket));
    }
}

void Broker::serve(Socket socket) {
    AmqpConnection::Settings settings;
    settings.server = true;
    settings.container_id = options_.name + "_G0";
    settings.credentials = options_.plain;
    settings.idle_timeout = idle_timeout;
    auto connection =
        std::make_shared<AmqpConnection>(agenda_, std::move(socket), std::move(settings), *this);
    peers_[connection.get()].connection = connection;
    connection->start();
}

void Broker::faults_changed() {
    listener_.refuse(faults_.refuses_all());
    if (!faults_.stalls_connections()) {
        for (Socket& socket : std::exchange(held_connections_, {}))
            serve(std::move(socket));
    }
    if (!faults_.any_stall(FaultDir::In)) {
        for (Arrival& arrival : std::exchange(held_arrivals_, {}))
            take(std::move(arrival));
    }
    if (faults_.any_stall(FaultDir::Out)) return;
    for (const Outcome& outcome : std::exchange(held_outcomes_, {}))
        apply(outcome);
    for (auto& [name, queue] : queues_) {
        queue->ready.merge(queue->stalled);
        dispatch(*queue);
    }
}

int Broker::drop(const Fault& fault) {
    std::vector<std::shared_ptr<AmqpConnection>> hit;
    for (const auto& [key, peer] : peers_) {
        if (faults_.picked(fault.share)) hit.push_back(peer.connection);
    }
    for (const auto& connection : hit) {
        if (fault.mode == DropMode::Forced) {
            connection->close({"amqp:connection:forced", "The connection was closed by the host."});
        } else {
            connection->reset();
        }
    }
    return static_cast<int>(hit.size());
}

Broker::Queue* Broker::make_queue(const std::string& name) {
    auto& queue = queues_[name];
    if (!queue) {
        queue = std::make_unique<Queue>();
        queue->name = name;
    }
    return queue.get();
}

// A subscription comes to be when its consumer first attaches.
Broker::Queue* Broker::receive_queue(const std::string& address) {
    if (const auto found = queues_.find(address); found != queues_.end()) {
        return found->second.get();
    }
    const auto slash = address.find("/Subscriptions/");
    const auto topic = topics_.find(address.substr(0, slash));
    if (slash == std::string::npos || topic == topics_.end()) return nullptr;
    if (topic->second.subscriptions.size() >= 2000) return nullptr;
    Queue* queue = make_queue(address);
    topic->second.subscriptions.emplace(address, queue);
    return queue;
}

void Broker::on_attach(AmqpConnection& connection, const AmqpLink& link) {
    Peer& peer = peers_.at(&connection);
    const std::string entity = entity_name(link.address);
    if (peer.senders.size() + peer.receivers.size() >= links_per_connection) {
        connection.refuse_link(
            link.id, {"amqp:resource-limit-exceeded", "This connection has 1000 links already."});
        return;
    }
    if (!link.to_peer) {
        if (queues_.count(entity) == 0 && topics_.count(entity) == 0) {
            connection.refuse_link(link.id, not_found(entity));
            return;
        }
        peer.senders.emplace(link.id, entity);
        connection.accept_link(link.id, sender_credit);
        return;
    }
    Queue* queue = receive_queue(entity);
    if (queue == nullptr) {
        connection.refuse_link(link.id, not_found(entity));
        return;
    }
    peer.receivers.emplace(link.id, queue);
    queue->consumers.push_back({&connection, link.id, link.presettled});
    connection.accept_link(link.id, 0);
}

void Broker::on_detach(AmqpConnection& connection, LinkId link, const AmqpError&) {
    release_link(peers_.at(&connection), link);
}

void Broker::release_link(Peer& peer, LinkId link) {
    peer.senders.erase(link);
    const auto found = peer.receivers.find(link);
    if (found == peer.receivers.end()) return;
    Queue& queue = *found->second;
    peer.receivers.erase(found);
    std::erase_if(queue.consumers, [&](const Consumer& one) {
        return one.connection == peer.connection.get() && one.link == link;
    });
    for (auto lock = peer.locks.begin(); lock != peer.locks.end();) {
        if (lock->second.link == link) {
            give_back(queue, std::move(lock->second.message));
            lock = peer.locks.erase(lock);
        } else {
            ++lock;
        }
    }
    dispatch(queue);
}

void Broker::on_closed(AmqpConnection& connection, const AmqpError&) {
    const auto node = peers_.find(&connection);
    Peer& peer = node->second;
    while (!peer.receivers.empty())
        release_link(peer, peer.receivers.begin()->first);
    peers_.erase(node);
}

void Broker::on_message(AmqpConnection& connection, LinkId link, DeliveryId delivery,
                        AmqpIncoming came) {
    const Peer& peer = peers_.at(&connection);
    Arrival arrival{connection.weak_from_this(), link, delivery, peer.senders.at(link),
                    std::move(came.bytes)};
    if (faults_.stalls(FaultDir::In) && held_arrivals_.size() < held_limit) {
        held_arrivals_.push_back(std::move(arrival));
    } else {
        take(std::move(arrival));
    }
}

bool Broker::has_room(const std::string& entity) const {
    const auto full = [&](const Queue& queue) {
        return queue.ready.size() + queue.stalled.size() + queue.late + queue.locked >=
               options_.queue_limit;
    };
    if (const auto queue = queues_.find(entity); queue != queues_.end()) {
        return !full(*queue->second);
    }
    const auto& subscriptions = topics_.at(entity).subscriptions;
    return std::none_of(subscriptions.begin(), subscriptions.end(),
                        [&](const auto& entry) { return full(*entry.second); });
}

void Broker::take(Arrival arrival) {
    Settlement outcome = Settlement::Accepted;
    AmqpError error;
    if (!has_room(arrival.entity) || errands_.size() >= held_limit) {
        outcome = Settlement::Rejected;
        error = {"amqp:resource-limit-exceeded", "The queue is full."};
    } else if (faults_.loses()) {
        ++lost_;
    } else {
        store(arrival.entity, arrival.bytes);
    }
    if (outcome == Settlement::Accepted) ++accepted_;
    const Duration delay = faults_.delay(FaultDir::In);
    if (delay == Duration::zero()) {
        settle(arrival, outcome, error);
        return;
    }
    arrival.bytes.clear();
    errands_.after(delay, [this, arrival = std::move(arrival), outcome, error] {
        settle(arrival, outcome, error);
    });
}

void Broker::settle(const Arrival& arrival, Settlement outcome, const AmqpError& error) {
    const auto connection = arrival.connection.lock();
    if (!connection) return;
    connection->settle(arrival.delivery, outcome, error);
    connection->add_credit(arrival.link, 1);
}

void Broker::store(const std::string& entity, const std::string& bytes) {
    if (const auto queue = queues_.find(entity); queue != queues_.end()) {
        enqueue(*queue->second, bytes);
        return;
    }
    const auto& subscriptions = topics_.at(entity).subscriptions;
    if (subscriptions.empty()) ++unrouted_;
    for (const auto& [name, queue] : subscriptions)
        enqueue(*queue, bytes);
}

void Broker::enqueue(Queue& queue, const std::string& bytes) {
    BrokerStamp stamp;
    stamp.sequence_number = static_cast<std::int64_t>(++sequence_);
    stamp.enqueued_unix_ms = agenda_.now().time_since_epoch().count() / 1'000'000;
    stamp.message_id = options_.name + "-" + std::to_string(sequence_);
    StampedMessage stamped_message = stamped(bytes, stamp);
    Stored message{sequence_, std::move(stamped_message.bytes)};
    if (stamped_message.ttl_ms > 0) {
        message.expires = agenda_.now() + std::chrono::milliseconds(stamped_message.ttl_ms);
    }
    const std::uint64_t key = message.sequence;
    if (faults_.stalls(FaultDir::Out)) {
        queue.stalled.emplace(key, std::move(message));
        return;
    }
    const Duration delay = faults_.delay(FaultDir::Out);
    if (delay == Duration::zero()) {
        queue.ready.emplace(key, std::move(message));
        dispatch(queue);
        return;
    }
    ++queue.late;
    errands_.after(delay, [this, &queue, message = std::move(message)] {
        --queue.late;
        queue.ready.emplace(message.sequence, message);
        dispatch(queue);
    });
}

void Broker::dispatch(Queue& queue) {
    if (faults_.stalled(FaultDir::Out)) return;
    for (drop_expired(queue); !queue.ready.empty(); drop_expired(queue)) {
        bool sent = false;
        for (std::size_t tried = 0; tried < queue.consumers.size() && !sent; ++tried) {
            queue.next_consumer = (queue.next_consumer + 1) % queue.consumers.size();
            sent = deliver(queue, queue.consumers[queue.next_consumer]);
        }
        if (!sent) return;
    }
}

void Broker::drop_expired(Queue& queue) {
    const Instant now = agenda_.now();
    while (!queue.ready.empty() && queue.ready.begin()->second.expires <= now) {
        queue.ready.erase(queue.ready.begin());
        ++expired_;
    }
}

bool Broker::deliver(Queue& queue, const Consumer& consumer) {
    if (consumer.connection->credit(consumer.link) <= 0) return false;
    auto node = queue.ready.extract(queue.ready.begin());
    Stored& message = node.mapped();
    std::string bytes = message.bytes;
    if (message.deliveries > 0) bytes = with_delivery_count(std::move(bytes), message.deliveries);
    const DeliveryId delivery =
        consumer.connection->send(consumer.link, next_tag(), bytes, consumer.presettled);
    ++delivered_;
    if (consumer.presettled) {
        ++completed_;
        return true;
    }
    ++queue.locked;
    Lock lock{&queue, consumer.link, std::move(message)};
    peers_.at(consumer.connection).locks.emplace(delivery, std::move(lock));
    return true;
}

// The lock token of Service Bus: 16 bytes, never the same twice.
AmqpConnection::Tag Broker::next_tag() {
    AmqpConnection::Tag tag{};
    const std::uint64_t count = delivered_ + 1;
    std::memcpy(tag.data(), options_.name.data(), std::min<std::size_t>(8, options_.name.size()));
    std::memcpy(tag.data() + 8, &count, sizeof count);
    return tag;
}

void Broker::on_credit(AmqpConnection& connection, LinkId link) {
    const Peer& peer = peers_.at(&connection);
    const auto found = peer.receivers.find(link);
    if (found == peer.receivers.end()) return;
    dispatch(*found->second);
    if (!faults_.stalled(FaultDir::Out)) connection.drained(link);
}

void Broker::on_outcome(AmqpConnection& connection, LinkId, DeliveryId delivery,
                        const AmqpOutcome& said) {
    Outcome outcome{connection.weak_from_this(), delivery, said.settlement};
    if (faults_.stalls(FaultDir::Out) && held_outcomes_.size() < held_limit) {
        held_outcomes_.push_back(std::move(outcome));
        return;
    }
    const Duration delay = faults_.delay(FaultDir::In);
    if (delay == Duration::zero()) {
        apply(outcome);
    } else {
        errands_.after(delay, [this, outcome = std::move(outcome)] { apply(outcome); });
    }
}

void Broker::apply(const Outcome& outcome) {
    const auto connection = outcome.connection.lock();
    if (!connection) return;
    const auto peer = peers_.find(connection.get());
    if (peer == peers_.end()) return;
    auto lock = peer->second.locks.extract(outcome.delivery);
    if (lock.empty()) return;  // its link went, and the lock with it
    Queue& queue = *lock.mapped().queue;
    connection->settle(outcome.delivery, outcome.settlement);
    switch (outcome.settlement) {
        case Settlement::Accepted:
        case Settlement::Rejected:  // dead-lettered; nobody reads that queue here
            --queue.locked;
            ++completed_;
            break;
        case Settlement::Released:
        case Settlement::Modified:
        case Settlement::None:
            give_back(queue, std::move(lock.mapped().message));
            break;
    }
    dispatch(queue);
}

void Broker::give_back(Queue& queue, Stored message) {
    --queue.locked;
    ++message.deliveries;
    queue.ready.emplace(message.sequence, std::move(message));
}

std::size_t Broker::depth(const std::string& name) const {
    const auto found = queues_.find(name);
    if (found == queues_.end()) return 0;
    return found->second->ready.size() + found->second->stalled.size() + found->second->late;
}

boost::json::object Broker::to_json() const {
    boost::json::object queues;
    for (const auto& [name, queue] : queues_) {
        queues[name] = {{"ready", queue->ready.size()},
                        {"held", queue->stalled.size() + queue->late},
                        {"locked", queue->locked},
                        {"consumers", queue->consumers.size()}};
    }
    return {{"port", port()},
            {"connections", peers_.size()},
            {"accepted", accepted_},
            {"delivered", delivered_},
            {"completed", completed_},
            {"lost", lost_},
            {"unrouted", unrouted_},
            {"expired", expired_},
            {"held_arrivals", held_arrivals_.size()},
            {"faults", faults_.active()},
            {"queues", std::move(queues)}};
}

}  // namespace vc::lab
