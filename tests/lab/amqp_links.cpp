#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include "tests/lab/amqp_driver.h"
#include "tests/lab/amqp_proton.h"

namespace vc::lab {
namespace {

std::string text(const char* chars) {
    return chars == nullptr ? std::string() : chars;
}

}  // namespace

LinkId AmqpConnection::remember(pn_link_t* link) {
    const LinkId id{next_id_++};
    links_.emplace(id.value, link);
    pn_link_set_context(link, as_context(id));
    return id;
}

void AmqpConnection::forget(pn_link_t* link) {
    links_.erase(id_of(pn_link_get_context(link)));
    pn_link_set_context(link, nullptr);
    for (pn_delivery_t* d = pn_unsettled_head(link); d != nullptr; d = pn_unsettled_next(d)) {
        deliveries_.erase(id_of(pn_delivery_get_context(d)));
        formats_.erase(d);
        pn_delivery_set_context(d, nullptr);
    }
}

pn_link_t* AmqpConnection::find(LinkId link) const {
    const auto found = links_.find(link.value);
    return found == links_.end() ? nullptr : found->second;
}

AmqpLink AmqpConnection::describe(pn_link_t* link) const {
    AmqpLink said;
    said.to_peer = pn_link_is_sender(link);
    said.name = text(pn_link_name(link));
    said.source = text(pn_terminus_get_address(pn_link_remote_source(link)));
    said.target = text(pn_terminus_get_address(pn_link_remote_target(link)));
    said.address = said.to_peer ? said.source : said.target;
    said.presettled = pn_link_remote_snd_settle_mode(link) == PN_SND_SETTLED;
    said.second = pn_link_remote_rcv_settle_mode(link) == PN_RCV_SECOND;
    said.properties = read_map(pn_link_remote_properties(link));
    said.max_message_size = pn_link_remote_max_message_size(link);
    const auto filter = read_session_filter(pn_terminus_filter(pn_link_remote_source(link)));
    said.session = filter.wish;
    said.session_id = filter.id;
    return said;
}

void AmqpConnection::link_opened(pn_link_t* link) {
    AmqpLink opened = describe(link);
    opened.id = LinkId{id_of(pn_link_get_context(link))};
    if (!settings_.server) {
        // Our own link comes back: the peer's end of it is what may be missing.
        pn_terminus_t* const theirs =
            opened.to_peer ? pn_link_remote_target(link) : pn_link_remote_source(link);
        opened.address = text(pn_terminus_get_address(theirs));
        opened.refused = pn_terminus_get_type(theirs) == PN_UNSPECIFIED;
        if (opened.id) events_->on_attach(*this, opened);
        return;
    }
    opened.id = remember(link);
    pn_terminus_t* const ours =
        opened.to_peer ? pn_link_remote_source(link) : pn_link_remote_target(link);
    if (pn_terminus_get_type(ours) == PN_COORDINATOR) {
        refuse_link(opened.id, {"amqp:not-implemented", "Transactions are not supported here."});
    } else if (pn_terminus_is_dynamic(ours)) {
        refuse_link(opened.id, {"amqp:not-implemented", "Dynamic nodes are not supported here."});
    } else {
        offer(opened);
    }
}

void AmqpConnection::offer(const AmqpLink& link) {
    if (events_->holds(*this, AmqpPhase::Attach, &link)) {
        held_links_.push_back(link);
    } else {
        events_->on_attach(*this, link);
    }
}

void AmqpConnection::link_gone(pn_link_t* link, bool closed) {
    const LinkId id{id_of(pn_link_get_context(link))};
    const AmqpError error = error_of(pn_link_remote_condition(link));
    const bool offered =
        std::erase_if(held_links_, [&](const AmqpLink& held) { return held.id == id; }) == 0;
    forget(link);
    if (closed) {
        pn_link_close(link);
    } else {
        pn_link_detach(link);
    }
    if (id && offered) events_->on_detach(*this, id, error);
    pn_link_free(link);
}

void AmqpConnection::session_gone(pn_session_t* session) {
    pn_connection_t* connection = engine_->driver.connection;
    for (pn_link_t* link = pn_link_head(connection, 0); link != nullptr;
         link = pn_link_next(link, 0)) {
        if (pn_link_session(link) != session) continue;
        const LinkId id{id_of(pn_link_get_context(link))};
        forget(link);
        if (id) events_->on_detach(*this, id, {});
    }
    pn_session_close(session);
    pn_session_free(session);
}

void AmqpConnection::delivery_changed(pn_delivery_t* delivery) {
    pn_link_t* link = pn_delivery_link(delivery);
    const LinkId link_id{id_of(pn_link_get_context(link))};
    if (!link_id) return;
    if (pn_link_is_receiver(link)) {
        message_arrived(link, delivery);
        return;
    }
    const DeliveryId id{id_of(pn_delivery_get_context(delivery))};
    if (!id || !pn_delivery_updated(delivery)) return;
    const AmqpOutcome outcome = outcome_of(delivery);
    pn_delivery_clear(delivery);
    if (outcome.settlement == Settlement::None && !outcome.settled) return;
    events_->on_outcome(*this, link_id, id, outcome);
}

void AmqpConnection::message_arrived(pn_link_t* link, pn_delivery_t* delivery) {
    if (pn_delivery_get_context(delivery) != nullptr) return;  // only its state changed
    if (pn_delivery_aborted(delivery)) {
        formats_.erase(delivery);
        pn_delivery_settle(delivery);
        pn_link_flow(link, 1);
        return;
    }
    const std::size_t size = pn_delivery_pending(delivery);
    const LinkId link_id{id_of(pn_link_get_context(link))};
    if (size > max_message) {
        close_link(link_id, {"amqp:link:message-size-exceeded",
                             "The received message is larger than 262144 octets."});
        events_->on_detach(*this, link_id, {});
        return;
    }
    if (pn_delivery_partial(delivery) && transfer_format_ != 0) {
        formats_.emplace(delivery, transfer_format_);
    }
    if (pn_delivery_partial(delivery) || !pn_delivery_readable(delivery)) return;
    if (pn_link_current(link) != delivery) return;
    AmqpIncoming came;
    came.bytes.resize(size);
    came.presettled = pn_delivery_settled(delivery);
    came.format = transfer_format_;
    if (const auto first = formats_.extract(delivery)) came.format = first.mapped();
    if (size > 0) pn_link_recv(link, came.bytes.data(), size);
    pn_link_advance(link);
    const DeliveryId id{next_id_++};
    deliveries_.emplace(id.value, delivery);
    pn_delivery_set_context(delivery, as_context(id));
    events_->on_message(*this, link_id, id, std::move(came));
}

LinkId AmqpConnection::client_link(bool sender, const std::string& name, const std::string& address,
                                   const AttachWish& wish) {
    pn_connection_t* connection = engine_->driver.connection;
    if (engine_->session == nullptr) {
        engine_->session = pn_session(connection);
        pn_session_set_incoming_capacity(engine_->session, session_window);
        pn_session_open(engine_->session);
    }
    pn_link_t* link = sender ? pn_sender(engine_->session, name.c_str())
                             : pn_receiver(engine_->session, name.c_str());
    const std::string& local = wish.local_address.empty() ? name : wish.local_address;
    pn_terminus_set_address(pn_link_source(link), (sender ? local : address).c_str());
    pn_terminus_set_address(pn_link_target(link), (sender ? address : local).c_str());
    pn_link_set_snd_settle_mode(link, wish.presettled ? PN_SND_SETTLED : PN_SND_UNSETTLED);
    // Peek-lock: a receiver says the outcome and waits until the broker has settled it.
    const bool second = !sender && !wish.presettled;
    pn_link_set_rcv_settle_mode(link, second ? PN_RCV_SECOND : PN_RCV_FIRST);
    write_session_filter(pn_terminus_filter(pn_link_source(link)),
                         {wish.session, wish.session_id, false});
    write_map(pn_link_properties(link), wish.properties);
    pn_link_open(link);
    wake();
    return remember(link);
}

LinkId AmqpConnection::open_sender(const std::string& name, const std::string& target,
                                   const AttachWish& wish) {
    return client_link(true, name, target, wish);
}

LinkId AmqpConnection::open_receiver(const std::string& name, const std::string& source, int credit,
                                     const AttachWish& wish) {
    const LinkId id = client_link(false, name, source, wish);
    add_credit(id, credit);
    return id;
}

void AmqpConnection::accept_link(LinkId id, const AttachReply& reply) {
    pn_link_t* link = find(id);
    if (link == nullptr || (pn_link_state(link) & PN_LOCAL_UNINIT) == 0) return;
    agree(link);
    if (reply.has_session) {
        pn_data_t* filter = pn_terminus_filter(pn_link_source(link));
        SessionFilter granted = read_session_filter(filter);
        granted.wish = SessionWish::Named;
        granted.id = reply.session_id;
        write_session_filter(filter, granted);
    }
    write_map(pn_link_properties(link), reply.properties);
    pn_link_set_max_message_size(link, reply.max_message_size);
    pn_link_open(link);
    if (pn_link_is_receiver(link)) pn_link_flow(link, reply.credit);
    wake();
}

void AmqpConnection::accept_link(LinkId id, int credit) {
    AttachReply reply;
    reply.credit = credit;
    accept_link(id, reply);
}

// An attach without a terminus and then a detach that says why, as the specification wants it.
void AmqpConnection::refuse_link(LinkId id, const AmqpError& error) {
    pn_link_t* link = find(id);
    if (link == nullptr) return;
    pn_link_open(link);
    close_link(id, error);
}

void AmqpConnection::close_link(LinkId id, const AmqpError& error) {
    pn_link_t* link = find(id);
    if (link == nullptr) return;
    set_error(pn_link_condition(link), error);
    forget(link);
    pn_link_close(link);
    wake();
}

void AmqpConnection::add_credit(LinkId id, int credit) {
    pn_link_t* link = find(id);
    if (link == nullptr) return;
    pn_link_flow(link, credit);
    wake();
}

void AmqpConnection::drain(LinkId id) {
    pn_link_t* link = find(id);
    if (link == nullptr) return;
    pn_link_drain(link, 0);
    wake();
}

int AmqpConnection::credit(LinkId id) const {
    pn_link_t* link = find(id);
    if (link == nullptr || pn_link_unsettled(link) >= max_unsettled) return 0;
    if (pn_session_outgoing_bytes(pn_link_session(link)) > session_window) return 0;
    return pn_link_credit(link);
}

bool AmqpConnection::drain_asked(LinkId id) const {
    pn_link_t* link = find(id);
    return link != nullptr && pn_link_is_sender(link) && pn_link_get_drain(link) &&
           pn_link_credit(link) > 0;
}

void AmqpConnection::drained(LinkId id) {
    pn_link_t* link = find(id);
    if (link == nullptr || !pn_link_get_drain(link)) return;
    pn_link_drained(link);
    wake();
}

DeliveryId AmqpConnection::send(LinkId link_id, const Tag& tag, std::string_view bytes,
                                bool presettled) {
    pn_link_t* link = find(link_id);
    if (link == nullptr) return {};
    pn_delivery_t* delivery = pn_delivery(link, pn_dtag(tag.data(), tag.size()));
    const DeliveryId id{next_id_++};
    pn_delivery_set_context(delivery, as_context(id));
    pn_link_send(link, bytes.data(), bytes.size());
    pn_link_advance(link);
    if (presettled) {
        pn_delivery_settle(delivery);
    } else {
        deliveries_.emplace(id.value, delivery);
    }
    wake();
    return id;
}

void AmqpConnection::settle(DeliveryId id, Settlement outcome, const AmqpError& error) {
    const auto found = deliveries_.find(id.value);
    if (found == deliveries_.end()) return;
    pn_delivery_t* delivery = found->second;
    if (outcome != Settlement::None) {
        set_error(pn_disposition_condition(pn_delivery_local(delivery)), error);
        pn_delivery_update(delivery, state_of(outcome));
    }
    deliveries_.erase(found);
    pn_delivery_set_context(delivery, nullptr);
    // Our own receivers in mode second could wait for the broker's settle. Nothing here depends on
    // that answer, and an outcome that is sent settled has to be taken as it is.
    pn_delivery_settle(delivery);
    wake();
}

}  // namespace vc::lab
