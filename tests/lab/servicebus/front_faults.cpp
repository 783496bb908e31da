#include <algorithm>

#include "tests/lab/servicebus/front.h"

namespace vc::lab::servicebus {
namespace {

FaultRole role_of(bool to_peer, std::string_view entity) {
    if (entity == cbs_node) return FaultRole::Cbs;
    if (entity.ends_with("$management")) return FaultRole::Management;
    return to_peer ? FaultRole::Receive : FaultRole::Send;
}

}  // namespace

std::vector<FaultKind> Front::kinds() {
    return {FaultKind::Drop,      FaultKind::Refuse,      FaultKind::Freeze,
            FaultKind::TlsStall,  FaultKind::SaslStall,   FaultKind::HeartbeatOnly,
            FaultKind::OpenStall, FaultKind::AttachStall, FaultKind::AcceptBacklog,
            FaultKind::CbsStall,  FaultKind::Cbs401,      FaultKind::Certificate};
}

FaultAsk Front::ask(const Peer& peer, FaultRole role) const {
    return {{}, role, peer.connection->born(), peer.key};
}

// A fault of connections that names an entity or a role hits those with such a link.
bool Front::hit(FaultKind kind, const Peer& peer) {
    if (faults_.active() == 0) return false;
    if (faults_.hits(kind, ask(peer))) return true;
    return std::any_of(peer.links.begin(), peer.links.end(), [&](const auto& entry) {
        FaultAsk about = ask(peer, role_of(entry.second.to_peer, entry.second.entity));
        about.entity = entry.second.entity;
        return faults_.hits(kind, about);
    });
}

bool Front::concerned(const Fault& fault, const Peer& peer) const {
    if (faults_.concerns(fault, ask(peer))) return true;
    return std::any_of(peer.links.begin(), peer.links.end(), [&](const auto& entry) {
        FaultAsk about = ask(peer, role_of(entry.second.to_peer, entry.second.entity));
        about.entity = entry.second.entity;
        return faults_.concerns(fault, about);
    });
}

bool Front::holds(AmqpConnection& connection, AmqpPhase phase, const AmqpLink* link) {
    if (faults_.active() == 0) return false;
    const Peer& peer = peers_.at(&connection);
    FaultAsk about = ask(peer);
    FaultKind kind = FaultKind::SaslStall;
    switch (phase) {
        case AmqpPhase::Sasl:
            break;
        case AmqpPhase::Open:
            kind = FaultKind::OpenStall;
            break;
        case AmqpPhase::Attach:
            kind = FaultKind::AttachStall;
            break;
    }
    const std::string entity = link == nullptr ? "" : resource_of(link->address).entity;
    if (link != nullptr) {
        about.entity = entity;
        about.role = role_of(link->to_peer, entity);
    }
    const bool held = faults_.hits(kind, about);
    if (held) faults_.log(to_text(kind), entity, "connection " + std::to_string(peer.key));
    return held;
}

Freeze Front::freeze_of(const Peer& peer) {
    if (hit(FaultKind::Freeze, peer)) return Freeze::Deaf;
    return hit(FaultKind::HeartbeatOnly, peer) ? Freeze::HeartbeatsOnly : Freeze::None;
}

void Front::thaw_or_freeze() {
    for (const auto& connection : all()) {
        const auto found = peers_.find(connection.get());
        if (found == peers_.end()) continue;
        const Freeze wanted = freeze_of(found->second);
        if (wanted == connection->frozen()) continue;
        const std::string who = "connection " + std::to_string(found->second.key);
        const char* what = wanted == Freeze::None   ? "thaw"
                           : wanted == Freeze::Deaf ? "freeze"
                                                    : "heartbeat_only";
        faults_.log(what, {}, who);
        connection->freeze(wanted);
    }
}

void Front::faults_changed() {
    listener_.refuse(faults_.refuses_all());
    if (amqps_) amqps_->refuse(faults_.refuses_all());
    if (!faults_.stalls_connections() && !faults_.any(FaultKind::AcceptBacklog)) {
        for (Socket& socket : std::exchange(held_, {}))
            door_.enter(std::move(socket));
    }
    door_.go_on();
    cbs_.go_on();
    thaw_or_freeze();
    for (const auto& connection : all())
        connection->go_on();
}

int Front::detach(const Fault& fault, Peer& peer) {
    std::vector<LinkId> picked;
    for (const auto& [id, link] : peer.links) {
        FaultAsk about = ask(peer, role_of(link.to_peer, link.entity));
        about.entity = link.entity;
        if (link.entity != cbs_node && faults_.concerns(fault, about)) picked.push_back(id);
    }
    for (const LinkId id : picked) {
        close_link(peer, id,
                   {"amqp:link:detach-forced",
                    "The link is force detached by the broker. Details: InnerMessageReceiver was "
                    "closed."});
    }
    return static_cast<int>(picked.size());
}

int Front::drop(const Fault& fault) {
    std::vector<std::shared_ptr<AmqpConnection>> picked;
    for (const auto& [key, peer] : peers_) {
        if (concerned(fault, peer) && faults_.picked(fault.share)) {
            picked.push_back(peer.connection);
        }
    }
    int count = 0;
    for (const auto& connection : picked) {
        const auto found = peers_.find(connection.get());
        if (found == peers_.end()) continue;
        ++count;
        switch (fault.mode) {
            case DropMode::Rst:
                connection->reset();
                break;
            case DropMode::Fin:
                connection->hang_up();
                break;
            case DropMode::Forced:
                connection->close(
                    tracked({"amqp:connection:forced", "The connection was closed by the host."}));
                break;
            case DropMode::Detach:
                count += detach(fault, found->second) - 1;
                break;
        }
    }
    return count;
}

}  // namespace vc::lab::servicebus
