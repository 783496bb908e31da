// A sans-IO protocol session: bytes, connection events and time in; bytes and observations out.
// Most sessions use one connection; one may use several at a time, numbered legs of one endpoint.
// It owns no socket, timer, thread or clock. daemon/host/run_session drives it over a real
// connection; a test or simulator drives it over nothing at all.
//
// Life: the owner calls start() for every attempt that the schedule makes due. The session asks for
// a connection when it needs one (SessionOutput::connection), is told how that went, and receives
// bytes. Every attempt that was started ends in exactly one Observation, whatever the peer does;
// abandon() ends those that are still open.
//
// Every call returns what the session wants done since the last call. After close/failure of a
// connection no bytes of the old connection are ever delivered to the session.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/observation.h"

namespace vc {

// One due attempt. `target` is the number that goes into Observation::target.
struct Attempt {
    AttemptId id;
    Channel channel = Channel::CT;
    std::uint32_t target = 0;
    Instant due{};
    Duration budget{};  // an answer after it is late; after three of it, a timeout
};

// How an attempt to connect went. Outcome ok, refused, timeout, dns, tls or reset; on failure
// `phase` says where. Phase times (dns, tcp, tls) are those that were reached.
struct ConnectResult {
    Outcome outcome = Outcome::ok;
    Phase phase = Phase::none;
    std::vector<PhaseTime> phases;
};

enum class CloseReason : std::uint8_t {
    peer_closed,  // orderly end of stream
    reset,        // error on the socket
    asked,        // the session asked for it
    tls,          // TLS was broken or refused, such as a certificate of ours that the peer rejects
};

// What the session wants of its connection. `keep`: as it is. `open`: connect if there is none.
// `close`: write what `bytes` holds, then close; on_close(asked) follows, and nothing else in
// between. While a connection is still being made, `close` gives that up, and on_close(asked)
// takes the place of on_connect.
enum class Want : std::uint8_t { keep, open, close };

// Which of a session's connections.
using Leg = std::size_t;
inline constexpr Leg most_legs = 5;

struct LegOutput {
    std::string bytes;  // to be written in order on the current connection
    Want connection = Want::keep;
    std::optional<Duration> connect_within;  // with open: instead of what is usual for the session
};

// A kept connection that was lost came up again to where it can be used, or one try at it failed.
// It is no attempt: those that met the loss have ended or wait.
struct Reconnect {
    Channel channel = Channel::CT;  // the one whose attempts use the connection
    Direction direction = Direction::none;
    Outcome outcome = Outcome::ok;
    Phase failed_phase = Phase::none;
    bool planned = false;  // the peer had said that it would close: idle, housekeeping
    Duration took{};       // from the loss to here
};

struct SessionOutput {
    std::array<LegOutput, most_legs> legs;
    std::vector<Observation> observations;  // finished attempts
    std::vector<Reconnect> reconnects;
    std::vector<Gauge> gauges;       // readings; only of sessions that read somebody's claim
    std::optional<Instant> wake_at;  // call on_deadline at this time; replaces the last one

    LegOutput& only() { return legs[0]; }  // of a session with one connection
};

// What a session has counted since it was made. Only ever rises.
struct SessionCounters {
    std::uint64_t started = 0;            // attempts taken up
    std::uint64_t finished = 0;           // attempts that ended in an observation
    std::uint64_t connects = 0;           // connections that came up
    std::uint64_t drops = 0;              // connections that the peer, or silence, ended
    std::uint64_t late_answers = 0;       // right answers to attempts that had ended already
    std::uint64_t duplicates = 0;         // messages or answers delivered a second time
    std::uint64_t out_of_order = 0;       // messages that a later one of the same link overtook
    std::uint64_t unmatched = 0;          // answers or messages that belong to nothing we know
    std::uint64_t malformed = 0;          // input that broke the protocol
    std::uint64_t cleanups = 0;           // left-over transactions stopped outside their attempt
    std::uint64_t cleanups_given_up = 0;  // left-over transactions that the peer refused to stop
};

// The outcome of what a close that nobody asked for ended.
inline Outcome outcome_of_close(CloseReason reason) {
    return reason == CloseReason::tls ? Outcome::tls : Outcome::reset;
}

class Session {
  public:
    virtual ~Session() = default;

    // A due attempt. The session may queue it behind one that is still open.
    virtual SessionOutput start(const Attempt& attempt, Instant now) = 0;
    virtual SessionOutput on_connect(Leg leg, const ConnectResult& result, Instant now) = 0;
    virtual SessionOutput on_bytes(Leg leg, std::string_view bytes, Instant now) = 0;
    // At or after the last wake_at. Calling it early is harmless.
    virtual SessionOutput on_deadline(Instant now) = 0;
    virtual SessionOutput on_close(Leg leg, CloseReason reason, Instant now) = 0;

    // Orderly end: give up what has no effect on the peer (outcome abandoned), finish what would
    // leave debris behind (a started transaction is stopped), then ask to close. idle() turns true.
    virtual SessionOutput stop(Instant now) = 0;
    // At once: every open attempt ends as abandoned. Asks to close.
    virtual SessionOutput abandon(Instant now) = 0;

    // How many connections it may use, 1 to most_legs.
    virtual Leg legs() const { return 1; }

    // No attempt open and nothing left to clean up.
    virtual bool idle() const = 0;

    // started == finished + attempts open, at any time.
    virtual SessionCounters counters() const = 0;
    virtual std::size_t open_attempts() const = 0;
};

}  // namespace vc
