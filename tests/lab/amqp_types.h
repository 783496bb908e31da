// What is said on an AMQP 1.0 connection, as values: properties, links, outcomes, errors. Nothing
// of Proton, no ownership.
//
// An AmqpMap is a properties map. Its keys are symbols on the wire; a peer that sends strings as
// keys is understood as well (Microsoft's C client does). Values of other types than those here
// (lists, maps, described values) are left out when read; a timestamp is read as its milliseconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "rules/base/ids.h"

namespace vc::lab {

using LinkId = Id<struct LinkTag>;
using DeliveryId = Id<struct DeliveryTag>;

using AmqpValue = std::variant<std::monostate, bool, std::int32_t, std::int64_t, std::uint64_t,
                               double, std::string>;
using AmqpMap = std::map<std::string, AmqpValue>;

// The value as a number or text; the fallback when it is of another kind.
std::int64_t number_of(const AmqpMap& map, const std::string& key, std::int64_t fallback);
std::string text_of(const AmqpMap& map, const std::string& key);

// None: the peer settled without saying what became of it.
enum class Settlement { Accepted, Rejected, Released, Modified, None };

struct AmqpError {
    std::string condition;  // empty: no error
    std::string description;
    AmqpMap info{};
};

// What a receiver says of a message, with all that it said.
struct AmqpOutcome {
    Settlement settlement = Settlement::None;
    bool settled = false;             // the peer waits for nothing more
    bool delivery_failed = false;     // of Modified
    bool undeliverable_here = false;  // of Modified; Service Bus: defer
    AmqpMap annotations{};            // of Modified
    AmqpError error{};                // of Rejected; Service Bus: com.microsoft:dead-letter
};

struct AmqpIncoming {
    std::string bytes;         // the whole message, as it came
    std::uint32_t format = 0;  // 0x80013700: a batch of Service Bus
    bool presettled = false;
};

// The source filter com.microsoft:session-filter. Any: it was there, and null.
enum class SessionWish { None, Any, Named };

struct AmqpLink {
    LinkId id;
    bool to_peer = false;  // we send on it
    std::string name;
    std::string address;      // the peer's source (to_peer) or target
    std::string source;       // as the peer said them, empty when null
    std::string target;       // the peer's own name for its end, mostly
    bool presettled = false;  // the link's sender settles as it sends
    bool second = false;      // the receiver waits until its outcome is settled
    bool refused = false;     // client only: the broker attached without a terminus
    AmqpMap properties{};     // com.microsoft:timeout, com.microsoft:receiver-name, ...
    SessionWish session = SessionWish::None;
    std::string session_id{};  // of Named; on a client: what the broker granted
    std::uint64_t max_message_size = 0;
};

// What a server answers to an attach.
struct AttachReply {
    int credit = 0;                            // where the peer sends
    std::uint64_t max_message_size = 1 << 18;  // Service Bus, standard tier
    // The session that was granted: put into the source's filter.
    bool has_session = false;
    std::string session_id{};
    AmqpMap properties{};  // com.microsoft:locked-until-utc, as a long of .NET ticks
};

// What a client asks for beside an address.
struct AttachWish {
    bool presettled = false;
    SessionWish session = SessionWish::None;
    std::string session_id{};
    AmqpMap properties{};
    std::string local_address{};  // our end; empty: the link's name
};

// Who is at the other end, as far as it has said.
struct AmqpRemote {
    std::string container;
    std::string hostname;
    AmqpMap properties{};
    std::string mechanism;    // of SASL
    std::string user;         // of PLAIN or of the client certificate
    std::string certificate;  // the subject's common name; empty: none was shown
    bool encrypted = false;
    bool websocket = false;
};

struct Credentials {
    std::string user;
    std::string password;
};

}  // namespace vc::lab
