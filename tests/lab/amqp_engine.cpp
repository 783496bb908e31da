#include "tests/lab/amqp_engine.h"

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>

#include <boost/asio/post.hpp>
#include <cstring>

#include "tests/lab/amqp_driver.h"
#include "tests/lab/amqp_frame.h"
#include "tests/lab/amqp_proton.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t inbox_limit = 1u << 20;  // what a connection that is held may send ahead
constexpr Duration handshake_patience = 60s;   // Service Bus: no link within a minute of connecting

std::string text(const char* chars) {
    return chars == nullptr ? std::string() : chars;
}

}  // namespace

AmqpConnection::AmqpConnection(Agenda& agenda, std::unique_ptr<Transport> transport,
                               Settings settings, AmqpEvents& events)
    : agenda_(agenda),
      transport_(std::move(transport)),
      settings_(std::move(settings)),
      events_(&events),
      engine_(std::make_unique<Engine>()),
      born_(agenda.now()),
      heard_(born_) {
    remote_.certificate = transport_->certificate;
    remote_.encrypted = transport_->encrypted;
    remote_.websocket = transport_->websocket;
    set_up(engine_->driver.transport);
    pn_connection_t* connection = engine_->driver.connection;
    pn_connection_set_container(connection, settings_.container_id.c_str());
    write_map(pn_connection_properties(connection), settings_.properties);
    if (settings_.server) return;
    pn_connection_set_hostname(connection, "localhost");
    if (!settings_.credentials.user.empty()) {
        pn_connection_set_user(connection, settings_.credentials.user.c_str());
        pn_connection_set_password(connection, settings_.credentials.password.c_str());
    }
    pn_connection_open(connection);
}

void AmqpConnection::set_up(pn_transport_t* transport) {
    if (settings_.server) pn_transport_set_server(transport);
    pn_sasl_t* sasl = pn_sasl(transport);
    pn_sasl_set_allow_insecure_mechs(sasl, true);
    if (settings_.server) {
        engine_->logins.passes = [this](const Credentials& said) {
            const Credentials& wanted = settings_.credentials;
            if (!wanted.user.empty() && said.user == wanted.user &&
                said.password == wanted.password) {
                return true;
            }
            return settings_.passes && settings_.passes(said);
        };
        engine_->logins.remote = &remote_;
        check_logins(transport, engine_->logins);
        // Microsoft's JavaScript client leaves SASL out when its connection string holds a
        // signature.
        pn_transport_require_auth(transport, false);
    } else if (!settings_.mechanisms.empty()) {
        pn_sasl_allowed_mechs(sasl, settings_.mechanisms.c_str());
    } else {
        pn_sasl_allowed_mechs(sasl, settings_.credentials.user.empty() ? "ANONYMOUS" : "PLAIN");
    }
    set_limits(transport, settings_.idle_timeout);
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
    if (reading_ || finished_ || frozen_ == Freeze::Deaf) return;
    if (inbox_.size() - inbox_at_ > inbox_limit) return;
    reading_ = true;
    transport_->read_some(
        boost::asio::buffer(in_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
            self->reading_ = false;
            if (self->finished_) return;
            self->inbox_.append(self->in_.data(), size);
            self->heard_ = self->agenda_.now();
            self->read_error_ = static_cast<bool>(error);
            self->pump();
            if (!error) self->read_next();
        });
}

// Frame by frame, so that each frame's own events are known to be its own.
bool AmqpConnection::feed_frame() {
    if (frozen_ != Freeze::None || read_over_) return false;
    const std::string_view rest = std::string_view(inbox_).substr(inbox_at_);
    const auto size = frame_size(rest);
    const bool whole = size && *size > 0 && rest.size() >= *size;
    // Proton would take a second login, and leak what it keeps of the first.
    const bool again = whole && engine_->logins.decided && is_sasl(rest);
    if (size == 0u || again) {
        pn_connection_driver_errorf(&engine_->driver, "amqp:framing-error",
                                    again ? "a login has been answered already"
                                          : "what came is no frame of at most 65536 octets");
        read_over_ = true;
        return true;
    }
    if (!whole) {
        inbox_.erase(0, inbox_at_);
        inbox_at_ = 0;
        if (!read_error_) return false;
        pn_connection_driver_read_close(&engine_->driver);
        read_over_ = true;
        return true;
    }
    const std::string_view frame = rest.substr(0, *size);
    if (settings_.server && stays_out(frame)) return false;
    // A peer that does not wait for answers is right to: Proton takes the next step (after a login,
    // the beginning of a session) only when it has been made to write the answer to the last.
    if (answers_due_) pn_connection_driver_write_buffer(&engine_->driver);
    const Performative what = performative(frame);
    answers_due_ = what != Performative::Transfer && what != Performative::Disposition &&
                   what != Performative::Flow;
    transfer_format_ = what == Performative::Transfer ? message_format(frame) : 0;
    inbox_at_ += *size;
    feed(frame);
    return true;
}

// Whether what the frame begins has to wait, by a fault.
bool AmqpConnection::stays_out(std::string_view frame) {
    if (events_ == nullptr) return false;
    const bool open = frame[0] == 0 && performative(frame) == Performative::Open;
    if (passed_sasl_ && (passed_open_ || !open)) return false;
    const AmqpPhase phase = open ? AmqpPhase::Open : AmqpPhase::Sasl;
    if (events_ != nullptr && events_->holds(*this, phase, nullptr)) {
        handshake_.cancel();  // the fault ends it, or the peer
        return true;
    }
    (open ? passed_open_ : passed_sasl_) = true;
    return false;
}

void AmqpConnection::feed(std::string_view bytes) {
    pn_connection_driver_t* driver = &engine_->driver;
    while (!bytes.empty()) {
        const pn_rwbytes_t room = pn_connection_driver_read_buffer(driver);
        if (room.size == 0) return;  // the engine has closed its reading side
        const std::size_t part = std::min(bytes.size(), room.size);
        std::memcpy(room.start, bytes.data(), part);
        pn_connection_driver_read_done(driver, part);
        bytes.remove_prefix(part);
    }
}

void AmqpConnection::flush() {
    if (writing_ || finished_ || frozen_ != Freeze::None) return;
    pn_connection_driver_t* driver = &engine_->driver;
    const pn_bytes_t ready = pn_connection_driver_write_buffer(driver);
    if (ready.size == 0) return;
    // Copied, because the engine may move its buffer while the socket still reads from it.
    out_.assign(ready.start, ready.size);
    pn_connection_driver_write_done(driver, ready.size);
    write_out();
}

void AmqpConnection::write_out() {
    writing_ = true;
    std::string_view rest = out_;
    while (!rest.empty()) {
        if (out_frame_left_ == 0) out_frame_left_ = frame_size(rest).value_or(0);
        if (out_frame_left_ == 0) break;
        const std::size_t part = std::min(out_frame_left_, rest.size());
        out_frame_left_ -= part;
        rest.remove_prefix(part);
    }
    transport_->write(
        boost::asio::buffer(out_),
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
    boost::asio::post(transport_->executor(), [self = shared_from_this()] {
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
        bool fed = true;
        while (fed && !reset_ && !hung_up_) {
            while (pn_event_t* event = pn_connection_driver_next_event(driver))
                handle(event);
            fed = feed_frame();
        }
        tick();
        flush();
    } while (pn_connection_driver_has_event(driver));
    pumping_ = false;
    // Proton can wait for ever on a peer that left in the middle of a handshake.
    const bool over = read_over_ || pn_connection_driver_finished(driver);
    const bool left = read_error_;  // while a fault held what it had said
    if (reset_ || hung_up_ || ((over || left) && !writing_)) finish();
}

void AmqpConnection::tick() {
    if (!open_ || frozen_ != Freeze::None) return;
    const auto to_ms = [](Instant at) { return at.time_since_epoch().count() / 1'000'000; };
    const Instant now = agenda_.now();
    const Duration silence = agenda_.clock().from_machine(2 * settings_.idle_timeout);
    if (settings_.machine_idle && now - heard_ < silence) feed(empty_frame);
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

void AmqpConnection::freeze(Freeze how) {
    if (finished_ || how == frozen_) return;
    frozen_ = how;
    heartbeat_.cancel();
    if (how == Freeze::HeartbeatsOnly) beat();
    if (how == Freeze::None) wake();
    read_next();
}

// An idle frame at half of what the peer waits for. Not in the middle of another frame.
void AmqpConnection::beat() {
    if (finished_ || frozen_ != Freeze::HeartbeatsOnly) return;
    const std::uint32_t wanted =
        open_ ? pn_transport_get_remote_idle_timeout(engine_->driver.transport) : 0;
    const Duration period = wanted == 0 ? Duration{30s} : Duration{wanted * 500'000ull};
    heartbeat_ = agenda_.after(std::max(period, Duration{10ms}), [this] { beat(); });
    if (!open_ || writing_ || out_frame_left_ > 0) return;
    out_ = empty_frame;
    write_out();
}

void AmqpConnection::go_on() {
    for (const AmqpLink& link : std::exchange(held_links_, {})) {
        if (events_ == nullptr || finished_) return;
        if (find(link.id) != nullptr) offer(link);
    }
    wake();
}

void AmqpConnection::finish() {
    if (finished_) return;
    finished_ = true;
    tick_.cancel();
    handshake_.cancel();
    heartbeat_.cancel();
    links_.clear();
    deliveries_.clear();
    if (reset_) {
        transport_->reset();
    } else {
        transport_->close();
    }
    if (events_ != nullptr) std::exchange(events_, nullptr)->on_closed(*this, error_);
}

void AmqpConnection::handle(pn_event_t* event) {
    if (events_ == nullptr) return;
    pn_connection_t* connection = engine_->driver.connection;
    switch (static_cast<int>(pn_event_type(event))) {
        case PN_CONNECTION_REMOTE_OPEN:
            open_ = true;
            handshake_.cancel();
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

void AmqpConnection::hang_up() {
    hung_up_ = true;
    if (!pumping_) finish();
}

void AmqpConnection::abandon() {
    events_ = nullptr;
    finish();
}

}  // namespace vc::lab
