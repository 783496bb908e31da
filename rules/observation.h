// What the probes saw: one attempt, seen to its end. Immutable once made, and cited by id in every
// decision that rests on it. The lists here are closed and are the same in types, metrics, logs and
// the journal.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/base/ids.h"
#include "rules/base/time.h"

namespace vc {

// What is probed. The two letters are the names in metrics, journal and rule files.
enum class Channel : std::uint8_t {
    CT,  // control target, sharing nothing with the platform: tells "they" from "we"
    BH,  // bridge only: TCP, TLS, WebSocket upgrade, ping
    HB,  // OCPP Heartbeat, the full loop over the active broker
    TX,  // start and stop of a transaction, the full loop twice
    DL,  // direct send to receive on the primary, long-lived connection
    DF,  // the same over a fresh connection
    SL,  // as DL, on the standby
    SF,  // as DF, on the standby
    SC,  // heartbeat and start/stop through the bridge, the standby and the real consumers
    DX,  // cross on the primary: sent on the long-lived connection and received on a fresh one, or
         // the reverse; tells a person which half is sick
    SX,  // as DX, on the standby
    DM,  // management peek on the primary: request and response, and what waits in the queue
    SM,  // as DM, on the standby
};
inline constexpr std::array all_channels{
    Channel::CT, Channel::BH, Channel::HB, Channel::TX, Channel::DL, Channel::DF, Channel::SL,
    Channel::SF, Channel::SC, Channel::DX, Channel::SX, Channel::DM, Channel::SM};

// What the diagnosis weighs. The others are measured, recorded and shown beside it.
inline constexpr std::array evidence_channels{Channel::CT, Channel::BH, Channel::HB,
                                              Channel::TX, Channel::DL, Channel::DF,
                                              Channel::SL, Channel::SF, Channel::SC};
bool is_evidence(Channel channel);
// Sent to a broker itself, with credentials and certificates of our own.
bool is_direct(Channel channel);

enum class Outcome : std::uint8_t {
    ok,             // answered right, within budget
    late,           // answered right, after its budget
    timeout,        // no answer by three budgets
    refused,        // connection refused
    reset,          // dropped or closed by the peer mid-way
    dns,            // name not resolved
    tls,            // handshake or certificate failed
    auth,           // credentials refused, or no token to be had
    busy,           // the peer answered that it is busy
    lost,           // acknowledged and never delivered
    duplicate,      // delivered twice
    protocol,       // the peer broke the protocol
    wrong_answer,   // the peer answered something else
    misconfigured,  // entity missing, quota, unknown charger, token not accepted
    abandoned,      // we gave it up ourselves: stop, reload, own lag
};
inline constexpr std::array all_outcomes{
    Outcome::ok,           Outcome::late,          Outcome::timeout,   Outcome::refused,
    Outcome::reset,        Outcome::dns,           Outcome::tls,       Outcome::auth,
    Outcome::busy,         Outcome::lost,          Outcome::duplicate, Outcome::protocol,
    Outcome::wrong_answer, Outcome::misconfigured, Outcome::abandoned};

// Where an attempt was when it failed: OCPP's phases up to `call`, then AMQP's (dns, tcp and tls
// belong to both).
enum class Phase : std::uint8_t {
    none,
    dns,
    tcp,
    tls,
    upgrade,
    boot,
    call,
    sasl,
    open,
    cbs_attach,
    cbs_put_token,
    attach_send,
    credit,
    attach_recv,
    send_settle,
    send_receive,
    complete_settle,
    close,
};

// Which half of a send-to-receive attempt failed, where that is known.
enum class Direction : std::uint8_t { none, send, recv };

std::string_view to_text(Channel channel);
std::string_view to_text(Outcome outcome);
std::string_view to_text(Phase phase);
std::string_view to_text(Direction direction);
std::optional<Channel> channel_from(std::string_view text);
std::optional<Outcome> outcome_from(std::string_view text);
std::optional<Phase> phase_from(std::string_view text);
std::optional<Direction> direction_from(std::string_view text);

// How an outcome counts when the platform is judged.
enum class Vote : std::uint8_t {
    good,
    bad,
    none,  // says nothing about the platform: our own doing, our configuration, or a duplicate
};
Vote vote_of(Outcome outcome);

struct PhaseTime {
    Phase phase = Phase::none;
    Duration took{};
};

// One attempt. Latency counts from `due`, the intended start, so that a stalled prober or target
// cannot hide its own queue (coordinated omission).
struct Observation {
    AttemptId id;
    Channel channel = Channel::CT;
    std::uint32_t target = 0;  // charger, entity or shard number within the channel
    Instant due{};             // intended start
    Instant started{};         // when the session took it up; started - due is our own lag
    Instant finished{};        // when the outcome was known
    Outcome outcome = Outcome::ok;
    Phase failed_phase = Phase::none;       // none when ok
    Direction direction = Direction::none;  // DL DF SL SF DX SX that failed, if known
    bool tainted = false;  // made while our own loop lagged: recorded, shown, and has no vote
    std::vector<PhaseTime> phases;

    Duration latency() const { return finished - due; }
};

// As above; none for what is tainted. And none for direct probes of a broker that fail by what is
// shown to them or by them, credentials and certificates: users come in with others, so a login or
// a certificate of ours that ended is no fault that a move cures, however many probes it fails.
Vote vote_of(const Observation& seen);

// A number or word that somebody else publishes, by the part it plays.
enum class GaugeRole : std::uint8_t {
    vendor_claim,        // what the vendor says of its own broker
    chargers_connected,  // real chargers connected, as a share of their usual number
    own_connections,     // the platform's own connections to the broker, a multiple of normal
    own_messages,        // the platform's own messages to the broker, a multiple of normal
};
inline constexpr std::array all_gauge_roles{GaugeRole::vendor_claim, GaugeRole::chargers_connected,
                                            GaugeRole::own_connections, GaugeRole::own_messages};
std::string_view to_text(GaugeRole role);
std::optional<GaugeRole> gauge_role_from(std::string_view text);

enum class VendorClaim : std::uint8_t { missing, green, red };
std::string_view to_text(VendorClaim claim);

struct Gauge {
    GaugeRole role = GaugeRole::vendor_claim;
    std::string source;                         // its name in the configuration
    VendorClaim vendor = VendorClaim::missing;  // of the vendor's claim
    std::optional<double> value;                // of the other roles; none when missing
    Duration age{};                    // how old the data was when read; zero when it does not tell
    Duration limit = Duration::max();  // older data is missing
    std::string reason;                // why it is missing, in a clause; empty otherwise

    bool missing() const { return vendor == VendorClaim::missing && !value; }
};

}  // namespace vc
