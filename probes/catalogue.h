// The one list of probe kinds. The daemon reads it, describes by a ProbeSpec what it wants probed,
// and gets a Session, without knowing any protocol.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "probes/amqp/credentials.h"
#include "probes/session.h"
#include "rules/base/error.h"

namespace vc {

// What is to be probed. Which fields matter is said by the kind; the others are ignored.
struct ProbeSpec {
    // HB, TX and SC share one charger; DL, DF, DX and DM one session, and SL, SF, SX and SM
    // another: any of them will do.
    Channel channel = Channel::CT;
    std::string host;
    std::uint16_t port = 0;
    bool tls = false;        // TLS itself is daemon/host's; here only for the Host header
    std::string path = "/";  // of OCPP: without the identity, which is appended after a slash
    std::string identity;    // OCPP and BH: charge point identity
    std::string user;        // OCPP, BH: Basic authentication; AMQP: SASL PLAIN; else none
    std::string password;
    std::string id_tag;         // TX, SC
    bool meter_values = false;  // TX, SC: MeterValues between start and stop
    std::string entity;         // AMQP: the whole address of the queue of the kept connections
    std::string fresh_entity;   // AMQP: and of the fresh ones; no other session may use either
    bool management = false;    // AMQP: the broker has the node ENTITY/$management
    // AMQP: null is anonymous. Shared with the daemon, which keeps it fresh.
    std::shared_ptr<const AmqpCredentials> credentials;
    std::string run;          // differs between any two runs of the daemon; no space, no quotes
    Duration budget{};        // of the slowest attempt; timeouts of the connection derive from it
    Duration ping_every{};    // OCPP: WebSocket ping when positive
    Duration idle_timeout{};  // AMQP: when positive
    std::uint64_t seed = 0;   // of jitter, masks and keys
};

struct ProbeKind {
    Channel channel;
    std::string_view what;  // in a line
    bool fresh;             // a connection for every attempt, else one that is kept
    Duration budget;        // shipped default
    Result<std::unique_ptr<Session>> (*make)(const ProbeSpec& spec);
};

// One for every channel, in the order of all_channels.
std::span<const ProbeKind> probe_kinds();
const ProbeKind& probe_kind(Channel channel);

// Fails, naming the field, when the spec lacks what its kind needs.
Result<std::unique_ptr<Session>> make_probe(const ProbeSpec& spec);

}  // namespace vc
