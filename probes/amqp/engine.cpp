#include "probes/amqp/engine.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/logger.h>
#include <proton/message.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "rules/base/check.h"

namespace vc {
namespace {

constexpr std::uint32_t most_frame_bytes = 64 * 1024;
constexpr std::size_t most_message_bytes = 64 * 1024;
constexpr std::size_t most_incoming_bytes = 512 * 1024;
constexpr std::size_t most_unsettled = 256;

// Proton's clock is in milliseconds, and zero means "none".
std::int64_t milliseconds(Instant at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

std::string text_of(const char* text) {
    return text == nullptr ? std::string() : text;
}

Disposition disposition_of(std::uint64_t state) {
    switch (state) {
        case PN_ACCEPTED:
            return Disposition::accepted;
        case PN_REJECTED:
            return Disposition::rejected;
        case PN_RELEASED:
            return Disposition::released;
        case PN_MODIFIED:
            return Disposition::modified;
        default:
            return Disposition::unknown;
    }
}

struct FreeMessage {
    void operator()(pn_message_t* message) const { pn_message_free(message); }
};
using Message = std::unique_ptr<pn_message_t, FreeMessage>;

// The body of an encoded message: a data section, or a value that is binary or text. Empty when it
// is something else or no message at all: that is its sender's doing and not the broker's.
std::string body_of(const std::string& encoded) {
    // Proton asserts, in release builds too, that there is something to decode.
    if (encoded.empty()) return {};
    const Message message{pn_message()};
    if (!message || pn_message_decode(message.get(), encoded.data(), encoded.size()) != 0) {
        return {};
    }
    pn_data_t* body = pn_message_body(message.get());
    pn_data_rewind(body);
    if (!pn_data_next(body)) return {};
    pn_bytes_t bytes = pn_bytes(0, nullptr);
    if (pn_data_type(body) == PN_BINARY) bytes = pn_data_get_binary(body);
    if (pn_data_type(body) == PN_STRING) bytes = pn_data_get_string(body);
    return bytes.size == 0 ? std::string() : std::string(bytes.start, bytes.size);
}

std::optional<std::string> encoded(std::string_view body) {
    const Message message{pn_message()};
    if (!message) return std::nullopt;
    const pn_bytes_t bytes = pn_bytes(body.size(), body.data());
    pn_data_put_string(pn_message_id(message.get()), bytes);
    pn_message_set_inferred(message.get(), true);  // a data section, not a value
    pn_data_put_binary(pn_message_body(message.get()), bytes);
    std::string text(body.size() * 2 + 256, '\0');
    std::size_t size = text.size();
    if (pn_message_encode(message.get(), text.data(), &size) != 0) return std::nullopt;
    text.resize(size);
    return text;
}

}  // namespace

struct AmqpEngine::State {
    pn_connection_driver_t driver{};
    pn_session_t* session = nullptr;
    pn_link_t* sender = nullptr;
    pn_link_t* receiver = nullptr;
    std::uint64_t next_delivery = 1;
    std::map<std::uint64_t, pn_delivery_t*> received;  // accepted by us or not, unsettled by us
    std::vector<AmqpEvent> events;
    std::string bytes;
    std::optional<Instant> wake_at;
    bool authenticated = false;
    bool over = false;

    ~State() { pn_connection_driver_destroy(&driver); }

    void end(AmqpEvent::Kind kind, std::string condition, std::string text) {
        if (std::exchange(over, true)) return;
        AmqpEvent event;
        event.kind = kind;
        event.condition = std::move(condition);
        event.text = std::move(text);
        events.push_back(std::move(event));
    }
    void fail(std::string text) { end(AmqpEvent::Kind::failed, {}, std::move(text)); }

    void note(AmqpEvent::Kind kind) {
        AmqpEvent event;
        event.kind = kind;
        events.push_back(std::move(event));
    }

    void begin(const AmqpOptions& options);
    void run_events();
    void handle(pn_event_t* event);
    void on_transport_error();
    void on_link_open(pn_link_t* link);
    void on_link_closed(pn_link_t* link);
    void on_closed(pn_condition_t* condition);
    void on_delivery(pn_delivery_t* delivery);
    void on_sent(pn_delivery_t* delivery);
    void on_received(pn_delivery_t* delivery);
    void on_message(pn_delivery_t* delivery);
    void collect_bytes();
    void run_tick(Instant now);
};

void AmqpEngine::State::begin(const AmqpOptions& options) {
    VC_CHECK(pn_connection_driver_init(&driver, nullptr, nullptr) == 0, "out of memory");
    pn_transport_t* transport = driver.transport;
    // A broken peer would otherwise be able to fill our standard error.
    pn_logger_reset_mask(pn_transport_logger(transport), PN_SUBSYSTEM_ALL, PN_LEVEL_ALL);
    pn_transport_set_max_frame(transport, most_frame_bytes);
    pn_transport_set_channel_max(transport, 0);
    pn_transport_set_idle_timeout(
        transport, static_cast<pn_millis_t>(options.idle_timeout / std::chrono::milliseconds(1)));
    pn_connection_t* connection = driver.connection;
    pn_connection_set_container(connection, options.container_id.c_str());
    pn_connection_set_hostname(connection, options.hostname.c_str());
    pn_sasl_t* sasl = pn_sasl(transport);
    if (options.user.empty()) {
        pn_sasl_allowed_mechs(sasl, "ANONYMOUS");
    } else {
        pn_connection_set_user(connection, options.user.c_str());
        pn_connection_set_password(connection, options.password.c_str());
        pn_sasl_allowed_mechs(sasl, "PLAIN");
        pn_sasl_set_allow_insecure_mechs(sasl, true);
    }
    pn_connection_open(connection);
    session = pn_session(connection);
    pn_session_set_incoming_capacity(session, most_incoming_bytes);
    pn_session_open(session);
}

void AmqpEngine::State::run_events() {
    // Proton tells only servers of a finished SASL exchange by an event; a client has to look.
    // Before the events of what came with it, so that the phases stay in order.
    if (!over && !authenticated && pn_sasl_outcome(pn_sasl(driver.transport)) == PN_SASL_OK) {
        authenticated = true;
        note(AmqpEvent::Kind::authenticated);
    }
    while (pn_event_t* event = pn_connection_driver_next_event(&driver))
        handle(event);
    collect_bytes();
}

void AmqpEngine::State::collect_bytes() {
    for (;;) {
        const pn_bytes_t out = pn_connection_driver_write_buffer(&driver);
        if (out.size == 0) return;
        bytes.append(out.start, out.size);
        pn_connection_driver_write_done(&driver, out.size);
        while (pn_event_t* event = pn_connection_driver_next_event(&driver))
            handle(event);
    }
}

void AmqpEngine::State::handle(pn_event_t* event) {
    if (over) return;
    switch (static_cast<int>(pn_event_type(event))) {
        case PN_CONNECTION_REMOTE_OPEN:
            note(AmqpEvent::Kind::opened);
            break;
        case PN_SESSION_REMOTE_OPEN:
            if (pn_event_session(event) != session) fail("the peer began a session of its own");
            break;
        case PN_LINK_REMOTE_OPEN:
            on_link_open(pn_event_link(event));
            break;
        case PN_LINK_FLOW:
            if (pn_event_link(event) == sender && pn_link_credit(sender) > 0) {
                note(AmqpEvent::Kind::credit);
            }
            break;
        case PN_DELIVERY:
            on_delivery(pn_event_delivery(event));
            break;
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH:
            on_link_closed(pn_event_link(event));
            break;
        case PN_SESSION_REMOTE_CLOSE:
            on_closed(pn_session_remote_condition(pn_event_session(event)));
            break;
        case PN_CONNECTION_REMOTE_CLOSE:
            on_closed(pn_connection_remote_condition(pn_event_connection(event)));
            break;
        case PN_TRANSPORT_ERROR:
            on_transport_error();
            break;
        case PN_TRANSPORT_CLOSED:
            fail("the transport closed");
            break;
        default:
            break;
    }
}

void AmqpEngine::State::on_transport_error() {
    pn_condition_t* condition = pn_transport_condition(driver.transport);
    const pn_sasl_outcome_t outcome = pn_sasl_outcome(pn_sasl(driver.transport));
    const bool refused = outcome == PN_SASL_AUTH || outcome == PN_SASL_PERM;
    end(refused ? AmqpEvent::Kind::refused : AmqpEvent::Kind::failed,
        text_of(pn_condition_get_name(condition)),
        text_of(pn_condition_get_description(condition)));
}

void AmqpEngine::State::on_link_open(pn_link_t* link) {
    if (link != sender && link != receiver) {
        fail("the peer attached a link of its own");
        return;
    }
    // A refused attach comes without a terminus, or with its detach close behind.
    if ((pn_link_state(link) & PN_REMOTE_CLOSED) != 0) return;
    if (link == sender && pn_terminus_get_type(pn_link_remote_target(link)) != PN_UNSPECIFIED) {
        note(AmqpEvent::Kind::sender_attached);
    }
    if (link == receiver && pn_terminus_get_type(pn_link_remote_source(link)) != PN_UNSPECIFIED) {
        note(AmqpEvent::Kind::receiver_attached);
    }
}

void AmqpEngine::State::on_link_closed(pn_link_t* link) {
    if (link != sender && link != receiver) return;
    pn_condition_t* condition = pn_link_remote_condition(link);
    AmqpEvent event;
    event.kind = AmqpEvent::Kind::detached;
    event.sender = link == sender;
    event.condition = text_of(pn_condition_get_name(condition));
    event.text = text_of(pn_condition_get_description(condition));
    events.push_back(std::move(event));
    pn_link_close(link);
}

void AmqpEngine::State::on_closed(pn_condition_t* condition) {
    end(AmqpEvent::Kind::closed, text_of(pn_condition_get_name(condition)),
        text_of(pn_condition_get_description(condition)));
    pn_connection_close(driver.connection);
}

void AmqpEngine::State::on_delivery(pn_delivery_t* delivery) {
    pn_link_t* link = pn_delivery_link(delivery);
    if (link == sender) on_sent(delivery);
    if (link == receiver) on_received(delivery);
}

void AmqpEngine::State::on_sent(pn_delivery_t* delivery) {
    if (!pn_delivery_updated(delivery)) return;
    const std::uint64_t state = pn_delivery_remote_state(delivery);
    // Neither an outcome nor settled: "received", which says nothing final.
    if (disposition_of(state) == Disposition::unknown && !pn_delivery_settled(delivery)) return;
    AmqpEvent event;
    event.kind = AmqpEvent::Kind::settled;
    event.disposition = disposition_of(state);
    const pn_delivery_tag_t tag = pn_delivery_tag(delivery);
    if (tag.size == sizeof event.tag) std::memcpy(&event.tag, tag.start, tag.size);
    if (state == PN_REJECTED) {
        pn_condition_t* condition = pn_disposition_condition(pn_delivery_remote(delivery));
        event.condition = text_of(pn_condition_get_name(condition));
        event.text = text_of(pn_condition_get_description(condition));
    }
    events.push_back(std::move(event));
    pn_delivery_settle(delivery);
}

void AmqpEngine::State::on_received(pn_delivery_t* delivery) {
    if (pn_delivery_pending(delivery) > most_message_bytes) {
        fail("a message of more than 64 KiB");
        return;
    }
    if (pn_delivery_aborted(delivery)) {
        pn_link_advance(receiver);
        pn_delivery_settle(delivery);
        pn_link_flow(receiver, 1);
        return;
    }
    const bool current = pn_link_current(receiver) == delivery;
    if (current && pn_delivery_readable(delivery) && !pn_delivery_partial(delivery)) {
        on_message(delivery);
    }
    if (!pn_delivery_settled(delivery)) return;
    const auto found =
        std::find_if(received.begin(), received.end(),
                     [delivery](const auto& entry) { return entry.second == delivery; });
    if (found == received.end()) return;
    AmqpEvent event;
    event.kind = AmqpEvent::Kind::completed;
    event.delivery = found->first;
    events.push_back(std::move(event));
    received.erase(found);
    pn_delivery_settle(delivery);
}

void AmqpEngine::State::on_message(pn_delivery_t* delivery) {
    std::string raw(pn_delivery_pending(delivery), '\0');
    const ssize_t read = pn_link_recv(receiver, raw.data(), raw.size());
    raw.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
    pn_link_advance(receiver);
    pn_link_flow(receiver, 1);
    if (received.size() >= most_unsettled) {
        fail("the peer leaves more than 256 accepted messages unsettled");
        return;
    }
    AmqpEvent event;
    event.kind = AmqpEvent::Kind::message;
    event.delivery = next_delivery++;
    event.text = body_of(raw);
    received.emplace(event.delivery, delivery);
    events.push_back(std::move(event));
}

void AmqpEngine::State::run_tick(Instant now) {
    const std::int64_t next = pn_transport_tick(driver.transport, milliseconds(now));
    wake_at.reset();
    if (next > 0 && !over) wake_at = Instant{std::chrono::milliseconds(next)};
    run_events();
}

AmqpEngine::AmqpEngine(const AmqpOptions& options, Instant now)
    : state_(std::make_unique<State>()) {
    state_->begin(options);
    state_->run_events();
    state_->run_tick(now);
}

AmqpEngine::~AmqpEngine() = default;

void AmqpEngine::receive(std::string_view bytes, Instant now) {
    State& state = *state_;
    while (!bytes.empty() && !state.over) {
        const pn_rwbytes_t room = pn_connection_driver_read_buffer(&state.driver);
        if (room.size == 0) {
            state.run_events();
            state.fail("bytes after the end");
            return;
        }
        const std::size_t size = std::min(room.size, bytes.size());
        std::memcpy(room.start, bytes.data(), size);
        pn_connection_driver_read_done(&state.driver, size);
        bytes.remove_prefix(size);
        state.run_events();
    }
    if (!state.over) state.run_tick(now);
}

void AmqpEngine::tick(Instant now) {
    if (!state_->over) state_->run_tick(now);
}

std::optional<Instant> AmqpEngine::wake_at() const {
    return state_->over ? std::nullopt : state_->wake_at;
}

void AmqpEngine::attach_sender(std::string_view address) {
    State& state = *state_;
    if (state.over || state.sender != nullptr) return;
    state.sender = pn_sender(state.session, "voltcanary-send");
    pn_terminus_set_address(pn_link_target(state.sender), std::string(address).c_str());
    pn_link_set_snd_settle_mode(state.sender, PN_SND_UNSETTLED);
    pn_link_open(state.sender);
    state.run_events();
}

void AmqpEngine::attach_receiver(std::string_view address, int credit) {
    State& state = *state_;
    if (state.over || state.receiver != nullptr) return;
    state.receiver = pn_receiver(state.session, "voltcanary-receive");
    pn_terminus_set_address(pn_link_source(state.receiver), std::string(address).c_str());
    pn_link_set_snd_settle_mode(state.receiver, PN_SND_UNSETTLED);
    pn_link_set_rcv_settle_mode(state.receiver, PN_RCV_SECOND);
    pn_link_set_max_message_size(state.receiver, most_message_bytes);
    pn_link_open(state.receiver);
    pn_link_flow(state.receiver, credit);
    state.run_events();
}

bool AmqpEngine::may_send() const {
    return !state_->over && state_->sender != nullptr && pn_link_credit(state_->sender) > 0;
}

void AmqpEngine::send(std::uint64_t tag, std::string_view body) {
    State& state = *state_;
    if (!may_send()) return;
    const auto message = encoded(body);
    if (!message) {
        state.fail("a message of ours could not be encoded");
        return;
    }
    pn_delivery(state.sender, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    pn_link_send(state.sender, message->data(), message->size());
    pn_link_advance(state.sender);
    state.run_events();
}

void AmqpEngine::accept(std::uint64_t delivery) {
    State& state = *state_;
    const auto found = state.received.find(delivery);
    if (state.over || found == state.received.end()) return;
    pn_delivery_update(found->second, PN_ACCEPTED);
    // A broker that does not offer the second settlement, or has settled already, is done.
    const bool first = pn_link_remote_rcv_settle_mode(state.receiver) != PN_RCV_SECOND;
    if (first || pn_delivery_settled(found->second)) {
        pn_delivery_settle(found->second);
        state.received.erase(found);
        AmqpEvent event;
        event.kind = AmqpEvent::Kind::completed;
        event.delivery = delivery;
        state.events.push_back(std::move(event));
    }
    state.run_events();
}

void AmqpEngine::close() {
    if (state_->over) return;
    pn_connection_close(state_->driver.connection);
    state_->run_events();
}

std::string AmqpEngine::take_bytes() {
    return std::exchange(state_->bytes, {});
}

std::vector<AmqpEvent> AmqpEngine::take_events() {
    return std::exchange(state_->events, {});
}

}  // namespace vc
