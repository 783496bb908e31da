// A sans-IO protocol session: bytes, connection events and time in; bytes and observations out.
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
};

// What the session wants of its connection. `keep`: as it is. `open`: connect if there is none.
// `close`: write what `bytes` holds, then close; on_close(asked) follows.
enum class Want : std::uint8_t { keep, open, close };

struct SessionOutput {
    std::string bytes;                      // to be written in order on the current connection
    std::vector<Observation> observations;  // finished attempts
    std::optional<Instant> wake_at;         // call on_deadline at this time; replaces the last one
    Want connection = Want::keep;
};

class Session {
  public:
    virtual ~Session() = default;

    // A due attempt. The session may queue it behind one that is still open.
    virtual SessionOutput start(const Attempt& attempt, Instant now) = 0;
    virtual SessionOutput on_connect(const ConnectResult& result, Instant now) = 0;
    virtual SessionOutput on_bytes(std::string_view bytes, Instant now) = 0;
    // At or after the last wake_at. Calling it early is harmless.
    virtual SessionOutput on_deadline(Instant now) = 0;
    virtual SessionOutput on_close(CloseReason reason, Instant now) = 0;

    // Orderly end: give up what has no effect on the peer (outcome abandoned), finish what would
    // leave debris behind (a started transaction is stopped), then ask to close. idle() turns true.
    virtual SessionOutput stop(Instant now) = 0;
    // At once: every open attempt ends as abandoned. Asks to close.
    virtual SessionOutput abandon(Instant now) = 0;

    // No attempt open and nothing left to clean up.
    virtual bool idle() const = 0;
};

}  // namespace vc
