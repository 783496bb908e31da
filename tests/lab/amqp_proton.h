// What the engine needs to know of Proton beside connections: the server's side of SASL, errors and
// outcomes. Pure translations; nothing is kept.
#pragma once

#include <cstdint>

#include "tests/lab/amqp_engine.h"

struct pn_transport_t;
struct pn_condition_t;
struct pn_data_t;

namespace vc::lab {

// Who comes in: PLAIN by `passes`, EXTERNAL by the certificate that `remote` has, ANONYMOUS and
// MSSBCBS always. What was used is written to `remote`.
struct Logins {
    std::function<bool(const Credentials&)> passes;
    AmqpRemote* remote = nullptr;
    bool decided = false;  // the peer has said who it is, and was answered
};

// Makes a server's transport offer MSSBCBS, PLAIN, ANONYMOUS and EXTERNAL, in the order in which
// Service Bus lists them. `logins` must outlive the transport.
void check_logins(pn_transport_t* transport, Logins& logins);

// Frame size, channels and idle time-out, as Service Bus opens.
void set_limits(pn_transport_t* transport, Duration idle_timeout);

// Makes our end of a link what the peer proposed.
void agree(pn_link_t* link);

// An id as the context of a link or a delivery; none when there is no context.
template <class T>
void* as_context(Id<T> id) {
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(id.value));
}
inline std::uint64_t id_of(void* context) {
    return reinterpret_cast<std::uintptr_t>(context);
}

AmqpError error_of(pn_condition_t* condition);
AmqpOutcome outcome_of(pn_delivery_t* delivery);                    // the peer's
void set_error(pn_condition_t* condition, const AmqpError& error);  // no condition: no change

Settlement settlement_of(std::uint64_t state);
std::uint64_t state_of(Settlement outcome);  // 0 for None

// Maps on the wire, and back. Keys are read as symbols or strings, and written as symbols.
AmqpMap read_map(pn_data_t* data);
void write_map(pn_data_t* data, const AmqpMap& map);  // an empty map is written as nothing

struct SessionFilter {
    SessionWish wish = SessionWish::None;
    std::string id;
    bool described = false;  // the value came in a described type, and goes back so
};
SessionFilter read_session_filter(pn_data_t* data);
void write_session_filter(pn_data_t* data, const SessionFilter& filter);

}  // namespace vc::lab
