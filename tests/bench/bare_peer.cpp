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

bool has_message(pn_link_t* link) {
    pn_delivery_t* current = pn_link_current(link);
    return current != nullptr && pn_delivery_readable(current) && !pn_delivery_partial(current);
}

std::string message_in(pn_link_t* link) {
    std::string bytes(pn_delivery_pending(pn_link_current(link)), '\0');
    pn_link_recv(link, bytes.data(), bytes.size());
    return bytes;
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

struct BareTrust::State {
    pn_ssl_domain_t* domain = pn_ssl_domain(PN_SSL_MODE_CLIENT);
    ~State() { pn_ssl_domain_free(domain); }
};

BareTrust::BareTrust(const std::string& ca) : state_(std::make_unique<State>()) {
    pn_ssl_domain_t* domain = state_->domain;
    if (pn_ssl_domain_set_trusted_ca_db(domain, ca.c_str()) != 0 ||
        pn_ssl_domain_set_peer_authentication(domain, PN_SSL_VERIFY_PEER_NAME, nullptr) != 0) {
        fail("cannot use " + ca);
    }
}

BareTrust::~BareTrust() = default;

struct BarePeer::State {
    BareTarget target;
    int socket = -1;
    pn_connection_t* connection = pn_connection();
    pn_transport_t* transport = pn_transport();
    pn_session_t* session = nullptr;
    pn_link_t* sender = nullptr;
    pn_link_t* receiver = nullptr;
    pn_link_t* ask = nullptr;  // of $cbs
    pn_link_t* answer = nullptr;

    ~State() {
        if (socket >= 0) ::close(socket);
        pn_transport_unbind(transport);
        pn_connection_free(connection);
        pn_transport_free(transport);
    }

    void flush();
    void read();
    pn_link_t* attach(const std::string& name, const std::string& source, const std::string& to);
    pn_delivery_t* send(pn_link_t* link, const std::string& bytes, std::uint64_t tag);
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

// Reads and writes on both until `met` holds for both.
template <class State, class Met>
void until(const std::array<State*, 2>& states, const char* what, const Met& met) {
    std::array<pollfd, 2> waits{};
    for (;;) {
        std::size_t count = 0;
        bool all = true;
        for (auto* state : states) {
            state->flush();
            const bool done = met(*state);
            waits[count++] = {done ? -1 : state->socket, POLLIN, 0};  // -1 is not waited for
            all = all && done;
        }
        if (all) return;
        const int ready = ::poll(waits.data(), count, patience_ms);
        if (ready <= 0) fail(std::string(what) + ": no answer");
        count = 0;
        for (auto* state : states) {
            if (waits[count++].revents != 0) state->read();
        }
    }
}

void BarePeer::State::secure() {
    pn_ssl_t* ssl = pn_ssl(transport);
    pn_ssl_init(ssl, target.trust->state_->domain, nullptr);
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

pn_delivery_t* BarePeer::State::send(pn_link_t* link, const std::string& bytes, std::uint64_t tag) {
    pn_delivery_t* delivery =
        pn_delivery(link, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    pn_link_send(link, bytes.data(), bytes.size());
    pn_link_advance(link);
    return delivery;
}

BarePeer::BarePeer(const BareTarget& target) : state_(std::make_unique<State>()) {
    state_->target = target;
}

BarePeer::~BarePeer() = default;

void BarePair::open() {
    const std::array states{sender_.state_.get(), receiver_.state_.get()};
    for (auto* state : states) {
        state->socket = dial(state->target.host, state->target.port);
        pn_transport_set_max_frame(state->transport, 65536);
        pn_transport_set_idle_timeout(state->transport, 120'000);
        if (state->target.trust) state->secure();
        pn_sasl_allowed_mechs(pn_sasl(state->transport), "ANONYMOUS");
        pn_connection_set_container(state->connection, "bare");
        pn_connection_set_hostname(state->connection, state->target.host.c_str());
        pn_connection_open(state->connection);
        state->session = pn_session(state->connection);
        pn_session_open(state->session);
        pn_transport_bind(state->transport, state->connection);
    }
    until(states, "open", [](const auto& state) {
        return (pn_connection_state(state.connection) & PN_REMOTE_ACTIVE) != 0 &&
               (pn_session_state(state.session) & PN_REMOTE_ACTIVE) != 0;
    });
}

void BarePair::put_token() {
    const std::array states{sender_.state_.get(), receiver_.state_.get()};
    if (!states[0]->target.token) return;
    for (auto* state : states) {
        state->ask = state->attach("bare-cbs-ask", "", "$cbs");
        state->answer = state->attach("bare-cbs", "$cbs", "bare-cbs");
    }
    until(states, "attach to $cbs", [](const auto& state) {
        return (pn_link_state(state.answer) & PN_REMOTE_ACTIVE) != 0 &&
               pn_link_credit(state.ask) > 0;
    });
    for (auto* state : states) {
        const char* scheme = state->target.trust ? "amqps://" : "amqp://";
        const std::string audience = scheme + state->target.host + "/" + state->target.address;
        state->send(state->ask, put_token_message(audience, state->target.token(audience)), 0);
    }
    until(states, "put-token", [](const auto& state) { return has_message(state.answer); });
    for (auto* state : states) {
        pn_delivery_t* reply = pn_link_current(state->answer);
        const int status = status_of(message_in(state->answer));
        pn_delivery_update(reply, PN_ACCEPTED);
        pn_delivery_settle(reply);
        if (status / 100 != 2) fail("put-token: " + std::to_string(status));
    }
}

void BarePair::attach() {
    BarePeer::State& out = *sender_.state_;
    BarePeer::State& in = *receiver_.state_;
    const std::string& address = out.target.address;
    out.sender = out.attach("bare-send", "", address);
    in.receiver = in.attach("bare-receive", address, address);
    until(std::array{&out, &in}, "attach", [](const auto& state) {
        if (state.receiver != nullptr) {
            return (pn_link_state(state.receiver) & PN_REMOTE_ACTIVE) != 0;
        }
        return (pn_link_state(state.sender) & PN_REMOTE_ACTIVE) != 0 &&
               pn_link_credit(state.sender) > 0;
    });
}

void BarePair::close() {
    const std::array states{sender_.state_.get(), receiver_.state_.get()};
    for (auto* state : states)
        pn_connection_close(state->connection);
    until(states, "close", [](const auto& state) {
        return (pn_connection_state(state.connection) & PN_REMOTE_CLOSED) != 0;
    });
}

BarePair::Times BarePair::once() {
    BarePeer::State& out = *sender_.state_;
    BarePeer::State& in = *receiver_.state_;
    const std::uint64_t number = ++number_;
    Times times;
    const Instant begin = clock_.now();
    pn_delivery_t* sent = out.send(out.sender, message_of(number), number);
    pn_delivery_t* got = nullptr;
    bool completed = false;
    Instant arrived{};
    const auto step = [&](const auto&) {
        if (sent != nullptr && pn_delivery_remote_state(sent) == PN_ACCEPTED) {
            times.settle = clock_.now() - begin;
            pn_delivery_settle(sent);
            sent = nullptr;
        }
        if (got == nullptr && has_message(in.receiver)) {
            arrived = clock_.now();
            times.receive = arrived - begin;
            got = pn_link_current(in.receiver);
            message_in(in.receiver);
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
    };
    until(std::array{&out, &in}, "a message", step);
    return times;
}

Duration bare_fresh(const BareTarget& target) {
    const Clock clock;
    const Instant begin = clock.now();
    BarePair pair(target);
    pair.open();
    pair.put_token();
    pair.attach();
    pair.once();
    pair.close();
    return clock.now() - begin;
}

}  // namespace vc::bench
