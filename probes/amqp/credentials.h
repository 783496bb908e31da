// What a probe shows to a broker to be let in. Made and kept fresh by the daemon, which reads
// files, signs and fetches tokens; shared by the sessions of one broker (hence shared_ptr), which
// ask anew at every connection, so that a rotated secret needs no restart. Texts in here are
// secrets: they go to the peer and nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/base/time.h"

namespace vc {

enum class SaslMechanism : std::uint8_t { anonymous, plain, external };

struct AmqpLogin {
    SaslMechanism mechanism = SaslMechanism::anonymous;
    std::string user;      // PLAIN
    std::string password;  // PLAIN
};

// For put-token at the node $cbs.
struct CbsToken {
    std::string type;  // "servicebus.windows.net:sastoken" or "jwt"
    std::string text;
    Instant expires{};
};

class AmqpCredentials {
  public:
    virtual ~AmqpCredentials() = default;

    virtual AmqpLogin login() const = 0;
    // Whether the broker wants a token at $cbs before any link ("claims-based security").
    virtual bool uses_cbs() const = 0;
    // For "amqp://host/entity". None: there is no token to be had now; the attempt ends as auth.
    virtual std::optional<CbsToken> token(std::string_view audience, Instant now) const = 0;
    // Rises when the secret has changed: kept connections then put a new token.
    virtual std::uint64_t generation() const = 0;
};

}  // namespace vc
