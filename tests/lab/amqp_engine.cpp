#include "tests/lab/amqp_engine.h"

#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "rules/base/check.h"
#include "tests/lab/amqp_proton.h"
#include "tests/lab/listener.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr Duration handshake_patience = 60s;  // Service Bus: no link within a minute of connecting
constexpr std::uint64_t max_message = 256 * 1024;  // Service Bus, standard tier
constexpr int max_unsettled = 2000;                // per link, on our side
constexpr std::size_t session_window = 4u << 20;   // octets a peer may have in flight to us

}  // namespace

struct AmqpConnection::Engine {
    pn_connection_driver_t driver{};
    pn_session_t* session = nullptr;  // the client's only one

    Engine() {
        VC_CHECK(pn_connection_driver_init(&driver, nullptr, nullptr) == 0, "out of memory");
    }
    ~Engine() { pn_connection_driver_destroy(&driver); }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
};

AmqpConnection::AmqpConnection(Agenda& agenda, boost::asio::ip::tcp::socket socket,
                               Settings settings, AmqpEvents& events)
    : agenda_(agenda),
      socket_(std::move(socket)),
      settings_(std::move(settings)),
      events_(&events),
      engine_(std::make_unique<Engine>()) {
    pn_transport_t* transport = engine_->driver.transport;
    if (settings_.server) pn_transport_set_server(transport);
    pn_sasl_t* sasl = pn_sasl(transport);
    pn_sasl_set_allow_insecure_mechs(sasl, true);
    const Credentials& login = settings_.credentials;
    if (settings_.server) {
        check_logins(transport, settings_.credentials);
        pn_transport_require_auth(transport, true);
    } else {
        pn_sasl_allowed_mechs(sasl, login.user.empty() ? "ANONYMOUS" : "PLAIN");
    }
    set_limits(transport, settings_.idle_timeout);
    pn_connection_t* connection = engine_->driver.connection;
    pn_connection_set_container(connection, settings_.container_id.c_str());
    if (!settings_.server) {
        pn_connection_set_hostname(connection, "localhost");
        if (!login.user.empty()) {
            pn_connection_set_user(connection, login.user.c_str());
            pn_connection_set_password(connection, login.password.c_str());
        }
        pn_connection_open(connection);
    }
}

AmqpConnection::~AmqpConnection() = default;

void AmqpConnection::start() {
    // A client watches its own patience; a server's bounds what a silent peer can hold.
    if (settings_.server) {
        handshake_ = agenda_.after(handshake_patience, [this] {
            if (!open_) reset();
        });
    }
    read_next();
    wake();
}

void AmqpConnection::read_next() {
    socket_.async_read_some(
        boost::asio::buffer(in_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
            if (self->finished_) return;
            pn_connection_driver_t* driver = &self->engine_->driver;
            const char* from = self->in_.data();
            while (size > 0) {
                const pn_rwbytes_t room = pn_connection_driver_read_buffer(driver);
                if (room.size == 0) break;  // the engine has closed its reading side
                const std::size_t part = std::min(size, room.size);
                std::memcpy(room.start, from, part);
                pn_connection_driver_read_done(driver, part);
                from += part;
                size -= part;
                self->pump();
                if (self->finished_) return;
            }
            if (error) {
                pn_connection_driver_read_close(driver);
                self->read_over_ = true;
            }
            self->pump();
            if (!error && !self->finished_) self->read_next();
        });
}

void AmqpConnection::flush() {
    if (writing_ || finished_) return;
    pn_connection_driver_t* driver = &engine_->driver;
    const pn_bytes_t ready = pn_connection_driver_write_buffer(driver);
    if (ready.size == 0) return;
    // Copied, because the engine may move its buffer while the socket still reads from it.
    out_.assign(ready.start, ready.size);
    pn_connection_driver_write_done(driver, ready.size);
    writing_ = true;
    boost::asio::async_write(
        socket_, boost::asio::buffer(out_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
            self->writing_ = false;
            if (self->finished_) return;
            if (error) pn_connection_driver_write_close(&self->engine_->driver);
            self->pump();
        });
}

// Many calls in one turn of the loop cost one pump.
void AmqpConnection::wake() {
    if (woken_ || pumping_ || finished_) return;
    woken_ = true;
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->woken_ = false;
        self->pump();
    });
}

void AmqpConnection::pump() {
    if (pumping_ || finished_) return;
    const auto self = shared_from_this();  // an event may make the owner let go
    pumping_ = true;
    pn_connection_driver_t* driver = &engine_->driver;
    do {
        while (pn_event_t* event = pn_connection_driver_next_event(driver))
            handle(event);
        tick();
        flush();
    } while (pn_connection_driver_has_event(driver));
    pumping_ = false;
    // Proton can wait for ever on a peer that left in the middle of a handshake.
    const bool over = read_over_ || pn_connection_driver_finished(driver);
    if (reset_ || (over && !writing_)) finish();
}

void AmqpConnection::tick() {
    if (!open_) return;
    const auto to_ms = [](Instant at) { return at.time_since_epoch().count() / 1'000'000; };
    const Instant now = agenda_.now();
    const pn_timestamp_t next = pn_transport_tick(engine_->driver.transport, to_ms(now));
    if (next == 0) return;
    const Instant due = std::max(now, Instant{std::chrono::milliseconds(next + 1)});
    if (due >= tick_at_) return;  // the call that is already booked comes early enough
    tick_at_ = due;
    tick_ = agenda_.at(due, [this] {
        tick_at_ = Instant::max();
        pump();
    });
}

void AmqpConnection::finish() {
    if (finished_) return;
    finished_ = true;
    tick_.cancel();
    handshake_.cancel();
    links_.clear();
    deliveries_.clear();
    if (reset_) {
        reset_socket(socket_);
    } else {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }
    if (events_ != nullptr) std::exchange(events_, nullptr)->on_closed(*this, error_);
}

void AmqpConnection::handle(pn_event_t* event) {
    if (events_ == nullptr) return;
    pn_connection_t* connection = engine_->driver.connection;
    switch (static_cast<int>(pn_event_type(event))) {
        case PN_CONNECTION_REMOTE_OPEN:
            open_ = true;
            if (settings_.server) pn_connection_open(connection);
            events_->on_open(*this);
            break;
        case PN_CONNECTION_REMOTE_CLOSE:
            error_ = error_of(pn_connection_remote_condition(connection));
            pn_connection_close(connection);
            break;
        case PN_SESSION_REMOTE_OPEN:
            if (settings_.server) {
                pn_session_set_incoming_capacity(pn_event_session(event), session_window);
                pn_session_open(pn_event_session(event));
            }
            break;
        case PN_SESSION_REMOTE_CLOSE:
            session_gone(pn_event_session(event));
            break;
        case PN_DELIVERY:
            delivery_changed(pn_event_delivery(event));
            break;
        case PN_TRANSPORT_ERROR:
            if (error_.condition.empty()) error_ = error_of(pn_event_condition(event));
            break;
        default:
            handle_link(event);
    }
}

void AmqpConnection::handle_link(pn_event_t* event) {
    switch (static_cast<int>(pn_event_type(event))) {
        case PN_LINK_REMOTE_OPEN:
            link_opened(pn_event_link(event));
            break;
        case PN_LINK_REMOTE_CLOSE:
            link_gone(pn_event_link(event), true);
            break;
        case PN_LINK_REMOTE_DETACH:
            link_gone(pn_event_link(event), false);
            break;
        case PN_LINK_FLOW: {
            pn_link_t* link = pn_event_link(event);
            const LinkId id{id_of(pn_link_get_context(link))};
            if (id && pn_link_is_sender(link)) events_->on_credit(*this, id);
            break;
        }
        default:
            break;
    }
}

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
        pn_delivery_set_context(d, nullptr);
    }
}

pn_link_t* AmqpConnection::find(LinkId link) const {
    const auto found = links_.find(link.value);
    return found == links_.end() ? nullptr : found->second;
}

void AmqpConnection::link_opened(pn_link_t* link) {
    AmqpLink opened;
    opened.id = LinkId{id_of(pn_link_get_context(link))};
    opened.to_peer = pn_link_is_sender(link);
    pn_terminus_t* terminus =
        opened.to_peer ? pn_link_remote_source(link) : pn_link_remote_target(link);
    if (!settings_.server) {
        // Our own link comes back: the peer's end of it is what may be missing.
        terminus = opened.to_peer ? pn_link_remote_target(link) : pn_link_remote_source(link);
        opened.refused = pn_terminus_get_type(terminus) == PN_UNSPECIFIED;
    } else {
        opened.id = remember(link);
    }
    const char* address = pn_terminus_get_address(terminus);
    opened.address = address == nullptr ? "" : address;
    opened.presettled = pn_link_remote_snd_settle_mode(link) == PN_SND_SETTLED;
    if (opened.id) events_->on_attach(*this, opened);
}

void AmqpConnection::link_gone(pn_link_t* link, bool closed) {
    const LinkId id{id_of(pn_link_get_context(link))};
    const AmqpError error = error_of(pn_link_remote_condition(link));
    forget(link);
    if (closed) {
        pn_link_close(link);
    } else {
        pn_link_detach(link);
    }
    if (id) events_->on_detach(*this, id, error);
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
    const Settlement outcome = settlement_of(pn_delivery_remote_state(delivery));
    pn_delivery_clear(delivery);
    if (outcome == Settlement::None && !pn_delivery_settled(delivery)) return;
    events_->on_outcome(*this, link_id, id, outcome);
}

void AmqpConnection::message_arrived(pn_link_t* link, pn_delivery_t* delivery) {
    if (pn_delivery_get_context(delivery) != nullptr) return;  // only its state changed
    if (pn_delivery_aborted(delivery)) {
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
    if (pn_delivery_partial(delivery) || !pn_delivery_readable(delivery)) return;
    if (pn_link_current(link) != delivery) return;
    std::string bytes(size, '\0');
    if (size > 0) pn_link_recv(link, bytes.data(), size);
    pn_link_advance(link);
    const DeliveryId id{next_id_++};
    deliveries_.emplace(id.value, delivery);
    pn_delivery_set_context(delivery, as_context(id));
    events_->on_message(*this, link_id, id, std::move(bytes));
}

LinkId AmqpConnection::client_link(bool sender, const std::string& name,
                                   const std::string& address) {
    pn_connection_t* connection = engine_->driver.connection;
    if (engine_->session == nullptr) {
        engine_->session = pn_session(connection);
        pn_session_set_incoming_capacity(engine_->session, session_window);
        pn_session_open(engine_->session);
    }
    pn_link_t* link = sender ? pn_sender(engine_->session, name.c_str())
                             : pn_receiver(engine_->session, name.c_str());
    pn_terminus_set_address(pn_link_source(link), sender ? name.c_str() : address.c_str());
    pn_terminus_set_address(pn_link_target(link), sender ? address.c_str() : name.c_str());
    pn_link_set_snd_settle_mode(link, PN_SND_UNSETTLED);
    // Peek-lock: a receiver says the outcome and waits until the broker has settled it.
    pn_link_set_rcv_settle_mode(link, sender ? PN_RCV_FIRST : PN_RCV_SECOND);
    pn_link_open(link);
    wake();
    return remember(link);
}

LinkId AmqpConnection::open_sender(const std::string& name, const std::string& target) {
    return client_link(true, name, target);
}

LinkId AmqpConnection::open_receiver(const std::string& name, const std::string& source,
                                     int credit) {
    const LinkId id = client_link(false, name, source);
    add_credit(id, credit);
    return id;
}

void AmqpConnection::accept_link(LinkId id, int credit) {
    pn_link_t* link = find(id);
    if (link == nullptr) return;
    agree(link);
    pn_link_set_max_message_size(link, max_message);
    pn_link_open(link);
    if (pn_link_is_receiver(link)) pn_link_flow(link, credit);
    wake();
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
    // A receiver in mode second could wait for the broker's settle. Nothing here depends on that
    // answer, and an outcome that is sent settled has to be taken as it is.
    pn_delivery_settle(delivery);
    wake();
}

void AmqpConnection::close(const AmqpError& error) {
    if (finished_) return;
    pn_connection_t* connection = engine_->driver.connection;
    set_error(pn_connection_condition(connection), error);
    error_ = error;
    pn_connection_close(connection);
    wake();
}

void AmqpConnection::reset() {
    reset_ = true;
    if (!pumping_) finish();
}

void AmqpConnection::abandon() {
    events_ = nullptr;
    finish();
}

}  // namespace vc::lab
