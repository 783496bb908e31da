#include "daemon/credentials/credentials.h"

#include <utility>

#include "daemon/host/spawn.h"

namespace vc {

Result<std::unique_ptr<Credentials>> Credentials::make(boost::asio::io_context& io,
                                                       const Clock& clock, const Config& config,
                                                       Told told) {
    std::unique_ptr<Credentials> all(new Credentials(io, clock, std::move(told)));
    auto primary = all->make_one("primary", config.primary, config.seed);
    if (!primary) return tl::unexpected(primary.error());
    all->primary_ = std::move(*primary);
    auto standby = all->make_one("standby", config.standby, config.seed + 1);
    if (!standby) return tl::unexpected(standby.error());
    all->standby_ = std::move(*standby);
    return all;
}

Credentials::Credentials(boost::asio::io_context& io, const Clock& clock, Told told)
    : io_(io), clock_(clock), told_(std::move(told)), watch_(io, clock) {}

Result<std::shared_ptr<BrokerCredentials>> Credentials::make_one(const std::string& name,
                                                                 const BrokerConfig& broker,
                                                                 std::uint64_t seed) {
    std::unique_ptr<IdentityTokens> tokens;
    if (const auto* identity = std::get_if<IdentityConfig>(&broker.auth)) {
        const auto heard = [this, name](const IdentityTokens::Outcome& outcome) {
            tell({name, outcome.renewed, outcome.refused,
                  outcome.renewed ? "a token was fetched" : outcome.words, false, outcome.expires});
        };
        auto made = IdentityTokens::make(io_.get_executor(), clock_, *identity, seed, heard);
        if (!made) return failure("platform." + name + ": " + made.error().message);
        tokens = std::move(*made);
    }
    auto credentials = std::make_shared<BrokerCredentials>(clock_, broker, std::move(tokens));
    const SecretSource source = source_of(broker.auth);
    if (!source.can_change()) return credentials;
    const auto on_change = [this, name, one = credentials.get()](Result<Secret> secret) {
        changed(name, *one, std::move(secret));
    };
    watch_.watch(source, secret_of(broker.auth), on_change);
    return credentials;
}

void Credentials::changed(const std::string& name, BrokerCredentials& credentials,
                          Result<Secret> secret) {
    const Result<void> taken = secret ? credentials.replace(std::move(*secret))
                                      : Result<void>(tl::unexpected(secret.error()));
    CredentialNews news;
    news.name = name;
    news.renewed = taken.has_value();
    news.words = taken ? to_text(source_of(credentials.auth())) + " was read anew"
                       : taken.error().message + "; what was read before stays in use";
    if (const IdentityTokens* tokens = credentials.tokens()) {
        const BearerToken* token = tokens->token(clock_.now());
        if (token != nullptr) news.expires = token->expires;
    }
    tell(std::move(news));
}

void Credentials::tell(CredentialNews news) {
    std::string& last = last_words_[news.name];
    news.repeated = last == news.words;
    last = news.words;
    if (told_) told_(news);
}

void Credentials::start() {
    spawn(io_.get_executor(), "secrets", watch_.run());
    for (const auto& [name, one] : {std::pair{"primary", primary_}, {"standby", standby_}}) {
        if (one->tokens() == nullptr) continue;
        spawn(io_.get_executor(), std::string("tokens of ") + name, one->tokens()->run());
    }
}

void Credentials::stop() {
    watch_.stop();
    for (const auto& one : {primary_, standby_}) {
        if (one->tokens() != nullptr) one->tokens()->stop();
    }
}

}  // namespace vc
