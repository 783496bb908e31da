// How an identity asks for a token, and what the answer means. Pure.
//
// Managed identity: GET at the instance metadata service with the header "Metadata: true".
// Client credentials: RFC 6749, section 4.4, as a form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/config/auth.h"
#include "daemon/host/clock.h"
#include "daemon/host/http_client.h"

namespace vc {

struct BearerToken {
    Secret text;
    Instant expires{};
};

HttpRequest token_request(const IdentityConfig& identity);

// What to do after an answer that brought no token.
enum class TokenFailure : std::uint8_t {
    passing,  // the service's own trouble, or an identity that is still being set up: soon again
    refused,  // we may not have one: again, but not soon
};

struct NoToken {
    TokenFailure kind = TokenFailure::passing;
    // One line, of words that cannot hold a secret: "HTTP 401, invalid_client (AADSTS7000215)".
    std::string words;
};

// `date` is the wall clock at `now`, for answers that say only when the token ends.
tl::expected<BearerToken, NoToken> read_token(const HttpAnswer& answer, WallTime date, Instant now);

}  // namespace vc
