#include "tests/bench/bare_peer.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace vc::bench {
namespace {

constexpr int patience_ms = 10'000;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error("the bare peer: " + what);
}

template <auto free_function>
struct Free {
    void operator()(auto* pointer) const { free_function(pointer); }
};
using Message = std::unique_ptr<pn_message_t, Free<pn_message_free>>;

int dial(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
        fail("no address for " + host);
    }
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int connected = ::connect(socket, found->ai_addr, found->ai_addrlen);
    ::freeaddrinfo(found);
    if (connected != 0) {
        ::close(socket);
        fail("cannot connect to port " + std::to_string(port));
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket;
}

std::string encoded(pn_message_t* message) {
    std::array<char, 2048> room;
    std::size_t size = room.size();
    if (pn_message_encode(message, room.data(), &size) != 0) fail("cannot encode");
    return {room.data(), size};
}

std::string message_of(std::uint64_t number) {
    const Message message{pn_message()};
    const std::string text = "bare-" + std::to_string(number);
    const pn_bytes_t bytes = pn_bytes(text.size(), text.data());
    pn_data_put_string(pn_message_id(message.get()), bytes);
    pn_message_set_inferred(message.get(), true);
    pn_data_put_binary(pn_message_body(message.get()), bytes);
    return encoded(message.get());
}

void put(pn_data_t* map, const char* key, const std::string& value) {
    pn_data_put_string(map, pn_bytes(std::char_traits<char>::length(key), key));
    pn_data_put_string(map, pn_bytes(value.size(), value.data()));
}

std::string put_token_message(const std::string& audience, const std::string& token) {
    const Message message{pn_message()};
    pn_data_put_string(pn_message_id(message.get()), pn_bytes(1, "1"));
    pn_message_set_reply_to(message.get(), "bare-cbs");
    pn_data_t* map = pn_message_properties(message.get());
    pn_data_put_map(map);
    pn_data_enter(map);
    put(map, "operation", "put-token");
    put(map, "type", "servicebus.windows.net:sastoken");
    put(map, "name", audience);
    pn_data_exit(map);
    pn_data_put_string(pn_message_body(message.get()), pn_bytes(token.size(), token.data()));
    return encoded(message.get());
}

// 0 when there is none.
int status_of(const std::string& reply) {
    const Message message{pn_message()};
    if (pn_message_decode(message.get(), reply.data(), reply.size()) != 0) return 0;
    pn_data_t* map = pn_message_properties(message.get());
    pn_data_rewind(map);
    if (!pn_data_next(map) || pn_data_type(map) != PN_MAP) return 0;
    pn_data_enter(map);
    while (pn_data_next(map)) {
        const pn_bytes_t key = pn_data_get_string(map);
        if (!pn_data_next(map)) return 0;
        if (std::string_view(key.start, key.size) == "status-code") return pn_data_get_int(map);
    }
    return 0;
}

}  // namespace

struct BarePeer::State {
    BareTarget target;
    int socket = -1;
    pn_connection_t* connection = pn_connection();
    pn_transport_t* transport = pn_transport();
    pn_ssl_domain_t* trust = nullptr;
    pn_session_t* session = nullptr;
    pn_link_t* sender = nullptr;
    pn_link_t* receiver = nullptr;

    ~State() {
        if (socket >= 0) ::close(socket);
        pn_transport_unbind(transport);
        pn_connection_free(connection);
        pn_transport_free(transport);
        if (trust != nullptr) pn_ssl_domain_free(trust);
    }

    void flush();
    void read();
    pn_link_t* attach(const std::string& name, const std::string& source, const std::string& to);
    void send(pn_link_t* link, const std::string& bytes, std::uint64_t tag);
    void secure();
};

void BarePeer::State::flush() {
    for (ssize_t pending = pn_transport_pending(transport); pending > 0;
         pending = pn_transport_pending(transport)) {
        const ssize_t sent = ::send(socket, pn_transport_head(transport),
                                    static_cast<std::size_t>(pending), MSG_NOSIGNAL);
        if (sent <= 0) fail("the connection broke");
        pn_transport_pop(transport, static_cast<std::size_t>(sent));
    }
}

void BarePeer::State::read() {
    const ssize_t capacity = pn_transport_capacity(transport);
    if (capacity <= 0) fail("the transport ended");
    const ssize_t got =
        ::recv(socket, pn_transport_tail(transport), static_cast<std::size_t>(capacity), 0);
    if (got <= 0) fail("the broker hung up");
    pn_transport_process(transport, static_cast<std::size_t>(got));
}

// Reads and writes on all of them until `met`.
template <class States, class Met>
void until(const States& states, const char* what, const Met& met) {
    std::array<pollfd, 2> waits{};
    for (;;) {
        std::size_t count = 0;
        for (auto* state : states) {
            state->flush();
            waits[count++] = {state->socket, POLLIN, 0};
        }
        if (met()) return;
        const int ready = ::poll(waits.data(), count, patience_ms);
        if (ready <= 0) fail(std::string(what) + ": no answer");
        count = 0;
        for (auto* state : states) {
            if (waits[count++].revents != 0) state->read();
        }
    }
}

void BarePeer::State::secure() {
    trust = pn_ssl_domain(PN_SSL_MODE_CLIENT);
    if (pn_ssl_domain_set_trusted_ca_db(trust, target.ca.c_str()) != 0 ||
        pn_ssl_domain_set_peer_authentication(trust, PN_SSL_VERIFY_PEER_NAME, nullptr) != 0) {
        fail("cannot use " + target.ca);
    }
    pn_ssl_t* ssl = pn_ssl(transport);
    pn_ssl_init(ssl, trust, nullptr);
    pn_ssl_set_peer_hostname(ssl, target.host.c_str());
}

pn_link_t* BarePeer::State::attach(const std::string& name, const std::string& source,
                                   const std::string& to) {
    const bool sends = source.empty();
    pn_link_t* link = sends ? pn_sender(session, name.c_str()) : pn_receiver(session, name.c_str());
    pn_terminus_set_address(pn_link_source(link), sends ? nullptr : source.c_str());
    pn_terminus_set_address(pn_link_target(link), to.c_str());
    pn_link_set_snd_settle_mode(link, PN_SND_UNSETTLED);
    if (!sends) pn_link_set_rcv_settle_mode(link, PN_RCV_SECOND);
    pn_link_open(link);
    if (!sends) pn_link_flow(link, 10);
    return link;
}

void BarePeer::State::send(pn_link_t* link, const std::string& bytes, std::uint64_t tag) {
    pn_delivery(link, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    pn_link_send(link, bytes.data(), bytes.size());
    pn_link_advance(link);
}

BarePeer::BarePeer(const BareTarget& target) : state_(std::make_unique<State>()) {
    state_->target = target;
}

BarePeer::~BarePeer() = default;

void BarePeer::open() {
    State& state = *state_;
    state.socket = dial(state.target.host, state.target.port);
    pn_transport_set_max_frame(state.transport, 65536);
    pn_transport_set_idle_timeout(state.transport, 120'000);
    if (!state.target.ca.empty()) state.secure();
    pn_sasl_allowed_mechs(pn_sasl(state.transport), "ANONYMOUS");
    pn_connection_set_container(state.connection, "bare");
    pn_connection_set_hostname(state.connection, state.target.host.c_str());
    pn_connection_open(state.connection);
    state.session = pn_session(state.connection);
    pn_session_open(state.session);
    pn_transport_bind(state.transport, state.connection);
    until(std::array{&state}, "open", [&] {
        return (pn_connection_state(state.connection) & PN_REMOTE_ACTIVE) != 0 &&
               (pn_session_state(state.session) & PN_REMOTE_ACTIVE) != 0;
    });
}

void BarePeer::put_token() {
    State& state = *state_;
    if (!state.target.token) return;
    const char* scheme = state.target.ca.empty() ? "amqp://" : "amqps://";
    const std::string audience = scheme + state.target.host + "/" + state.target.address;
    pn_link_t* ask = state.attach("bare-cbs-ask", "", "$cbs");
    pn_link_t* answer = state.attach("bare-cbs", "$cbs", "bare-cbs");
    until(std::array{&state}, "attach to $cbs", [&] {
        return (pn_link_state(answer) & PN_REMOTE_ACTIVE) != 0 && pn_link_credit(ask) > 0;
    });
    state.send(ask, put_token_message(audience, state.target.token(audience)), 0);
    pn_delivery_t* reply = nullptr;
    until(std::array{&state}, "put-token", [&] {
        reply = pn_link_current(answer);
        return reply != nullptr && pn_delivery_readable(reply) && !pn_delivery_partial(reply);
    });
    std::string bytes(pn_delivery_pending(reply), '\0');
    pn_link_recv(answer, bytes.data(), bytes.size());
    pn_delivery_update(reply, PN_ACCEPTED);
    pn_delivery_settle(reply);
    const int status = status_of(bytes);
    if (status / 100 != 2) fail("put-token: " + std::to_string(status));
}

void BarePeer::attach_sender() {
    State& state = *state_;
    state.sender = state.attach("bare-send", "", state.target.address);
    until(std::array{&state}, "attach to send", [&] {
        return (pn_link_state(state.sender) & PN_REMOTE_ACTIVE) != 0 &&
               pn_link_credit(state.sender) > 0;
    });
}

void BarePeer::attach_receiver() {
    State& state = *state_;
    state.receiver = state.attach("bare-receive", state.target.address, state.target.address);
    until(std::array{&state}, "attach to receive",
          [&] { return (pn_link_state(state.receiver) & PN_REMOTE_ACTIVE) != 0; });
}

void BarePeer::close() {
    State& state = *state_;
    pn_connection_close(state.connection);
    until(std::array{&state}, "close",
          [&] { return (pn_connection_state(state.connection) & PN_REMOTE_CLOSED) != 0; });
}

BarePing::Times BarePing::once() {
    BarePeer::State& out = *sender_.state_;
    BarePeer::State& in = *receiver_.state_;
    std::vector<BarePeer::State*> both{&out};
    if (&in != &out) both.push_back(&in);
    const std::uint64_t number = ++number_;
    Times times;
    const Instant begin = clock_.now();
    pn_delivery_t* sent =
        pn_delivery(out.sender, pn_dtag(reinterpret_cast<const char*>(&number), sizeof number));
    const std::string bytes = message_of(number);
    pn_link_send(out.sender, bytes.data(), bytes.size());
    pn_link_advance(out.sender);
    pn_delivery_t* got = nullptr;
    bool completed = false;
    Instant arrived{};
    until(both, "a message", [&] {
        if (sent != nullptr && pn_delivery_remote_state(sent) == PN_ACCEPTED) {
            times.settle = clock_.now() - begin;
            pn_delivery_settle(sent);
            sent = nullptr;
        }
        pn_delivery_t* current = got == nullptr ? pn_link_current(in.receiver) : nullptr;
        if (current != nullptr && pn_delivery_readable(current) && !pn_delivery_partial(current)) {
            arrived = clock_.now();
            times.receive = arrived - begin;
            got = current;
            std::string text(pn_delivery_pending(got), '\0');
            pn_link_recv(in.receiver, text.data(), text.size());
            pn_link_advance(in.receiver);
            pn_delivery_update(got, PN_ACCEPTED);
            pn_link_flow(in.receiver, 1);
            in.flush();
        }
        if (got != nullptr && !completed && pn_delivery_settled(got)) {
            times.complete = clock_.now() - arrived;
            pn_delivery_settle(got);
            completed = true;
        }
        return sent == nullptr && completed;
    });
    return times;
}

Duration bare_fresh(const BareTarget& target) {
    const Clock clock;
    const Instant begin = clock.now();
    BarePeer peer(target);
    peer.open();
    peer.put_token();
    peer.attach_sender();
    peer.attach_receiver();
    BarePing(peer, peer).once();
    peer.close();
    return clock.now() - begin;
}

}  // namespace vc::bench
