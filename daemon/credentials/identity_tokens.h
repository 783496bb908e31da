// The tokens of one identity, fetched ahead of need by a coroutine of its own, so that nobody who
// needs one ever waits. On the executor's thread.
//
// A new one is fetched when half of what remains has passed: as much time is left for tries that
// fail as has gone by, and an issuer that hands out the same token again (the metadata service
// caches) is asked more often only as its end comes near, seventeen times for a token of a day. A
// failure leaves the old token in use until it ends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/credentials/token_request.h"
#include "daemon/host/clock.h"
#include "daemon/host/deadline.h"
#include "daemon/host/tls.h"
#include "probes/backoff.h"

namespace vc {

class IdentityTokens {
  public:
    struct Outcome {
        bool renewed = false;
        bool refused = false;  // when not renewed: we may not have one; else a passing failure
        std::string words;     // of a failure; never a secret
        std::optional<Instant> expires;  // of the token in use
    };

    // `told` hears of every try; may be empty. Fails when the CA file cannot be loaded.
    static Result<std::unique_ptr<IdentityTokens>> make(boost::asio::any_io_executor executor,
                                                        const Clock& clock, IdentityConfig identity,
                                                        std::uint64_t seed,
                                                        std::function<void(const Outcome&)> told);

    // Spawned once; ends soon after stop(), a request under way is given up by its deadline.
    boost::asio::awaitable<void> run();
    void stop();

    // None: there is none that is good at `now`.
    const BearerToken* token(Instant now) const;
    // Rises with every token that differs from the last.
    std::uint64_t generation() const { return generation_; }

    // The client secret has changed: a token is fetched with it at once.
    void replace_secret(Secret secret);

  private:
    IdentityTokens(boost::asio::any_io_executor executor, const Clock& clock,
                   IdentityConfig identity, std::uint64_t seed,
                   std::function<void(const Outcome&)> told);
    void take(tl::expected<BearerToken, NoToken> fetched);

    Clock clock_;
    IdentityConfig identity_;
    std::shared_ptr<TlsTrust> trust_;  // of an https:// token_url; shared with its requests
    std::function<void(const Outcome&)> told_;
    Signal change_;
    Backoff backoff_;
    std::optional<BearerToken> token_;
    Instant next_{};
    std::uint64_t generation_ = 0;
    bool asked_again_ = false;  // the secret was replaced while a request was under way
    bool stopping_ = false;
};

}  // namespace vc
