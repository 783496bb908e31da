#include "tests/lab/broker.h"

#include <algorithm>
#include <boost/json.hpp>

#include "rules/base/check.h"

namespace vc::lab {
namespace {

using servicebus::EntityKind;

servicebus::FrontOptions front_options(const BrokerOptions& options, std::uint64_t seed) {
    servicebus::FrontOptions made = options.front;
    made.name = options.name;
    made.seed = seed;
    made.plain = options.plain;
    made.connection_limit = options.connection_limit;
    return made;
}

}  // namespace

Broker::Broker(Agenda& agenda, std::uint64_t seed, BrokerOptions options)
    : agenda_(agenda),
      options_(std::move(options)),
      faults_(seed, options_.name),
      store_(options_.name),
      errands_(agenda),
      atom_(agenda, store_, options_.name, atom_hooks()),
      front_(agenda, faults_, front_options(options_, seed), *this) {
    make_entities();
    front_.serve_http([this](const HttpRequest& request) { return atom_.answer(request); });
}

servicebus::AtomHooks Broker::atom_hooks() {
    const auto ask = [](std::string_view entity) {
        return FaultAsk{entity, FaultRole::Management, {}, 0};
    };
    return {[this](const std::string& authorization, const std::string& url) {
                return may_manage(authorization, url);
            },
            [this] { store_changed(); },
            [this, ask] { return faults_.management_down(ask({})) || faults_.refusal(ask({})); },
            [this, ask] { return faults_.management_delay(ask({})); },
            [this, ask](const std::string& entity) { return faults_.counts_zero(ask(entity)); }};
}

Result<void> Broker::may_manage(const std::string& authorization, const std::string& url) {
    const auto& keys = front_.keys();
    if (keys.empty()) return {};
    const std::string bearer = "Bearer ";
    if (authorization.starts_with(bearer) && options_.front.jwt) {
        const auto until = options_.front.jwt(authorization.substr(bearer.size()), agenda_.now());
        if (until) return {};
        return tl::unexpected<Error>(until.error());
    }
    const auto access = servicebus::check_sas(authorization, url, keys, agenda_.now());
    if (!access) return tl::unexpected<Error>(access.error());
    if (access->rights.manage) return {};
    return failure("Manage claim is required for this operation.");
}

void Broker::make_entities() {
    servicebus::EntityOptions own;
    own.locks_end_with_link = true;
    own.subscriptions_made_on_attach = true;
    own.message_limit = options_.queue_limit;
    std::vector<servicebus::EntitySpec> specs;
    // Whoever describes an entity of the lab's own has it as described.
    const auto add_own = [&](EntityKind kind, const std::string& name) {
        const bool given =
            std::any_of(options_.entities.begin(), options_.entities.end(), [&](const auto& spec) {
                return servicebus::lowered(spec.path) == servicebus::lowered(name);
            });
        if (!given) specs.push_back({kind, name, own, false, {}});
    };
    for (const std::string& name : options_.queues)
        add_own(EntityKind::Queue, name);
    for (const std::string& name : options_.topics)
        add_own(EntityKind::Topic, name);
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
    for (const FaultKind kind : servicebus::Front::kinds()) {
        if (kind != FaultKind::Drop && kind != FaultKind::Refuse) target.kinds.push_back(kind);
    }
    target.changed = [this] { faults_changed(); };
    target.dropped = [this](const Fault& fault) { return front_.drop(fault); };
    target.narrows = true;
    return target;
}

Broker::Peer& Broker::peer_of(AmqpConnection& connection) {
    const auto [at, fresh] = peers_.try_emplace(&connection);
    if (fresh) {
        at->second.connection = connection.shared_from_this();
        at->second.key = front_.key(connection);
    }
    return at->second;
}

servicebus::Rights Broker::rights_of(AmqpConnection& connection, const std::string& entity) {
    return front_.rights_of(connection, entity);
}

FaultAsk Broker::ask(const Peer& peer, const Link& link, FaultRole role) const {
    return {link.address.entity, role, peer.connection->born(), peer.key};
}

AmqpError Broker::tracked(const servicebus::Refusal& refusal, const std::string& what) {
    return front_.tracked({refusal.condition, refusal.description}, what);
}

void Broker::faults_changed() {
    front_.faults_changed();
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
            {"connections", connections()},
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
