#include "tests/lab/amqp_engine.h"

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "tests/lab/amqp_driver.h"
#include "tests/lab/amqp_proton.h"
#include "tests/lab/listener.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr Duration handshake_patience = 60s;  // Service Bus: no link within a minute of connecting

std::string text(const char* chars) {
    return chars == nullptr ? std::string() : chars;
}

}  // namespace

AmqpConnection::AmqpConnection(Agenda& agenda, boost::asio::ip::tcp::socket socket,
                               Settings settings, AmqpEvents& events)
    : agenda_(agenda),
      socket_(std::move(socket)),
      settings_(std::move(settings)),
      events_(&events),
      engine_(std::make_unique<Engine>()),
      born_(agenda.now()) {
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
    write_map(pn_connection_properties(connection), settings_.properties);
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
            remote_.container = text(pn_connection_remote_container(connection));
            remote_.hostname = text(pn_connection_remote_hostname(connection));
            remote_.properties = read_map(pn_connection_remote_properties(connection));
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
