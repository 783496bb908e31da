// Bearer tokens of the lab's own Entra: JSON Web Tokens (RFC 7519) signed with HS256 by a secret
// that the mint draws from its random stream when it is made, so a lab of another seed refuses it.
// The fake Azure hands them out and asks for them, the brokers' $cbs accepts them for the audience
// of Service Bus. Times are the rules' time, read as Unix time.
#pragma once

#include <string>
#include <string_view>

#include "rules/base/error.h"
#include "rules/base/time.h"
#include "tests/lab/random.h"

namespace vc::lab {

inline constexpr std::string_view service_bus_audience = "https://servicebus.azure.net";
inline constexpr std::string_view management_audience = "https://management.azure.com";

struct TokenClaims {
    std::string audience;  // as audience_of() spells it
    std::string client;    // the appid it was given to
    std::string tenant;
    Instant expires;
};

// "https://servicebus.azure.net//.default", ".../.default" and ".../" are the resource itself.
std::string audience_of(std::string_view scope_or_resource);

class TokenMint {
  public:
    explicit TokenMint(Random random);

    std::string mint(const TokenClaims& claims, Instant now) const;
    // Fails with words fit for a refusal when the token is not from here, is for another audience,
    // or has expired.
    Result<TokenClaims> check(std::string_view token, std::string_view audience, Instant now) const;

  private:
    std::string secret_;
};

}  // namespace vc::lab
