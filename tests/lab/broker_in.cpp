#include <algorithm>

#include "tests/lab/broker.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using servicebus::Answer;
using servicebus::Refusal;
using servicebus::refuse;

constexpr std::size_t held_limit = 100'000;
constexpr std::size_t waiting_replies = 1000;  // on one link, for want of credit
constexpr Duration out_of_order = 5s;          // the longest that a message waits to be overtaken

AmqpConnection::Tag tag_of(std::uint64_t number) {
    AmqpConnection::Tag tag{};
    for (std::size_t i = 0; i < sizeof number; ++i)
        tag[i] = static_cast<char>(number >> (8 * i));
    return tag;
}

}  // namespace

void Broker::on_message(AmqpConnection& connection, LinkId id, DeliveryId delivery,
                        AmqpIncoming came) {
    Peer* peer = nullptr;
    const Link* link = find_link(connection.weak_from_this(), id, &peer);
    if (link == nullptr) return;
    Arrival arrival;
    arrival.connection = connection.weak_from_this();
    arrival.link = id;
    arrival.delivery = delivery;
    arrival.message = std::move(came);
    arrival.request = link->kind == LinkKind::Request;
    arrival.entity = link->entity;
    arrival.address = link->address;
    arrival.born = connection.born();
    arrival.key = peer->key;
    arrival.at = agenda_.now();
    const FaultRole role = arrival.request ? FaultRole::Management : FaultRole::Send;
    if (faults_.active() > 0 && faults_.stalls(FaultDir::In, arrival.ask(role)) &&
        held_arrivals_.size() < held_limit) {
        log_stalled(arrival);
        held_arrivals_.push_back(std::move(arrival));
    } else {
        take(std::move(arrival));
    }
}

void Broker::log_stalled(const Arrival& arrival) {
    if (arrival.request) {
        faults_.log("stalled", arrival.address.entity, "");
        return;
    }
    const auto messages =
        servicebus::parse_transfer(arrival.message.bytes, arrival.message.format, "");
    if (!messages) return;
    for (const servicebus::Message& message : *messages)
        faults_.log("stalled", arrival.address.entity, message.id);
}

void Broker::take(Arrival arrival) {
    store_.count(arrival.entity, [](servicebus::Traffic& traffic) { ++traffic.incoming_requests; });
    if (arrival.request) {
        take_request(std::move(arrival));
    } else {
        take_message(std::move(arrival));
    }
}

void Broker::take_message(Arrival arrival) {
    const std::string fallback_id = options_.name + "-" + std::to_string(next_message_++);
    auto messages =
        servicebus::parse_transfer(arrival.message.bytes, arrival.message.format, fallback_id);
    arrival.message.bytes.clear();
    const FaultAsk asked = arrival.ask(FaultRole::Send);
    if (!messages) {
        settle(arrival, refuse("amqp:decode-error", "The message could not be read."));
        return;
    }
    std::vector<std::string> ids;
    for (const servicebus::Message& message : *messages) {
        if (faults_.active() > 0) ids.push_back(message.id);
    }
    const auto log = [this, &ids, &arrival](const char* what, Duration delay) {
        for (const std::string& id : ids)
            faults_.log(what, arrival.address.entity, id, delay);
    };
    Answer<void> result;
    if (const auto refusal = faults_.refusal(asked)) {
        result = refuse(refusal->condition, refusal->description);
        store_.count(arrival.entity, [](servicebus::Traffic& traffic) { ++traffic.throttled; });
        log("refused", {});
    } else if (faults_.loses(asked)) {
        ++lost_;
        log("lost", {});
    } else {
        result = store_messages(asked, arrival.entity, std::move(*messages));
    }
    if (result) ++accepted_;
    if (faults_.never_settles(asked)) {
        log("stalled", {});
        return;
    }
    const Duration delay =
        errands_.size() < held_limit ? faults_.delay(FaultDir::In, asked) : Duration::zero();
    if (delay == Duration::zero()) {
        settle(arrival, result);
        return;
    }
    errands_.after(delay, [this, arrival = std::move(arrival), result, ids = std::move(ids)] {
        settle(arrival, result);
        for (const std::string& id : ids)
            faults_.log("settle", arrival.address.entity, id, agenda_.now() - arrival.at);
    });
}

Answer<void> Broker::store_messages(const FaultAsk& asked, EntityId entity,
                                    std::vector<servicebus::Message> messages) {
    if (faults_.duplicates(asked)) {
        const std::vector<servicebus::Message> again = messages;
        messages.insert(messages.end(), again.begin(), again.end());
        for (const servicebus::Message& message : again)
            faults_.log("duplicated", asked.entity, message.id);
    }
    const auto sent = store_.send(entity, std::move(messages), agenda_.now());
    if (!sent) return tl::unexpected<Refusal>(sent.error());
    place(asked, *sent);
    return {};
}

// What can be received now, unless a fault keeps it back.
void Broker::place(const FaultAsk& asked, const std::vector<servicebus::Sent>& sent) {
    if (faults_.active() > 0) {
        for (const servicebus::Sent& one : sent) {
            for (const servicebus::Placed& placed : one.placed)
                place_one(asked, placed);
        }
    }
    move();
}

void Broker::place_one(const FaultAsk& asked, const servicebus::Placed& placed) {
    const servicebus::Entity* entity = store_.owner(placed.box);
    if (entity == nullptr) return;
    FaultAsk out = asked;
    out.entity = entity->path;
    out.role = FaultRole::Receive;
    const auto stored = store_.box(placed.box)->peek(placed.sequence, 1, std::nullopt);
    const std::string id = stored.empty() ? "" : stored.front().message->id;
    if (faults_.stalls(FaultDir::Out, out)) {
        store_.hold(placed.box, placed.sequence);
        stalled_.push_back(placed);
        faults_.log("stalled", entity->path, id);
        return;
    }
    if (const auto before = reordered_.find(placed.box); before != reordered_.end()) {
        const std::int64_t sequence = before->second;
        reordered_.erase(before);
        move();  // the one that came later goes first
        store_.let_go(placed.box, sequence);
        return;
    }
    if (faults_.reorders(out)) {
        store_.hold(placed.box, placed.sequence);
        reordered_[placed.box] = placed.sequence;
        faults_.log("reordered", entity->path, id);
        errands_.after(out_of_order, [this, placed] {
            const auto still = reordered_.find(placed.box);
            if (still == reordered_.end() || still->second != placed.sequence) return;
            reordered_.erase(still);
            store_.let_go(placed.box, placed.sequence);
            move();
        });
        return;
    }
    const Duration delay =
        errands_.size() < held_limit ? faults_.delay(FaultDir::Out, out) : Duration::zero();
    if (delay == Duration::zero()) return;
    store_.hold(placed.box, placed.sequence);
    errands_.after(delay, [this, placed, id, path = entity->path, at = agenda_.now()] {
        store_.let_go(placed.box, placed.sequence);
        move();
        faults_.log("deliver", path, id, agenda_.now() - at);
    });
}

void Broker::settle(const Arrival& arrival, const Answer<void>& result) {
    Peer* peer = nullptr;
    Link* link = find_link(arrival.connection, arrival.link, &peer);
    if (link == nullptr) return;
    const Duration took = agenda_.now() - arrival.at;
    const bool busy = !result && result.error().condition == "com.microsoft:server-busy";
    store_.count(link->entity, [&](servicebus::Traffic& traffic) {
        // Who is throttled made no error, and has been counted.
        if (!busy) ++(result ? traffic.successful_requests : traffic.user_errors);
        ++traffic.sends_timed;
        traffic.send_time += took;
    });
    if (!arrival.message.presettled) {
        const auto error =
            result ? AmqpError{} : tracked(result.error(), servicebus::to_text(link->address));
        peer->connection->settle(arrival.delivery,
                                 result ? Settlement::Accepted : Settlement::Rejected, error);
    } else {
        peer->connection->settle(arrival.delivery, Settlement::None);
    }
    if (faults_.active() > 0 && faults_.withholds_credit(ask(*peer, *link, FaultRole::Send))) {
        ++link->owed_credit;
    } else {
        peer->connection->add_credit(arrival.link, 1);
    }
}

// A request is settled as soon as it is here; its answer is a message of its own.
void Broker::take_request(Arrival arrival) {
    Peer* peer = nullptr;
    if (find_link(arrival.connection, arrival.link, &peer) == nullptr) return;
    ++requests_;
    const auto request = servicebus::parse_request(arrival.message.bytes);
    arrival.message.bytes.clear();
    if (!request) {
        settle(arrival, refuse("amqp:decode-error", "The request could not be read."));
        return;
    }
    peer->connection->settle(arrival.delivery,
                             arrival.message.presettled ? Settlement::None : Settlement::Accepted);
    peer->connection->add_credit(arrival.link, 1);
    const FaultAsk asked = arrival.ask(FaultRole::Management);
    const Duration delay = faults_.delay(FaultDir::In, asked) + faults_.management_delay(asked);
    if (errands_.size() >= held_limit) {
        answer(arrival, *request);
        return;
    }
    // Later also without a delay: Microsoft's C client takes no answer to a request that it has not
    // seen settled, and the engine writes what is settled after what is sent.
    errands_.after(delay, [this, arrival = std::move(arrival), request = *request, delay] {
        answer(arrival, request);
        if (delay == Duration::zero()) return;
        faults_.log("management", arrival.address.entity, request.message_id.text,
                    agenda_.now() - arrival.at);
    });
}

void Broker::answer(const Arrival& arrival, const servicebus::Request& request) {
    Peer* peer = nullptr;
    Link* link = find_link(arrival.connection, arrival.link, &peer);
    if (link == nullptr) return;
    servicebus::Reply reply = managed(*peer, *link, request);
    const bool well = reply.status / 100 == 2;
    store_.count(link->entity, [&](servicebus::Traffic& traffic) {
        ++(well                  ? traffic.successful_requests
           : reply.status >= 500 ? traffic.server_errors
                                 : traffic.user_errors);
    });
    if (!well) {
        reply.description =
            tracked({reply.error_condition, reply.description}, servicebus::to_text(link->address))
                .description;
    }
    // What was asked may have ended links, this one too: look again.
    move();
    link = find_link(arrival.connection, arrival.link, &peer);
    Link* to = link == nullptr ? nullptr : reply_link(*peer, *link, request);
    if (to == nullptr || to->replies.size() >= waiting_replies) return;
    to->replies.push_back(servicebus::encode_reply(request, reply));
    flush_replies(*to);
}

servicebus::Reply Broker::managed(Peer& peer, const Link& link,
                                  const servicebus::Request& request) {
    const FaultAsk asked = ask(peer, link, FaultRole::Management);
    if (faults_.management_down(asked)) {
        return {503, "The management endpoint is not available.", "amqp:internal-error", {}};
    }
    if (const auto refusal = faults_.refusal(asked)) {
        store_.count(link.entity, [](servicebus::Traffic& traffic) { ++traffic.throttled; });
        return {503, refusal->description, refusal->condition, {}};
    }
    const servicebus::Rights rights =
        rights_of(*peer.connection, servicebus::to_text(link.address));
    const servicebus::Needs needs = servicebus::needs_of(request.operation);
    const bool may = needs == servicebus::Needs::Send     ? rights.send
                     : needs == servicebus::Needs::Listen ? rights.listen
                                                          : rights.manage || rights.listen;
    if (!may) {
        return {401,
                "Unauthorized access. A claim is missing for " + request.operation + ".",
                "amqp:unauthorized-access",
                {}};
    }
    servicebus::ManagementCall call;
    call.address = link.address;
    call.now = agenda_.now();
    call.fallback_id = options_.name + "-" + std::to_string(next_message_++);
    for (const auto& [id, other] : peer.links) {
        if (other.kind == LinkKind::Receive && other.name == request.associated_link) {
            call.holder = other.holder;
        }
    }
    return servicebus::manage(store_, call, request);
}

// By the link's name or its target, as the request's reply-to says; a client that says neither has
// one receiver for its answers.
Broker::Link* Broker::reply_link(Peer& peer, const Link& link, const servicebus::Request& request) {
    Link* only = nullptr;
    const std::string address = servicebus::lowered(servicebus::to_text(link.address));
    for (auto& [id, other] : peer.links) {
        if (other.kind != LinkKind::Reply) continue;
        if (servicebus::lowered(servicebus::to_text(other.address)) != address) continue;
        if (!request.reply_to.empty() &&
            (other.name == request.reply_to || other.target == request.reply_to)) {
            return &other;
        }
        only = &other;
    }
    return only;
}

void Broker::flush_replies(Link& link) {
    while (!link.replies.empty() && link.connection->credit(link.id) > 0) {
        link.connection->send(link.id, tag_of(next_message_++), link.replies.front(),
                              link.presettled);
        link.replies.pop_front();
    }
}

}  // namespace vc::lab
