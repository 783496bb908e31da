#include "tests/probes/amqp_peer.h"

#include <proton/codec.h>
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
#include <utility>

#include "tests/probes/amqp_nodes.h"

namespace vc {
namespace {

std::string text_of(const char* text) {
    return text == nullptr ? std::string() : text;
}

std::string frame(char type, const std::string& body) {
    const auto size = static_cast<std::uint32_t>(body.size() + 8);
    const std::string head{static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                           static_cast<char>(size >> 8), static_cast<char>(size)};
    return head + std::string{2, type, 0, 0} + body;
}

// A described list of one field.
std::string sasl_frame(char code, const std::string& field) {
    const std::string list =
        std::string("\xc0", 1) + static_cast<char>(field.size() + 1) + "\x01" + field;
    return frame(1, std::string("\x00\x53", 2) + code + list);
}

}  // namespace

std::string sasl_header() {
    return std::string("AMQP\x03\x01\x00\x00", 8);
}
std::string sasl_mechanisms(const std::string& name) {
    return sasl_frame('\x40', std::string("\xa3", 1) + static_cast<char>(name.size()) + name);
}
std::string sasl_outcome(char code) {
    return sasl_frame('\x44', std::string("\x50", 1) + code);
}

void AmqpStore::put_raw(const std::string& queue, std::string encoded) {
    queues[queue].push_back({std::move(encoded), ++sequences, false});
}

void AmqpStore::put(const std::string& queue, std::string_view body) {
    // One data section: described type 0x75, binary of up to 255 bytes.
    std::string encoded("\x00\x53\x75\xa0", 4);
    encoded += static_cast<char>(body.size());
    encoded += body;
    put_raw(queue, std::move(encoded));
}

struct AmqpPeer::State {
    explicit State(AmqpStore& its) : store(its) {}

    struct Link {
        pn_link_t* link = nullptr;
        std::string address;
        bool from_client = false;
        bool up = false;
    };
    struct Out {
        pn_delivery_t* delivery = nullptr;
        std::string queue;
        std::int64_t sequence = 0;
    };

    AmqpStore& store;
    AmqpManners manners;
    bool asked_second = false;
    pn_connection_driver_t driver{};
    std::vector<Link> links;
    std::vector<pn_delivery_t*> held_settlements;
    std::vector<pn_delivery_t*> held_completions;
    std::vector<Out> out_deliveries;
    int next_tag = 1;
    int requests = 0;
    bool dead = false;
    std::string out;
    std::string last_words;

    ~State() { pn_connection_driver_destroy(&driver); }
    bool fails(Phase phase, pn_link_t* link = nullptr);
    void run();
    void handle(pn_event_t* event);
    void say_product();
    void on_attach(pn_link_t* link);
    void on_delivery(pn_delivery_t* delivery);
    void on_message(pn_delivery_t* delivery, Link& link);
    void on_request(const std::string& raw, const Link& request);
    void unlock(pn_link_t* link);
    void settle(pn_delivery_t* delivery);
    void complete(pn_delivery_t* delivery);
    void send(const Link& link);
    Link* find(pn_link_t* link);
};

AmqpPeer::State::Link* AmqpPeer::State::find(pn_link_t* link) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [link](const Link& known) { return known.link == link; });
    return found == links.end() ? nullptr : &*found;
}

// Whether it fails at this step, which it then does.
bool AmqpPeer::State::fails(Phase phase, pn_link_t* link) {
    if (dead) return true;
    if (manners.fault_at != phase) return false;
    pn_connection_t* connection = driver.connection;
    switch (manners.fault) {
        case AmqpFault::silent:
            break;
        case AmqpFault::detach:
            if (link == nullptr) break;
            pn_link_open(link);
            pn_condition_set_name(pn_link_condition(link), "amqp:internal-error");
            pn_link_close(link);
            break;
        case AmqpFault::close:
            pn_connection_open(connection);
            pn_condition_set_name(pn_connection_condition(connection), "amqp:internal-error");
            pn_connection_close(connection);
            break;
        case AmqpFault::end:
            if (pn_session_t* session = pn_session_head(connection, PN_REMOTE_ACTIVE)) {
                pn_connection_open(connection);
                pn_session_open(session);
                pn_condition_set_name(pn_session_condition(session), "amqp:internal-error");
                pn_session_close(session);
            }
            break;
        case AmqpFault::garbage:
            last_words = "HTTP/1.1 400 Bad Request\r\n\r\n";
            break;
        case AmqpFault::oversized:
            last_words =
                std::string("\x00\x02\x00\x00\x02\x00\x00\x00", 8) + std::string(0x20000 - 8, '\0');
            break;
        case AmqpFault::wrong:  // a transfer on a handle that nobody has attached
            last_words =
                frame(0, std::string("\x00\x53\x14\xc0\x08\x04\x52\x4d\x43\xa0\x01x\x43", 13));
            break;
        case AmqpFault::own_link:
            if (pn_session_t* session = pn_session_head(connection, PN_REMOTE_ACTIVE)) {
                pn_connection_open(connection);
                pn_session_open(session);
                pn_link_open(pn_sender(session, "mine"));
            }
            break;
    }
    dead = true;
    return true;
}

void AmqpPeer::State::run() {
    for (;;) {
        while (pn_event_t* event = pn_connection_driver_next_event(&driver))
            handle(event);
        for (const Link& link : links)
            send(link);
        const pn_bytes_t bytes = pn_connection_driver_write_buffer(&driver);
        if (bytes.size == 0) break;
        out.append(bytes.start, bytes.size);
        pn_connection_driver_write_done(&driver, bytes.size);
    }
    out += std::exchange(last_words, {});
}

void AmqpPeer::State::handle(pn_event_t* event) {
    switch (static_cast<int>(pn_event_type(event))) {
        case PN_CONNECTION_REMOTE_OPEN:
            if (fails(Phase::open)) break;
            pn_connection_set_container(driver.connection, "peer");
            say_product();
            pn_connection_open(driver.connection);
            break;
        case PN_SESSION_REMOTE_OPEN:
            // Those that fail at the open need its session for how they do it.
            if (dead && manners.fault_at == Phase::open) {
                dead = false;
                fails(Phase::open);
            }
            if (!dead) pn_session_open(pn_event_session(event));
            break;
        case PN_LINK_REMOTE_OPEN:
            if (!dead) on_attach(pn_event_link(event));
            break;
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH:
            if (Link* link = find(pn_event_link(event))) link->up = false;
            break;
        case PN_DELIVERY:
            if (!dead) on_delivery(pn_event_delivery(event));
            break;
        case PN_CONNECTION_REMOTE_CLOSE:
            if (manners.close && !fails(Phase::close)) pn_connection_close(driver.connection);
            break;
        default:
            break;
    }
}

void AmqpPeer::State::say_product() {
    if (manners.product.empty()) return;
    pn_data_t* properties = pn_connection_properties(driver.connection);
    pn_data_put_map(properties);
    pn_data_enter(properties);
    pn_data_put_symbol(properties, pn_bytes(7, "product"));
    pn_data_put_string(properties, pn_bytes(manners.product.size(), manners.product.data()));
    pn_data_exit(properties);
}

void AmqpPeer::State::on_attach(pn_link_t* link) {
    const bool from = pn_link_is_receiver(link);
    const std::string address = text_of(
        pn_terminus_get_address(from ? pn_link_remote_target(link) : pn_link_remote_source(link)));
    links.push_back({link, address, from, false});
    if (!from) asked_second = pn_link_remote_rcv_settle_mode(link) == PN_RCV_SECOND;
    if (address == "$cbs") {
        if (fails(Phase::cbs_attach, link)) return;
    } else {
        if (fails(from ? Phase::attach_send : Phase::attach_recv, link)) return;
        if (!(from ? manners.attach_sender : manners.attach_receiver)) return;
        const std::string& refusal = from ? manners.refuse_sender : manners.refuse_receiver;
        if (!refusal.empty() && address.find(manners.refuse_node) != std::string::npos) {
            pn_link_open(link);
            pn_condition_format(pn_link_condition(link), refusal.c_str(), "%s", "not this one");
            pn_link_close(link);
            return;
        }
    }
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_set_rcv_settle_mode(
        link, manners.second ? pn_link_remote_rcv_settle_mode(link) : PN_RCV_FIRST);
    pn_link_open(link);
    links.back().up = true;
    if (!from || !manners.credit) return;
    if (address != "$cbs" && fails(Phase::credit, link)) return;
    pn_link_flow(link, manners.grant);
}

void AmqpPeer::State::on_delivery(pn_delivery_t* delivery) {
    Link* link = find(pn_delivery_link(delivery));
    if (link == nullptr) return;
    if (link->from_client) {
        if (pn_delivery_readable(delivery) && !pn_delivery_partial(delivery)) {
            on_message(delivery, *link);
        }
        return;
    }
    if (link->address == "$cbs" || link->address.ends_with("/$management")) return;
    if (fails(Phase::complete_settle, link->link)) return;
    if (pn_delivery_remote_state(delivery) == PN_ACCEPTED) ++store.completed;
    if (!manners.complete) {
        held_completions.push_back(delivery);
        return;
    }
    complete(delivery);
}

void AmqpPeer::State::complete(pn_delivery_t* delivery) {
    const auto found = std::find_if(out_deliveries.begin(), out_deliveries.end(),
                                    [&](const Out& sent) { return sent.delivery == delivery; });
    if (found != out_deliveries.end()) {
        std::erase_if(store.queues[found->queue], [&](const AmqpStore::Stored& stored) {
            return stored.sequence == found->sequence;
        });
        out_deliveries.erase(found);
    }
    if (!manners.refuse_completion.empty()) {
        pn_condition_t* condition = pn_disposition_condition(pn_delivery_local(delivery));
        pn_condition_format(condition, manners.refuse_completion.c_str(), "%s", "too late");
        pn_delivery_update(delivery, PN_REJECTED);
    }
    pn_delivery_settle(delivery);
}

// What it delivered over a link that is gone may be delivered again.
void AmqpPeer::State::unlock(pn_link_t* link) {
    std::erase_if(out_deliveries, [&](const Out& sent) {
        if (link != nullptr && pn_delivery_link(sent.delivery) != link) return false;
        for (AmqpStore::Stored& stored : store.queues[sent.queue]) {
            if (stored.sequence == sent.sequence) stored.locked = false;
        }
        return true;
    });
}

void AmqpPeer::State::on_message(pn_delivery_t* delivery, Link& link) {
    std::string raw(pn_delivery_pending(delivery), '\0');
    pn_link_recv(link.link, raw.data(), raw.size());
    pn_link_advance(link.link);
    const bool request = link.address == "$cbs" || link.address.ends_with("/$management");
    if (request) {
        if (fails(link.address == "$cbs" ? Phase::cbs_put_token : Phase::send_settle, link.link)) {
            return;
        }
        pn_delivery_update(delivery, PN_ACCEPTED);
        pn_delivery_settle(delivery);
        if (link.address != "$cbs" && fails(Phase::send_receive, link.link)) return;
        on_request(raw, link);
        return;
    }
    if (fails(Phase::send_settle, link.link)) return;
    if (manners.settle) {
        settle(delivery);
    } else {
        held_settlements.push_back(delivery);
    }
    if (!manners.reject.empty() || manners.release || manners.lose) return;
    store.put_raw(link.address, raw);
    if (manners.twice) store.put_raw(link.address, raw);
}

void AmqpPeer::State::on_request(const std::string& raw, const Link& request) {
    if (request.address != "$cbs") ++requests;
    if (request.address == "$cbs" && !manners.answer_tokens) return;
    const NodeAnswer answer = answer_of_node(request.address, raw, manners, store);
    for (const Link& link : links) {
        const bool its =
            !link.from_client && link.address == request.address && link.up &&
            text_of(pn_terminus_get_address(pn_link_remote_target(link.link))) == answer.to;
        if (!its) continue;
        const int tag = next_tag++;
        pn_delivery_t* delivery =
            pn_delivery(link.link, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
        pn_link_send(link.link, answer.encoded.data(), answer.encoded.size());
        pn_delivery_settle(delivery);
        return;
    }
}

void AmqpPeer::State::settle(pn_delivery_t* delivery) {
    if (!manners.reject.empty()) {
        pn_condition_t* condition = pn_disposition_condition(pn_delivery_local(delivery));
        pn_condition_format(condition, manners.reject.c_str(), "%s", "no room");
        pn_delivery_update(delivery, PN_REJECTED);
    } else {
        pn_delivery_update(delivery, manners.release ? PN_RELEASED : PN_ACCEPTED);
    }
    pn_delivery_settle(delivery);
}

void AmqpPeer::State::send(const Link& link) {
    if (dead || !link.up || link.from_client || !manners.deliver) return;
    const auto queue = store.queues.find(link.address);
    if (queue == store.queues.end()) return;
    for (AmqpStore::Stored& stored : queue->second) {
        if (stored.locked || pn_link_credit(link.link) <= 0) continue;
        if (fails(Phase::send_receive, link.link)) return;
        stored.locked = true;
        const int tag = next_tag++;
        pn_delivery_t* delivery =
            pn_delivery(link.link, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
        out_deliveries.push_back({delivery, link.address, stored.sequence});
        pn_link_send(link.link, stored.encoded.data(), stored.encoded.size());
        pn_link_advance(link.link);
    }
}

AmqpPeer::AmqpPeer(AmqpManners manners, AmqpStore& store) : state_(std::make_unique<State>(store)) {
    State& state = *state_;
    state.manners = std::move(manners);
    pn_connection_driver_init(&state.driver, nullptr, nullptr);
    pn_logger_reset_mask(pn_transport_logger(state.driver.transport), PN_SUBSYSTEM_ALL,
                         PN_LEVEL_ALL);
    pn_transport_set_server(state.driver.transport);
    pn_sasl_allowed_mechs(pn_sasl(state.driver.transport), "ANONYMOUS");
    if (!state.fails(Phase::sasl)) state.run();
    state.out += std::exchange(state.last_words, {});
}

AmqpPeer::~AmqpPeer() {
    state_->unlock(nullptr);
}

void AmqpPeer::receive(std::string_view bytes) {
    State& state = *state_;
    if (state.dead && state.manners.fault_at == Phase::sasl) return;
    while (!bytes.empty()) {
        const pn_rwbytes_t room = pn_connection_driver_read_buffer(&state.driver);
        if (room.size == 0) return;
        const std::size_t size = std::min(room.size, bytes.size());
        std::memcpy(room.start, bytes.data(), size);
        pn_connection_driver_read_done(&state.driver, size);
        bytes.remove_prefix(size);
        state.run();
    }
}

std::string AmqpPeer::take_bytes() {
    if (!state_->dead || state_->manners.fault_at != Phase::sasl) state_->run();
    return std::exchange(state_->out, {});
}

AmqpManners& AmqpPeer::manners() {
    return state_->manners;
}

void AmqpPeer::settle_held() {
    for (pn_delivery_t* delivery : std::exchange(state_->held_settlements, {})) {
        state_->settle(delivery);
    }
}

void AmqpPeer::complete_held() {
    for (pn_delivery_t* delivery : std::exchange(state_->held_completions, {})) {
        state_->complete(delivery);
    }
}

void AmqpPeer::detach(bool clients_sender, const std::string& condition, const std::string& text) {
    for (State::Link& link : state_->links) {
        if (link.from_client != clients_sender || !link.up || link.address.starts_with('$')) {
            continue;
        }
        if (!condition.empty()) {
            pn_condition_format(pn_link_condition(link.link), condition.c_str(), "%s",
                                text.c_str());
        }
        state_->unlock(link.link);
        pn_link_close(link.link);
        link.up = false;
        return;
    }
}

void AmqpPeer::detach_address(const std::string& address, const std::string& condition) {
    for (State::Link& link : state_->links) {
        if (link.address != address || !link.up) continue;
        if (!condition.empty())
            pn_condition_set_name(pn_link_condition(link.link), condition.c_str());
        pn_link_close(link.link);
        link.up = false;
    }
}

void AmqpPeer::close(const std::string& condition) {
    if (!condition.empty()) {
        pn_condition_format(pn_connection_condition(state_->driver.connection), condition.c_str(),
                            "%s", "closing");
    }
    pn_connection_close(state_->driver.connection);
}

std::vector<std::string> AmqpPeer::senders() const {
    std::vector<std::string> addresses;
    for (const State::Link& link : state_->links) {
        if (link.from_client && link.up) addresses.push_back(link.address);
    }
    return addresses;
}

std::vector<std::string> AmqpPeer::receivers() const {
    std::vector<std::string> addresses;
    for (const State::Link& link : state_->links) {
        if (!link.from_client && link.up) addresses.push_back(link.address);
    }
    return addresses;
}

std::string AmqpPeer::container() const {
    return text_of(pn_connection_remote_container(state_->driver.connection));
}
std::string AmqpPeer::hostname() const {
    return text_of(pn_connection_remote_hostname(state_->driver.connection));
}
bool AmqpPeer::asked_second() const {
    return state_->asked_second;
}

int AmqpPeer::requests() const {
    return state_->requests;
}

}  // namespace vc
