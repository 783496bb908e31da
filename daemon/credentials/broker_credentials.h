// What the probes of one broker show to be let in, for every way of auth.h. Shared by its sessions
// (they only ask); its owner, Credentials, gives it new secrets. On one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config/config.h"
#include "daemon/credentials/identity_tokens.h"
#include "daemon/host/clock.h"
#include "probes/amqp/credentials.h"

namespace vc {

class BrokerCredentials final : public AmqpCredentials {
  public:
    // How long a signed token lasts. Kept connections put a new one before; a clock of ours that is
    // slow by less than this does no harm, and a token that leaked is of no use after it.
    static constexpr Duration signed_life = std::chrono::hours(1);

    // `tokens` is of an identity, shared by all who have it, and null for every other way.
    BrokerCredentials(const Clock& clock, const BrokerConfig& broker,
                      std::shared_ptr<const IdentityTokens> tokens);

    AmqpLogin login() const override;
    bool uses_cbs() const override;
    std::optional<CbsToken> token(std::string_view audience, Instant now) const override;
    std::uint64_t generation() const override;

    // The configured password, key or connection string is another one now. When it is no good, the
    // one in use stays, and the error, which repeats nothing of it, says why.
    Result<void> replace(Secret secret);

  private:
    Clock clock_;
    Url url_;
    BrokerAuth auth_;
    std::shared_ptr<const IdentityTokens> tokens_;
    std::uint64_t rotations_ = 0;
};

// The value of the header Authorization for a request to the broker's own HTTP interface: signed
// for that address, or the identity's token. None when there is no token now, or the broker is not
// let in by tokens.
std::optional<Secret> authorization_for(const AmqpCredentials& credentials, std::string_view url,
                                        Instant now);

}  // namespace vc
