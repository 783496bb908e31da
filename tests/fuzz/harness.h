// Runs sessions against peers that replay what a well-behaved broker once sent, spoilt, and watches
// what must hold whatever a peer sends. Seeded: the same seed gives the same run.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probes/session.h"

namespace vc::fuzz {

// What once happened between a session and a broker, in order.
struct Event {
    enum class Kind : std::uint8_t {
        start,    // of the next attempt
        connect,  // a connection that was asked for came up
        piece,    // the broker sent something
        close,    // a close that was asked for was carried out
    };
    Kind kind = Kind::start;
    Leg leg = 0;
    std::string bytes{};  // of a piece
};
using Tape = std::vector<Event>;
using Recordings = std::vector<Tape>;

using MakeSession = std::function<std::unique_ptr<Session>()>;

// The attempts of every tape.
inline constexpr std::array taped{Channel::DL, Channel::DF, Channel::DX, Channel::DX, Channel::DM};
// With a broker that behaves, and then with some that refuse this or that.
Recordings record();
// The session that was recorded, made anew.
std::unique_ptr<Session> recorded_session();

struct FuzzResult {
    std::uint64_t digest = 0;                   // of everything that the sessions did
    std::map<std::string, std::uint64_t> ends;  // attempts by outcome and phase
    // What did not hold, and in which session it was seen first.
    std::optional<std::string> violation;
    std::uint64_t session = 0;
};

// `sessions` of them, until one violates. `spoilt`: else the recordings are replayed as they are.
FuzzResult fuzz(const MakeSession& make, const Recordings& recordings, std::uint64_t seed,
                std::uint64_t sessions, bool spoilt = true);

}  // namespace vc::fuzz
