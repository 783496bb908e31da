#include "tests/probes/amqp_peer.h"

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
#include <deque>
#include <utility>

namespace vc {

struct AmqpPeer::State {
    AmqpManners manners;
    pn_connection_driver_t driver{};
    pn_link_t* from_client = nullptr;
    pn_link_t* to_client = nullptr;
    std::deque<std::string> queue;
    std::deque<std::string> held_messages;
    std::vector<pn_delivery_t*> held_settlements;
    std::vector<pn_delivery_t*> held_completions;
    int next_tag = 1;
    int completed = 0;
    std::string out;

    ~State() { pn_connection_driver_destroy(&driver); }
    void run();
    void handle(pn_event_t* event);
    void on_attach(pn_link_t* link);
    void on_delivery(pn_delivery_t* delivery);
    void on_message(pn_delivery_t* delivery);
    void settle(pn_delivery_t* delivery);
    void send();
};

void AmqpPeer::State::run() {
    for (;;) {
        while (pn_event_t* event = pn_connection_driver_next_event(&driver))
            handle(event);
        send();
        const pn_bytes_t bytes = pn_connection_driver_write_buffer(&driver);
        if (bytes.size == 0) return;
        out.append(bytes.start, bytes.size);
        pn_connection_driver_write_done(&driver, bytes.size);
    }
}

void AmqpPeer::State::handle(pn_event_t* event) {
    switch (static_cast<int>(pn_event_type(event))) {
        case PN_CONNECTION_REMOTE_OPEN:
            if (!manners.open) break;
            pn_connection_set_container(driver.connection, "peer");
            pn_connection_open(driver.connection);
            break;
        case PN_SESSION_REMOTE_OPEN:
            if (!manners.open) break;
            pn_session_open(pn_event_session(event));
            if (manners.own_link) pn_link_open(pn_sender(pn_event_session(event), "mine"));
            break;
        case PN_LINK_REMOTE_OPEN:
            on_attach(pn_event_link(event));
            break;
        case PN_DELIVERY:
            on_delivery(pn_event_delivery(event));
            break;
        case PN_CONNECTION_REMOTE_CLOSE:
            if (manners.close) pn_connection_close(driver.connection);
            break;
        default:
            break;
    }
}

void AmqpPeer::State::on_attach(pn_link_t* link) {
    const bool from = pn_link_is_receiver(link);
    (from ? from_client : to_client) = link;
    if (!(from ? manners.attach_sender : manners.attach_receiver)) return;
    const std::string& refusal = from ? manners.refuse_sender : manners.refuse_receiver;
    if (!refusal.empty()) {
        pn_link_open(link);
        pn_condition_format(pn_link_condition(link), refusal.c_str(), "%s", "not this one");
        pn_link_close(link);
        return;
    }
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_set_rcv_settle_mode(
        link, manners.second ? pn_link_remote_rcv_settle_mode(link) : PN_RCV_FIRST);
    pn_link_open(link);
    if (from && manners.credit) pn_link_flow(link, 100);
}

void AmqpPeer::State::on_delivery(pn_delivery_t* delivery) {
    if (pn_delivery_link(delivery) == from_client) {
        if (pn_delivery_readable(delivery) && !pn_delivery_partial(delivery)) on_message(delivery);
        return;
    }
    if (pn_delivery_remote_state(delivery) == PN_ACCEPTED) ++completed;
    if (!manners.complete) {
        held_completions.push_back(delivery);
        return;
    }
    pn_delivery_settle(delivery);
}

void AmqpPeer::State::on_message(pn_delivery_t* delivery) {
    std::string raw(pn_delivery_pending(delivery), '\0');
    pn_link_recv(from_client, raw.data(), raw.size());
    pn_link_advance(from_client);
    if (manners.settle) {
        settle(delivery);
    } else {
        held_settlements.push_back(delivery);
    }
    if (!manners.reject.empty() || manners.release) return;
    (manners.deliver ? queue : held_messages).push_back(raw);
    if (manners.deliver && manners.twice) queue.push_back(raw);
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

void AmqpPeer::State::send() {
    while (to_client != nullptr && !queue.empty() && pn_link_credit(to_client) > 0 &&
           (pn_link_state(to_client) & PN_LOCAL_ACTIVE) != 0) {
        const int tag = next_tag++;
        pn_delivery(to_client, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
        pn_link_send(to_client, queue.front().data(), queue.front().size());
        pn_link_advance(to_client);
        queue.pop_front();
    }
}

AmqpPeer::AmqpPeer(AmqpManners manners) : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.manners = std::move(manners);
    pn_connection_driver_init(&state.driver, nullptr, nullptr);
    pn_logger_reset_mask(pn_transport_logger(state.driver.transport), PN_SUBSYSTEM_ALL,
                         PN_LEVEL_ALL);
    pn_transport_set_server(state.driver.transport);
    pn_sasl_allowed_mechs(pn_sasl(state.driver.transport), "ANONYMOUS");
    state.run();
}

AmqpPeer::~AmqpPeer() = default;

void AmqpPeer::receive(std::string_view bytes) {
    State& state = *state_;
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
    state_->run();
    return std::exchange(state_->out, {});
}

void AmqpPeer::put(std::string_view body) {
    // One data section: described type 0x75, binary of up to 255 bytes.
    std::string encoded("\x00\x53\x75\xa0", 4);
    encoded += static_cast<char>(body.size());
    encoded += body;
    put_raw(std::move(encoded));
}

void AmqpPeer::put_raw(std::string encoded) {
    state_->queue.push_back(std::move(encoded));
}

void AmqpPeer::settle_held() {
    for (pn_delivery_t* delivery : std::exchange(state_->held_settlements, {})) {
        state_->settle(delivery);
    }
}

void AmqpPeer::deliver_held() {
    state_->queue.push_back(std::move(state_->held_messages.front()));
    state_->held_messages.pop_front();
}

void AmqpPeer::complete_held() {
    for (pn_delivery_t* delivery : std::exchange(state_->held_completions, {})) {
        pn_delivery_settle(delivery);
    }
}

void AmqpPeer::detach(bool clients_sender, const std::string& condition) {
    pn_link_t* link = clients_sender ? state_->from_client : state_->to_client;
    if (!condition.empty()) {
        pn_condition_format(pn_link_condition(link), condition.c_str(), "%s", "go away");
    }
    pn_link_close(link);
}

void AmqpPeer::close(const std::string& condition) {
    if (!condition.empty()) {
        pn_condition_format(pn_connection_condition(state_->driver.connection), condition.c_str(),
                            "%s", "closing");
    }
    pn_connection_close(state_->driver.connection);
}

std::string AmqpPeer::sender_address() const {
    return pn_terminus_get_address(pn_link_remote_target(state_->from_client));
}
std::string AmqpPeer::receiver_address() const {
    return pn_terminus_get_address(pn_link_remote_source(state_->to_client));
}
std::string AmqpPeer::container() const {
    return pn_connection_remote_container(state_->driver.connection);
}
std::string AmqpPeer::hostname() const {
    return pn_connection_remote_hostname(state_->driver.connection);
}
int AmqpPeer::completed() const {
    return state_->completed;
}

}  // namespace vc
