#include "tests/lab/broker.h"

#include <algorithm>
#include <boost/json.hpp>

#include "rules/base/check.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using servicebus::EntityKind;

constexpr Duration idle_timeout = 120s;  // what Service Bus says in its open

}  // namespace

Broker::Broker(Agenda& agenda, std::uint64_t seed, BrokerOptions options)
    : agenda_(agenda),
      options_(std::move(options)),
      faults_(seed, options_.name),
      store_(options_.name),
      tracking_(seed, options_.name),
      errands_(agenda),
      listener_(agenda.io(), [this](Socket socket) { accept(std::move(socket)); }) {
    make_entities();
}

Broker::~Broker() {
    for (auto& [connection, peer] : peers_)
        connection->abandon();
}

void Broker::make_entities() {
    servicebus::EntityOptions own;
    own.locks_end_with_link = true;
    own.subscriptions_made_on_attach = true;
    own.message_limit = options_.queue_limit;
    std::vector<servicebus::EntitySpec> specs;
    for (const std::string& name : options_.queues)
        specs.push_back({EntityKind::Queue, name, own, false, {}});
    for (const std::string& name : options_.topics)
        specs.push_back({EntityKind::Topic, name, own, false, {}});
    specs.insert(specs.end(), options_.entities.begin(), options_.entities.end());
    const auto made = servicebus::make_entities(store_, specs, agenda_.now());
    VC_CHECK(made, made ? "" : made.error().message.c_str());
}

FaultTarget Broker::fault_target() {
    FaultTarget target;
    target.state = &faults_;
    target.kinds = {FaultKind::Delay,          FaultKind::Stall,          FaultKind::Drop,
                    FaultKind::Refuse,         FaultKind::AcceptLose,     FaultKind::SettleDelay,
                    FaultKind::SettleStall,    FaultKind::PeriodicStall,  FaultKind::DeliverDelay,
                    FaultKind::DeliverStall,   FaultKind::SilentReceiver, FaultKind::CreditStarve,
                    FaultKind::Duplicate,      FaultKind::Reorder,        FaultKind::ServerBusy,
                    FaultKind::Throttle,       FaultKind::EntitySick,     FaultKind::CountsZero,
                    FaultKind::ManagementDown, FaultKind::MgmtSlow};
    target.changed = [this] { faults_changed(); };
    target.dropped = [this](const Fault& fault) { return drop(fault); };
    target.narrows = true;
    return target;
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
    peer_of(*connection);
    connection->start();
}

Broker::Peer& Broker::peer_of(AmqpConnection& connection) {
    const auto [at, fresh] = peers_.try_emplace(&connection);
    if (fresh) {
        at->second.connection = connection.shared_from_this();
        at->second.key = ++opened_;
    }
    return at->second;
}

// Everybody may do everything until a namespace has keys.
servicebus::Rights Broker::rights_of(AmqpConnection&, const std::string&) {
    return servicebus::all_rights;
}

FaultAsk Broker::ask(const Peer& peer, const Link& link, FaultRole role) const {
    return {link.address.entity, role, peer.connection->born(), peer.key};
}

AmqpError Broker::tracked(const servicebus::Refusal& refusal, const std::string& what) {
    return tracking_.tracked({refusal.condition, refusal.description}, what, agenda_.now());
}

void Broker::faults_changed() {
    listener_.refuse(faults_.refuses_all());
    if (!faults_.stalls_connections()) {
        for (Socket& socket : std::exchange(held_connections_, {}))
            serve(std::move(socket));
    }
    for (auto& [connection, peer] : peers_) {
        for (auto& [id, link] : peer.links) {
            if (link.owed_credit == 0) continue;
            if (faults_.withholds_credit(ask(peer, link, FaultRole::Send))) continue;
            connection->add_credit(id, std::exchange(link.owed_credit, 0));
        }
    }
    if (!faults_.any_stall(FaultDir::In)) {
        for (Arrival& arrival : std::exchange(held_arrivals_, {}))
            take(std::move(arrival));
    }
    if (faults_.any_stall(FaultDir::Out)) return;
    for (const Outcome& outcome : std::exchange(held_outcomes_, {}))
        apply(outcome);
    for (const servicebus::Placed& one : std::exchange(stalled_, {}))
        store_.let_go(one.box, one.sequence);
    std::vector<BoxId> boxes;
    for (const auto& [box, consumers] : consumers_)
        boxes.push_back(box);
    for (const BoxId box : boxes)
        dispatch(box);
    move();
}

int Broker::drop(const Fault& fault) {
    std::vector<AmqpConnection*> hit;
    for (const auto& [connection, peer] : peers_) {
        if (faults_.picked(fault.share)) hit.push_back(connection);
    }
    for (AmqpConnection* connection : hit) {
        Peer& peer = peers_.at(connection);
        const auto keep = peer.connection;
        switch (fault.mode) {
            case DropMode::Rst:
                connection->reset();
                break;
            case DropMode::Fin:
                connection->hang_up();
                break;
            case DropMode::Forced:
                connection->close(tracked(
                    {"amqp:connection:forced", "The connection was closed by the host."}, "host"));
                break;
            case DropMode::Detach:
                while (!peer.links.empty()) {
                    close(peer.links.begin()->second,
                          {"amqp:link:detach-forced",
                           "The link was force detached: InnerMessageReceiver was closed."});
                }
                break;
        }
    }
    move();
    return static_cast<int>(hit.size());
}

void Broker::on_closed(AmqpConnection& connection, const AmqpError&) {
    const auto node = peers_.find(&connection);
    if (node == peers_.end()) return;
    Peer& peer = node->second;
    while (!peer.links.empty())
        forget(peer, peer.links.begin()->first);
    peers_.erase(node);
    move();
}

std::size_t Broker::depth(const std::string& name) const {
    const servicebus::Entity* entity = store_.find(name);
    if (entity == nullptr) return 0;
    const servicebus::Counts counts = store_.counts(*entity);
    return counts.active - counts.locked;
}

boost::json::object Broker::to_json() const {
    boost::json::object queues;
    for (const EntityKind kind : {EntityKind::Queue, EntityKind::Subscription}) {
        for (const servicebus::Entity* entity : store_.list(kind)) {
            const servicebus::Counts counts = store_.counts(*entity);
            const auto consumers = consumers_.find(entity->main->id());
            queues[entity->path] = {
                {"ready", counts.active - counts.locked - counts.held},
                {"held", counts.held},
                {"locked", counts.locked},
                {"deferred", counts.deferred},
                {"scheduled", counts.scheduled},
                {"dead_letter", counts.dead_letter},
                {"consumers", consumers == consumers_.end() ? 0 : consumers->second.links.size()}};
        }
    }
    const servicebus::Traffic& traffic = store_.traffic();
    return {{"port", port()},
            {"connections", peers_.size()},
            {"accepted", accepted_},
            {"delivered", traffic.outgoing_messages},
            {"completed", traffic.completed},
            {"dead_lettered", traffic.dead_lettered},
            {"lost", lost_},
            {"unrouted", traffic.unrouted},
            {"expired", traffic.expired},
            {"duplicates", traffic.duplicates},
            {"requests", requests_},
            {"held_arrivals", held_arrivals_.size()},
            {"faults", faults_.active()},
            {"queues", std::move(queues)}};
}

}  // namespace vc::lab
