#include "daemon/credentials/identity_tokens.h"

#include <algorithm>
#include <utility>

namespace vc {
namespace {

using namespace std::chrono_literals;

// The token endpoint of a large directory answers within a second; a metadata service that is busy
// may take some. Longer than this it would be the next try that counts.
constexpr Duration request_deadline = 10s;
constexpr Duration least_pause = 1s;

}  // namespace

Result<std::unique_ptr<IdentityTokens>> IdentityTokens::make(
    boost::asio::any_io_executor executor, const Clock& clock, IdentityConfig identity,
    std::uint64_t seed, std::function<void(const Outcome&)> told) {
    std::shared_ptr<TlsTrust> trust;
    if (identity.token_url.starts_with("https://")) {
        auto loaded = TlsTrust::load(identity.ca);
        if (!loaded) return tl::unexpected(loaded.error());
        trust = std::move(*loaded);
    }
    std::unique_ptr<IdentityTokens> tokens(
        new IdentityTokens(std::move(executor), clock, std::move(identity), seed, std::move(told)));
    tokens->trust_ = std::move(trust);
    return tokens;
}

IdentityTokens::IdentityTokens(boost::asio::any_io_executor executor, const Clock& clock,
                               IdentityConfig identity, std::uint64_t seed,
                               std::function<void(const Outcome&)> told)
    : clock_(clock),
      identity_(std::move(identity)),
      told_(std::move(told)),
      change_(executor),
      backoff_(seed) {}

boost::asio::awaitable<void> IdentityTokens::run() {
    while (!stopping_) {
        asked_again_ = false;
        HttpRequest request = token_request(identity_);
        request.trust = trust_;
        const HttpAnswer answer =
            co_await http_request(std::move(request), clock_.now() + request_deadline, clock_);
        if (stopping_) co_return;
        // Fetched with a secret that has been replaced since: the next one will tell.
        if (asked_again_) continue;
        take(read_token(answer, clock_.date(), clock_.now()));
        while (!stopping_ && !asked_again_ && clock_.now() < next_)
            co_await change_.wait_for(clock_.machine_time_until(next_));
    }
}

void IdentityTokens::take(tl::expected<BearerToken, NoToken> fetched) {
    const Instant now = clock_.now();
    Outcome outcome;
    if (fetched) {
        if (!token_ || !token_->text.is(fetched->text)) ++generation_;
        token_ = std::move(*fetched);
        backoff_.reset();
        next_ = now + std::max(least_pause, (token_->expires - now) / 2);
        outcome.renewed = true;
    } else {
        outcome.refused = fetched.error().kind == TokenFailure::refused;
        outcome.words = fetched.error().words;
        next_ =
            outcome.refused ? backoff_.after_refused_credentials(now) : backoff_.after_failure(now);
    }
    if (token_ && token_->expires > now) outcome.expires = token_->expires;
    if (told_) told_(outcome);
}

void IdentityTokens::stop() {
    stopping_ = true;
    change_.raise();
}

const BearerToken* IdentityTokens::token(Instant now) const {
    return token_ && now < token_->expires ? &*token_ : nullptr;
}

void IdentityTokens::replace_secret(Secret secret) {
    identity_.client_secret = std::move(secret);
    asked_again_ = true;
    change_.raise();
}

}  // namespace vc
