#include "probes/amqp/engine.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/logger.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "probes/amqp/frames.h"
#include "rules/base/check.h"

namespace vc {
namespace {

constexpr std::uint32_t most_frame_bytes = 64 * 1024;
constexpr std::size_t most_message_bytes = 64 * 1024;
constexpr std::size_t most_incoming_bytes = 512 * 1024;
constexpr std::size_t most_unsettled = 256;
constexpr int reply_credit = 8;

// Proton's clock is in milliseconds, and zero means "none".
std::int64_t milliseconds(Instant at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

void say_nothing(std::intptr_t, pn_log_subsystem_t, pn_log_level_t, const char*) {}

std::string text_of(const char* text) {
    return text == nullptr ? std::string() : text;
}

Disposition disposition_of(std::uint64_t state) {
    if (state == PN_ACCEPTED) return Disposition::accepted;
    if (state == PN_REJECTED) return Disposition::rejected;
    if (state == PN_RELEASED) return Disposition::released;
    return state == PN_MODIFIED ? Disposition::modified : Disposition::unknown;
}

void tell(AmqpEvent& event, pn_condition_t* condition) {
    event.condition = text_of(pn_condition_get_name(condition));
    event.text = text_of(pn_condition_get_description(condition));
}

const char* name_of(SaslMechanism mechanism) {
    if (mechanism == SaslMechanism::plain) return "PLAIN";
    return mechanism == SaslMechanism::external ? "EXTERNAL" : "ANONYMOUS";
}

// RabbitMQ ends the whole session when a receiver asks for the second settlement, and says no less
// openly who it is (seen with 3.10.8: amqp:not-implemented, "rcv-settle-mode second not
// supported").
bool settles_once(pn_connection_t* connection) {
    return has_text(pn_connection_remote_properties(connection), "product", "RabbitMQ");
}

}  // namespace

struct AmqpEngine::State {
    // A link that we began. Gone once the peer detached it.
    struct Link {
        pn_link_t* link = nullptr;
        bool replies = false;
        int credit = 0;  // of a receiver: kept out
    };

    pn_connection_driver_t driver{};
    pn_session_t* session = nullptr;
    std::vector<Link> links;  // by id - 1
    std::uint64_t next_delivery = 1;
    std::map<std::uint64_t, pn_delivery_t*> received;  // accepted by us or not, unsettled by us
    AmqpCodec codec;
    FrameGuard guard{most_frame_bytes};
    std::string raw;
    std::vector<AmqpEvent> events;
    std::string bytes;
    std::optional<Instant> wake_at;
    bool authenticated = false;
    bool over = false;

    ~State() { pn_connection_driver_destroy(&driver); }

    AmqpEvent& note(AmqpEvent::Kind kind) {
        events.emplace_back().kind = kind;
        return events.back();
    }
    void end(AmqpEvent::Kind kind, pn_condition_t* condition) {
        if (!std::exchange(over, true)) tell(note(kind), condition);
    }
    void fail(std::string text) {
        if (!std::exchange(over, true)) note(AmqpEvent::Kind::failed).text = std::move(text);
    }

    pn_link_t* find(AmqpLinkId id) const {
        return id == 0 || id > links.size() || over ? nullptr : links[id - 1].link;
    }
    // 0 when it is none of ours, or gone.
    AmqpLinkId id_of(pn_link_t* link) const;

    void begin(const AmqpOptions& options);
    AmqpLinkId attach_receiver(std::string_view address, const char* reply_to, int credit);
    AmqpLinkId begin_link(pn_link_t* link, bool replies, int credit);
    void send(AmqpLinkId id, std::uint64_t tag, std::string_view encoded);
    void run_events();
    void handle(pn_event_t* event);
    void on_transport_error();
    void on_link_open(pn_link_t* link);
    void on_link_closed(pn_link_t* link);
    void on_closed(pn_condition_t* condition);
    void on_sent(AmqpLinkId id, pn_delivery_t* delivery);
    void on_received(AmqpLinkId id, pn_delivery_t* delivery);
    void on_message(AmqpLinkId id, pn_delivery_t* delivery);
    void on_settled(pn_delivery_t* delivery);
    void keep_credit(const Link& link);
    void collect_bytes();
    void run_tick(Instant now);
};

AmqpLinkId AmqpEngine::State::id_of(pn_link_t* link) const {
    const auto id = reinterpret_cast<std::uintptr_t>(pn_link_get_context(link));
    return id != 0 && links[id - 1].link == link ? static_cast<AmqpLinkId>(id) : 0;
}

void AmqpEngine::State::begin(const AmqpOptions& options) {
    VC_CHECK(pn_connection_driver_init(&driver, nullptr, nullptr) == 0, "out of memory");
    pn_transport_t* transport = driver.transport;
    // A broken peer would otherwise be able to fill our standard error.
    pn_logger_set_log_sink(pn_transport_logger(transport), say_nothing, 0);
    pn_transport_set_max_frame(transport, most_frame_bytes);
    pn_transport_set_channel_max(transport, 0);
    pn_transport_set_idle_timeout(
        transport, static_cast<pn_millis_t>(options.idle_timeout / std::chrono::milliseconds(1)));
    pn_connection_t* connection = driver.connection;
    pn_connection_set_container(connection, options.container_id.c_str());
    pn_connection_set_hostname(connection, options.hostname.c_str());
    pn_sasl_t* sasl = pn_sasl(transport);
    // Left alone, Proton takes EXTERNAL wherever it is offered, with or without a certificate.
    pn_sasl_allowed_mechs(sasl, name_of(options.login.mechanism));
    if (options.login.mechanism == SaslMechanism::plain) {
        pn_connection_set_user(connection, options.login.user.c_str());
        pn_connection_set_password(connection, options.login.password.c_str());
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
        case PN_LINK_FLOW: {
            const AmqpLinkId id = id_of(pn_event_link(event));
            if (id != 0 && pn_link_is_sender(find(id)) && pn_link_credit(find(id)) > 0) {
                note(AmqpEvent::Kind::credit).link = id;
            }
            break;
        }
        case PN_DELIVERY: {
            const AmqpLinkId id = id_of(pn_event_link(event));
            if (id == 0) break;
            const bool sent = pn_link_is_sender(find(id));
            sent ? on_sent(id, pn_event_delivery(event))
                 : on_received(id, pn_event_delivery(event));
            break;
        }
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
    const pn_sasl_outcome_t outcome = pn_sasl_outcome(pn_sasl(driver.transport));
    const bool refused = outcome == PN_SASL_AUTH || outcome == PN_SASL_PERM;
    end(refused ? AmqpEvent::Kind::refused : AmqpEvent::Kind::failed,
        pn_transport_condition(driver.transport));
}

void AmqpEngine::State::on_link_open(pn_link_t* link) {
    const AmqpLinkId id = id_of(link);
    if (id == 0) {
        fail("the peer attached a link of its own");
        return;
    }
    // A refused attach comes without a terminus, or with its detach close behind.
    if ((pn_link_state(link) & PN_REMOTE_CLOSED) != 0) return;
    pn_terminus_t* terminus =
        pn_link_is_sender(link) ? pn_link_remote_target(link) : pn_link_remote_source(link);
    if (pn_terminus_get_type(terminus) != PN_UNSPECIFIED) note(AmqpEvent::Kind::attached).link = id;
}

void AmqpEngine::State::on_link_closed(pn_link_t* link) {
    const AmqpLinkId id = id_of(link);
    if (id == 0) return;
    AmqpEvent& event = note(AmqpEvent::Kind::detached);
    event.link = id;
    tell(event, pn_link_remote_condition(link));
    std::erase_if(received,
                  [link](const auto& entry) { return pn_delivery_link(entry.second) == link; });
    links[id - 1].link = nullptr;
    pn_link_close(link);
    pn_link_free(link);
}

void AmqpEngine::State::on_closed(pn_condition_t* condition) {
    end(AmqpEvent::Kind::closed, condition);
    pn_connection_close(driver.connection);
}

void AmqpEngine::State::on_sent(AmqpLinkId id, pn_delivery_t* delivery) {
    if (!pn_delivery_updated(delivery)) return;
    const std::uint64_t state = pn_delivery_remote_state(delivery);
    // Neither an outcome nor settled: "received", which says nothing final.
    if (disposition_of(state) == Disposition::unknown && !pn_delivery_settled(delivery)) return;
    AmqpEvent& event = note(AmqpEvent::Kind::settled);
    event.link = id;
    event.disposition = disposition_of(state);
    const pn_delivery_tag_t tag = pn_delivery_tag(delivery);
    if (tag.size == sizeof event.tag) std::memcpy(&event.tag, tag.start, tag.size);
    if (state == PN_REJECTED) tell(event, pn_disposition_condition(pn_delivery_remote(delivery)));
    pn_delivery_settle(delivery);
}

void AmqpEngine::State::on_received(AmqpLinkId id, pn_delivery_t* delivery) {
    pn_link_t* link = find(id);
    if (pn_delivery_pending(delivery) > most_message_bytes) {
        fail("a message of more than 64 KiB");
        return;
    }
    if (pn_delivery_aborted(delivery)) {
        pn_link_advance(link);
        pn_delivery_settle(delivery);
        keep_credit(links[id - 1]);
        return;
    }
    const bool current = pn_link_current(link) == delivery;
    if (current && pn_delivery_readable(delivery) && !pn_delivery_partial(delivery)) {
        const bool reply = links[id - 1].replies;
        on_message(id, delivery);
        if (reply || over) return;
    }
    if (pn_delivery_settled(delivery)) on_settled(delivery);
}

void AmqpEngine::State::on_settled(pn_delivery_t* delivery) {
    const auto found =
        std::find_if(received.begin(), received.end(),
                     [delivery](const auto& entry) { return entry.second == delivery; });
    if (found == received.end()) return;
    AmqpEvent& event = note(AmqpEvent::Kind::completed);
    event.delivery = found->first;
    // Settled without a word is as we said.
    const std::uint64_t state = pn_delivery_remote_state(delivery);
    event.disposition = state == 0 ? Disposition::accepted : disposition_of(state);
    if (state == PN_REJECTED) tell(event, pn_disposition_condition(pn_delivery_remote(delivery)));
    received.erase(found);
    pn_delivery_settle(delivery);
}

void AmqpEngine::State::on_message(AmqpLinkId id, pn_delivery_t* delivery) {
    pn_link_t* link = find(id);
    raw.resize(pn_delivery_pending(delivery));
    const ssize_t read = pn_link_recv(link, raw.data(), raw.size());
    raw.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
    pn_link_advance(link);
    keep_credit(links[id - 1]);
    if (links[id - 1].replies) {
        AmqpEvent& event = note(AmqpEvent::Kind::reply);
        event.link = id;
        event.reply = codec.reply_of(raw);
        pn_delivery_update(delivery, PN_ACCEPTED);
        pn_delivery_settle(delivery);
        return;
    }
    if (received.size() >= most_unsettled) {
        fail("the peer leaves more than 256 accepted messages unsettled");
        return;
    }
    AmqpEvent& event = note(AmqpEvent::Kind::message);
    event.link = id;
    event.delivery = next_delivery++;
    event.text = codec.body_of(raw);
    received.emplace(event.delivery, delivery);
}

// Granted again in bulk, which spares a frame with every message.
void AmqpEngine::State::keep_credit(const Link& link) {
    const int out = pn_link_credit(link.link);
    if (out <= link.credit / 2) pn_link_flow(link.link, link.credit - out);
}

void AmqpEngine::State::run_tick(Instant now) {
    const std::int64_t next = pn_transport_tick(driver.transport, milliseconds(now));
    wake_at.reset();
    if (next > 0 && !over) wake_at = Instant{std::chrono::milliseconds(next)};
    run_events();
}

AmqpLinkId AmqpEngine::State::attach_receiver(std::string_view address, const char* reply_to,
                                              int credit) {
    if (over) return 0;
    const std::string name = "voltcanary-receive-" + std::to_string(links.size() + 1);
    pn_link_t* link = pn_receiver(session, reply_to == nullptr ? name.c_str() : reply_to);
    pn_terminus_set_address(pn_link_source(link), std::string(address).c_str());
    if (reply_to != nullptr) pn_terminus_set_address(pn_link_target(link), reply_to);
    pn_link_set_snd_settle_mode(link, reply_to == nullptr ? PN_SND_UNSETTLED : PN_SND_SETTLED);
    const bool once = reply_to != nullptr || settles_once(driver.connection);
    pn_link_set_rcv_settle_mode(link, once ? PN_RCV_FIRST : PN_RCV_SECOND);
    pn_link_set_max_message_size(link, most_message_bytes);
    const AmqpLinkId id = begin_link(link, reply_to != nullptr, credit);
    pn_link_flow(link, credit);
    run_events();
    return id;
}

AmqpLinkId AmqpEngine::State::begin_link(pn_link_t* link, bool replies, int credit) {
    links.push_back({link, replies, credit});
    pn_link_set_context(link, reinterpret_cast<void*>(links.size()));
    pn_link_open(link);
    return static_cast<AmqpLinkId>(links.size());
}

void AmqpEngine::State::send(AmqpLinkId id, std::uint64_t tag, std::string_view encoded) {
    pn_link_t* link = find(id);
    if (encoded.empty()) {
        fail("a message of ours could not be encoded");
        return;
    }
    pn_delivery(link, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    pn_link_send(link, encoded.data(), encoded.size());
    pn_link_advance(link);
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
    const bool sound = state.guard.add(bytes);
    const std::string passed = state.guard.take();
    bytes = passed;
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
    if (!sound) state.fail(state.guard.words());
    if (!state.over) state.run_tick(now);
}

void AmqpEngine::tick(Instant now) {
    if (!state_->over) state_->run_tick(now);
}

std::optional<Instant> AmqpEngine::wake_at() const {
    return state_->over ? std::nullopt : state_->wake_at;
}

AmqpLinkId AmqpEngine::attach_sender(std::string_view address) {
    State& state = *state_;
    if (state.over) return 0;
    const std::string name = "voltcanary-send-" + std::to_string(state.links.size() + 1);
    pn_link_t* link = pn_sender(state.session, name.c_str());
    pn_terminus_set_address(pn_link_target(link), std::string(address).c_str());
    pn_link_set_snd_settle_mode(link, PN_SND_UNSETTLED);
    const AmqpLinkId id = state.begin_link(link, false, 0);
    state.run_events();
    return id;
}

AmqpLinkId AmqpEngine::attach_receiver(std::string_view address, int credit) {
    return state_->attach_receiver(address, nullptr, credit);
}

AmqpLinkId AmqpEngine::attach_replies(std::string_view address, std::string_view reply_to) {
    return state_->attach_receiver(address, std::string(reply_to).c_str(), reply_credit);
}

bool AmqpEngine::may_send(AmqpLinkId link) const {
    pn_link_t* found = state_->find(link);
    return found != nullptr && pn_link_is_sender(found) && pn_link_credit(found) > 0 &&
           pn_link_unsettled(found) < static_cast<int>(most_unsettled);
}

void AmqpEngine::send(AmqpLinkId link, std::uint64_t tag, std::string_view body) {
    if (may_send(link)) state_->send(link, tag, state_->codec.encode(body));
}

void AmqpEngine::send(AmqpLinkId link, const AmqpRequest& request) {
    if (may_send(link)) state_->send(link, request.number, state_->codec.encode(request));
}

void AmqpEngine::accept(std::uint64_t delivery) {
    State& state = *state_;
    const auto found = state.received.find(delivery);
    if (state.over || found == state.received.end()) return;
    pn_delivery_update(found->second, PN_ACCEPTED);
    // A broker that does not offer the second settlement, or has settled already, is done.
    pn_link_t* link = pn_delivery_link(found->second);
    const bool first = pn_link_remote_rcv_settle_mode(link) != PN_RCV_SECOND;
    if (first || pn_delivery_settled(found->second)) {
        pn_delivery_settle(found->second);
        state.received.erase(found);
        AmqpEvent& event = state.note(AmqpEvent::Kind::completed);
        event.delivery = delivery;
        event.disposition = Disposition::accepted;
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
