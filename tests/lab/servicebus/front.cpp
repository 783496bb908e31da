#include "tests/lab/servicebus/front.h"

#include <algorithm>

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

constexpr Duration idle_timeout = 120s;  // what Service Bus says in its open
constexpr Duration token_patience = 20s;
constexpr Duration first_link_patience = 60s;
constexpr Duration next_link_patience = 300s;
constexpr Duration link_patience = 600s;
constexpr Duration sweep_every = 2s;
constexpr std::uint16_t amqps_port = 5671;

boost::asio::ip::tcp::endpoint endpoint(const std::string& address, std::uint16_t port) {
    return {boost::asio::ip::make_address(address), port};
}

// A container's name in the open of Service Bus is 32 hexadecimal digits and the gateway.
std::string container_of(Tracking& tracking, Instant now) {
    std::string name = tracking.tail("", now);
    name = name.substr(name.find(':') + 1, 36);
    std::erase(name, '-');
    return name + "_G0";
}

AmqpError inactive(std::int64_t ms) {
    return {"amqp:connection:forced",
            "The connection was inactive for more than the allowed " + std::to_string(ms) +
                " milliseconds and is closed by container 'LinkTracker'."};
}

}  // namespace

Front::Front(Agenda& agenda, FaultState& faults, FrontOptions options, AmqpEvents& behind)
    : agenda_(agenda),
      faults_(faults),
      options_(std::move(options)),
      behind_(behind),
      tracking_(options_.seed, options_.name),
      cbs_(agenda, options_.keys,
           {options_.jwt,
            [this](AmqpConnection& one) { return hit(FaultKind::Cbs401, peers_.at(&one)); },
            [this](AmqpConnection& one) { return hit(FaultKind::CbsStall, peers_.at(&one)); },
            [this](AmqpConnection& one, const std::string& entity, const AmqpError& error) {
                lost(one, entity, error);
            },
            [this] { return tracking("cbs"); }}),
      door_(agenda, options_.tls,
            {[this](std::unique_ptr<Transport> transport) { serve(std::move(transport)); },
             [this](const HttpRequest& request) {
                 return http_ ? http_(request) : HttpResponse{404, "", "text/plain"};
             },
             [this] {
                 return faults_.hits(FaultKind::TlsStall,
                                     {{}, FaultRole::Any, agenda_.now(), ++next_key_});
             },
             [this] { return faults_.face(); }}),
      listener_(
          agenda.io(), [this](Socket socket) { accept(std::move(socket)); },
          endpoint(options_.address, 0)) {
    if (!options_.amqps_address.empty()) {
        amqps_.emplace(
            agenda.io(), [this](Socket socket) { accept(std::move(socket)); },
            endpoint(options_.amqps_address, amqps_port));
    }
    sweep();
}

Front::~Front() {
    for (auto& [connection, peer] : peers_)
        peer.connection->abandon();
}

void Front::accept(Socket socket) {
    const FaultAsk fresh{{}, FaultRole::Any, agenda_.now(), ++next_key_};
    if (faults_.refuses() || peers_.size() + held_.size() >= options_.connection_limit) {
        reset_socket(socket);
    } else if (faults_.stalls_connections() || faults_.hits(FaultKind::AcceptBacklog, fresh)) {
        held_.push_back(std::move(socket));
    } else {
        door_.enter(std::move(socket));
    }
}

void Front::serve(std::unique_ptr<Transport> transport) {
    AmqpConnection::Settings settings;
    settings.server = true;
    settings.container_id = container_of(tracking_, agenda_.now());
    settings.credentials = options_.plain;
    settings.passes = [this](const Credentials& login) {
        const Credentials& own = options_.platform;
        const bool platform =
            !own.user.empty() && login.user == own.user && login.password == own.password;
        return platform || cbs_.passes(login);
    };
    settings.idle_timeout = idle_timeout;
    settings.machine_idle = options_.machine_idle;
    auto connection =
        std::make_shared<AmqpConnection>(agenda_, std::move(transport), std::move(settings), *this);
    Peer& peer = peers_[connection.get()];
    peer.connection = connection;
    peer.key = ++next_key_;
    peer.alone = agenda_.now();
    ++opened_;
    if (cbs_.guarded()) {
        peer.token_due = agenda_.after(token_patience, [this, one = connection.get()] {
            if (cbs_.known(*one) || one->frozen() != Freeze::None) return;
            one->close(tracked({"amqp:connection:forced",
                                "The connection has put no valid token on the node '$cbs' within "
                                "20 seconds."}));
        });
    }
    connection->start();
}

std::uint64_t Front::key(const AmqpConnection& connection) const {
    const auto found = peers_.find(&connection);
    return found == peers_.end() ? 0 : found->second.key;
}

std::vector<std::shared_ptr<AmqpConnection>> Front::all() const {
    std::vector<std::shared_ptr<AmqpConnection>> list;
    for (const auto& [key, peer] : peers_)
        list.push_back(peer.connection);
    return list;
}

AmqpError Front::tracked(AmqpError error, std::string_view what) {
    return tracking_.tracked(std::move(error), what, agenda_.now());
}

std::string Front::tracking(std::string_view what) {
    return tracking_.tail(what, agenda_.now());
}

void Front::on_open(AmqpConnection& connection) {
    peers_.at(&connection).alone = agenda_.now();
    behind_.on_open(connection);
}

void Front::on_attach(AmqpConnection& connection, const AmqpLink& link) {
    Peer& peer = peers_.at(&connection);
    const std::string entity = resource_of(link.address).entity;
    peer.links[link.id] = {entity, link.to_peer, agenda_.now(), agenda_.now()};
    peer.had_links = true;
    if (entity == cbs_node) {
        cbs_.on_attach(connection, link);
    } else {
        behind_.on_attach(connection, link);
    }
}

void Front::on_detach(AmqpConnection& connection, LinkId link, const AmqpError& error) {
    Peer& peer = peers_.at(&connection);
    peer.links.erase(link);
    if (peer.links.empty()) peer.alone = agenda_.now();
    if (!cbs_.on_detach(connection, link)) behind_.on_detach(connection, link, error);
}

void Front::touch(AmqpConnection& connection, LinkId link) {
    auto& links = peers_.at(&connection).links;
    if (const auto found = links.find(link); found != links.end()) {
        found->second.active = agenda_.now();
    }
}

void Front::on_credit(AmqpConnection& connection, LinkId link) {
    touch(connection, link);
    if (!cbs_.on_credit(connection, link)) behind_.on_credit(connection, link);
}

void Front::on_message(AmqpConnection& connection, LinkId link, DeliveryId delivery,
                       AmqpIncoming message) {
    touch(connection, link);
    if (cbs_.on_message(connection, link, delivery, message)) return;
    behind_.on_message(connection, link, delivery, std::move(message));
}

void Front::on_outcome(AmqpConnection& connection, LinkId link, DeliveryId delivery,
                       const AmqpOutcome& outcome) {
    touch(connection, link);
    if (cbs_.on_outcome(connection, link, delivery)) return;
    behind_.on_outcome(connection, link, delivery, outcome);
}

void Front::on_closed(AmqpConnection& connection, const AmqpError& error) {
    ++closed_;
    cbs_.on_closed(connection);
    behind_.on_closed(connection, error);
    peers_.erase(&connection);
}

void Front::lost(AmqpConnection& connection, const std::string& entity, const AmqpError& error) {
    Peer& peer = peers_.at(&connection);
    std::vector<LinkId> hit;
    for (const auto& [id, link] : peer.links) {
        const bool without = link.entity != cbs_node && lies_below(link.entity, entity) &&
                             !cbs_.rights_of(connection, link.entity).any();
        if (without) hit.push_back(id);
    }
    for (const LinkId id : hit)
        close_link(peer, id, error);
}

void Front::close_link(Peer& peer, LinkId link, const AmqpError& error) {
    const auto connection = peer.connection;
    peer.links.erase(link);
    if (peer.links.empty()) peer.alone = agenda_.now();
    connection->close_link(link, tracked(error));
    if (!cbs_.on_detach(*connection, link)) behind_.on_detach(*connection, link, {});
}

void Front::sweep() {
    sweep_ = agenda_.after(sweep_every, [this] { sweep(); });
    thaw_or_freeze();
    const Instant now = agenda_.now();
    for (const auto& connection : all()) {
        const auto found = peers_.find(connection.get());
        if (found != peers_.end()) sweep(found->second, now);
    }
}

// Links that the broker refused or closed are gone without an event.
void Front::sweep(Peer& peer, Instant now) {
    const auto connection = peer.connection;
    const bool had = !peer.links.empty();
    std::erase_if(peer.links,
                  [&](const auto& entry) { return !connection->has_link(entry.first); });
    if (had && peer.links.empty()) peer.alone = now;
    if (!options_.idle_closes || !connection->open() || connection->frozen() != Freeze::None) {
        return;
    }
    if (peer.links.empty()) {
        const Duration patience = peer.had_links ? next_link_patience : first_link_patience;
        if (now - peer.alone < patience) return;
        connection->close(tracked(inactive(patience / 1ms), "gateway"));
        return;
    }
    std::vector<LinkId> idle;
    for (const auto& [id, link] : peer.links) {
        if (link.entity != cbs_node && now - link.active >= link_patience) idle.push_back(id);
    }
    for (const LinkId id : idle) {
        close_link(peer, id,
                   {"amqp:link:detach-forced",
                    "The link is force detached by the broker. Details: IdleTimerExpired: Idle "
                    "timeout: 00:10:00."});
    }
}

}  // namespace vc::lab::servicebus
