#include <algorithm>

#include "tests/lab/broker.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using servicebus::Answer;
using servicebus::Entity;
using servicebus::EntityKind;
using servicebus::EntityStatus;
using servicebus::Part;
using servicebus::Refusal;
using servicebus::refuse;

constexpr int sender_credit = 500;
constexpr int request_credit = 100;
constexpr std::size_t links_per_connection = 1000;
constexpr std::int64_t session_patience_ms = 65'000;  // when a receiver does not say how long

Refusal not_found(const std::string& entity) {
    return {"amqp:not-found", "The messaging entity '" + entity + "' could not be found."};
}

Refusal disabled(const std::string& entity) {
    return {"com.microsoft:entity-disabled",
            "Messaging entity '" + entity + "' is currently disabled."};
}

// .NET's ticks: 100 ns since the year 1.
std::int64_t ticks(Instant at) {
    return at.time_since_epoch().count() / 100 + 621'355'968'000'000'000;
}

bool sends(EntityStatus status) {
    return status == EntityStatus::Active || status == EntityStatus::ReceiveDisabled;
}

bool receives(EntityStatus status) {
    return status == EntityStatus::Active || status == EntityStatus::SendDisabled;
}

}  // namespace

// In a topic of the platform's own a subscription comes to be when its reader first attaches.
const Entity* Broker::find_entity(const servicebus::Address& address, bool to_peer) {
    if (const Entity* entity = store_.find(address.entity)) return entity;
    const auto middle = address.entity.find("/Subscriptions/");
    if (!to_peer || middle == std::string::npos) return nullptr;
    const Entity* topic = store_.find(address.entity.substr(0, middle));
    if (topic == nullptr || !topic->options.subscriptions_made_on_attach) return nullptr;
    const auto made =
        store_.create(EntityKind::Subscription, address.entity, topic->options, agenda_.now());
    return made ? store_.find(*made) : nullptr;
}

void Broker::on_attach(AmqpConnection& connection, const AmqpLink& said) {
    Peer& peer = peer_of(connection);
    if (peer.links.size() >= links_per_connection) {
        connection.refuse_link(said.id, tracked({"amqp:resource-limit-exceeded",
                                                 "This connection has 1000 links already."},
                                                said.address));
        return;
    }
    Link made;
    made.connection = &connection;
    made.id = said.id;
    made.name = said.name;
    made.target = said.target;
    made.address = servicebus::parse_address(said.address);
    made.presettled = said.presettled;
    made.holder = next_holder_++;
    made.born = agenda_.now();
    const Entity* entity = find_entity(made.address, said.to_peer);
    if (entity == nullptr) {
        connection.refuse_link(said.id, tracked(not_found(made.address.entity), said.address));
        return;
    }
    made.entity = entity->id;
    if (const auto may = may_attach(connection, said, made, *entity); !may) {
        connection.refuse_link(said.id, tracked(may.error(), said.address));
        return;
    }
    attach(peer, said, std::move(made));
    move();
}

Answer<void> Broker::may_attach(AmqpConnection& connection, const AmqpLink& said, const Link& made,
                                const Entity& entity) {
    const servicebus::Rights rights = rights_of(connection, servicebus::to_text(made.address));
    const auto wants = [&](bool has, const char* claim) -> Answer<void> {
        if (has) return {};
        return refuse("amqp:unauthorized-access",
                      std::string("Unauthorized access. '") + claim +
                          "' claim(s) are required to perform this operation. Resource: 'sb://" +
                          options_.name + "/" + made.address.entity + "'.");
    };
    if (made.address.management) {
        if (entity.options.status == EntityStatus::Disabled) {
            return tl::unexpected<Refusal>(disabled(entity.path));
        }
        return wants(rights.any(), "Send, Listen or Manage");
    }
    const FaultRole role = said.to_peer ? FaultRole::Receive : FaultRole::Send;
    if (said.to_peer && faults_.any(FaultKind::ServerBusy)) {
        if (auto busy = faults_.refusal(ask(peers_.at(&connection), made, role))) {
            return refuse(busy->condition, busy->description);
        }
    }
    if (!said.to_peer) {
        if (const auto may = wants(rights.send, "Send"); !may) return may;
        if (entity.kind == EntityKind::Subscription || made.address.part != Part::Main) {
            return refuse("amqp:not-allowed", "Messages cannot be sent to '" +
                                                  servicebus::to_text(made.address) + "'.");
        }
        if (!sends(entity.options.status)) return tl::unexpected<Refusal>(disabled(entity.path));
        return {};
    }
    if (const auto may = wants(rights.listen, "Listen"); !may) return may;
    if (!receives(entity.options.status)) return tl::unexpected<Refusal>(disabled(entity.path));
    const servicebus::Box* box = store_.box(made.address);
    if (box == nullptr) {
        return refuse(
            "amqp:not-allowed",
            "Messages are received from a subscription, not from the topic '" + entity.path + "'.");
    }
    if (box->has_sessions() && said.session == SessionWish::None) {
        return refuse("amqp:not-allowed",
                      "It is not possible for an entity that requires sessions to create a "
                      "non-sessionful message receiver.");
    }
    if (!box->has_sessions() && said.session != SessionWish::None) {
        return refuse("amqp:not-allowed",
                      "A sessionful message receiver cannot be created on an entity that does not "
                      "require sessions.");
    }
    return {};
}

void Broker::attach(Peer& peer, const AmqpLink& said, Link made) {
    if (made.address.management) {
        made.kind = said.to_peer ? LinkKind::Reply : LinkKind::Request;
        peer.links.emplace(said.id, std::move(made));
        peer.connection->accept_link(said.id, request_credit);
        return;
    }
    if (said.to_peer) {
        attach_receiver(peer, said, std::move(made));
        return;
    }
    AttachReply reply;
    reply.credit = sender_credit;
    const servicebus::Entity& entity = *store_.find(made.entity);
    reply.max_message_size = static_cast<std::uint64_t>(entity.options.max_message_kb) * 1024;
    if (faults_.withholds_credit(ask(peer, made, FaultRole::Send))) {
        made.owed_credit = std::exchange(reply.credit, 0);
    }
    peer.links.emplace(said.id, std::move(made));
    peer.connection->accept_link(said.id, reply);
}

void Broker::attach_receiver(Peer& peer, const AmqpLink& said, Link made) {
    servicebus::Box& box = *store_.box(made.address);
    made.kind = LinkKind::Receive;
    made.box = box.id();
    if (!box.has_sessions()) {
        accept_receiver(peer.links.emplace(said.id, std::move(made)).first->second, nullptr);
        return;
    }
    made.kind = LinkKind::WaitForSession;
    if (said.session == SessionWish::Any) {
        Link& link = peer.links.emplace(said.id, std::move(made)).first->second;
        if (!grant_session(link)) wait_for_session(link, said);
        return;
    }
    const auto granted =
        store_.accept_session(made.box, said.session_id, made.holder, agenda_.now());
    if (!granted) {
        peer.connection->refuse_link(said.id, tracked(granted.error(), said.address));
        return;
    }
    accept_receiver(peer.links.emplace(said.id, std::move(made)).first->second, &**granted);
}

void Broker::wait_for_session(Link& link, const AmqpLink& said) {
    const std::int64_t patience_ms = std::clamp<std::int64_t>(
        number_of(said.properties, "com.microsoft:timeout", session_patience_ms), 0, 600'000);
    waiting_[link.box].push_back(&link);
    link.patience = agenda_.after(std::chrono::milliseconds(patience_ms), [this, &link] {
        Peer& peer = peers_.at(link.connection);
        const LinkId id = link.id;
        link.connection->refuse_link(
            id, tracked({"com.microsoft:timeout",
                         "The operation did not complete within the allotted timeout. No session "
                         "with messages is free."},
                        servicebus::to_text(link.address)));
        forget(peer, id);
        move();
    });
}

bool Broker::grant_session(Link& link) {
    const auto granted = store_.accept_session(link.box, std::nullopt, link.holder, agenda_.now());
    if (!granted || !*granted) return false;
    accept_receiver(link, &**granted);
    return true;
}

void Broker::accept_receiver(Link& link, const servicebus::SessionGrant* grant) {
    link.kind = LinkKind::Receive;
    link.patience.cancel();
    AttachReply reply;
    if (grant != nullptr) {
        link.session = grant->id;
        reply.has_session = true;
        reply.session_id = grant->id;
        reply.properties["com.microsoft:locked-until-utc"] = ticks(grant->locked_until);
    }
    consumers_[link.box].links.push_back(&link);
    holders_[link.holder] = &link;
    link.connection->accept_link(link.id, reply);
}

void Broker::on_detach(AmqpConnection& connection, LinkId id, const AmqpError&) {
    const auto peer = peers_.find(&connection);
    if (peer == peers_.end()) return;
    forget(peer->second, id);
    move();
}

// The link is gone: with it its place in every list, its session, and its locks as the store sees
// fit.
void Broker::forget(Peer& peer, LinkId id) {
    const auto at = peer.links.find(id);
    if (at == peer.links.end()) return;
    Link& link = at->second;
    if (const auto found = consumers_.find(link.box); found != consumers_.end()) {
        std::erase(found->second.links, &link);
        if (found->second.links.empty()) consumers_.erase(found);
    }
    if (const auto found = waiting_.find(link.box); found != waiting_.end()) {
        found->second.remove(&link);
        if (found->second.empty()) waiting_.erase(found);
    }
    holders_.erase(link.holder);
    std::erase_if(peer.locks, [id](const auto& entry) { return entry.second.link == id; });
    if (link.kind == LinkKind::Receive) store_.release(link.box, link.holder, agenda_.now());
    peer.links.erase(at);
}

void Broker::close(Link& link, const Refusal& why) {
    Peer& peer = peers_.at(link.connection);
    const LinkId id = link.id;
    const AmqpError error = tracked(why, servicebus::to_text(link.address));
    if (link.kind == LinkKind::WaitForSession) {
        link.connection->refuse_link(id, error);
    } else {
        link.connection->close_link(id, error);
    }
    forget(peer, id);
}

// Entities that were removed or disabled, and sessions whose lock has ended, take their links with
// them.
void Broker::end_links_of_changed(const servicebus::Changes& changes) {
    for (const auto& lost : changes.sessions_lost) {
        const auto holder = holders_.find(lost.holder);
        if (holder == holders_.end()) continue;
        close(*holder->second, {"com.microsoft:session-lock-lost",
                                "The session lock has expired on the MessageSession. Accept a new "
                                "MessageSession."});
    }
    if (changes.gone.empty() && changes.changed.empty()) return;
    std::vector<std::pair<Link*, Refusal>> ending;
    for (auto& [connection, peer] : peers_) {
        for (auto& [id, link] : peer.links) {
            const Entity* entity = store_.find(link.entity);
            if (entity == nullptr) {
                ending.emplace_back(&link, not_found(link.address.entity));
                continue;
            }
            const EntityStatus status = entity->options.status;
            const bool may = link.kind == LinkKind::Send ? sends(status)
                             : link.address.management   ? status != EntityStatus::Disabled
                                                         : receives(status);
            if (!may) ending.emplace_back(&link, disabled(entity->path));
        }
    }
    for (const auto& [link, why] : ending)
        close(*link, why);
}

Broker::Link* Broker::find_link(const std::weak_ptr<AmqpConnection>& weak, LinkId id, Peer** peer) {
    const auto connection = weak.lock();
    const auto found = peers_.find(connection.get());
    if (!connection || found == peers_.end()) return nullptr;
    const auto link = found->second.links.find(id);
    if (link == found->second.links.end()) return nullptr;
    *peer = &found->second;
    return &link->second;
}

}  // namespace vc::lab
