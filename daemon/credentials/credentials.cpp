#include "daemon/credentials/credentials.h"

#include <utility>

#include "daemon/host/spawn.h"

namespace vc {

Result<std::unique_ptr<Credentials>> Credentials::make(boost::asio::io_context& io,
                                                       const Clock& clock, const Config& config,
                                                       Told told) {
    std::unique_ptr<Credentials> all(new Credentials(io, clock, config.seed, std::move(told)));
    auto primary = all->make_one("primary", config.primary);
    if (!primary) return tl::unexpected(primary.error());
    all->primary_ = std::move(*primary);
    auto standby = all->make_one("standby", config.standby);
    if (!standby) return tl::unexpected(standby.error());
    all->standby_ = std::move(*standby);
    if (auto made = all->make_management(config); !made) return tl::unexpected(made.error());
    return all;
}

Result<void> Credentials::make_management(const Config& config) {
    primary_management_ = primary_;
    standby_management_ = standby_;
    if (!config.readiness) return {};
    const auto other = [&](const std::string& name, const ManagementConfig& management,
                           BrokerConfig broker,
                           std::shared_ptr<BrokerCredentials>& out) -> Result<void> {
        if (!management.auth) return {};
        broker.auth = *management.auth;
        auto made = make_one(name, broker);
        if (!made) return tl::unexpected(made.error());
        out = std::move(*made);
        return {};
    };
    auto made =
        other("primary-management", config.readiness->primary, config.primary, primary_management_);
    if (!made) return made;
    return other("standby-management", config.readiness->standby, config.standby,
                 standby_management_);
}

Credentials::Credentials(boost::asio::io_context& io, const Clock& clock, std::uint64_t seed,
                         Told told)
    : io_(io), clock_(clock), seed_(seed), told_(std::move(told)), watch_(io, clock) {}

Result<std::shared_ptr<BrokerCredentials>> Credentials::make_one(const std::string& name,
                                                                 const BrokerConfig& broker) {
    std::shared_ptr<const IdentityTokens> tokens;
    if (const auto* config = std::get_if<IdentityConfig>(&broker.auth)) {
        auto made = identity(name, *config);
        if (!made) return tl::unexpected(made.error());
        tokens = std::move(*made);
    }
    auto credentials = std::make_shared<BrokerCredentials>(clock_, broker, tokens);
    if (!tokens) watch(broker, name, *credentials);
    return credentials;
}

void Credentials::watch(const BrokerConfig& broker, const std::string& name,
                        BrokerCredentials& credentials) {
    const SecretSource source = source_of(broker.auth);
    const auto changed = [this, name, source, one = &credentials](Result<Secret> secret) {
        const Result<void> taken = secret ? one->replace(std::move(*secret))
                                          : Result<void>(tl::unexpected(secret.error()));
        tell_of(name, source, taken, nullptr);
    };
    watch_.watch(source, secret_of(broker.auth), changed);
}

Result<std::shared_ptr<const IdentityTokens>> Credentials::identity(const std::string& name,
                                                                    const IdentityConfig& config) {
    for (const auto& one : identities_) {
        if (!one->config.same_as(config)) continue;
        one->names.push_back(name);
        return one->tokens;
    }
    auto one = std::make_unique<Identity>(Identity{config, nullptr, {name}});
    const auto heard = [this, it = one.get()](const IdentityTokens::Outcome& outcome) {
        const std::string words = outcome.renewed ? "a token was fetched" : outcome.words;
        for (const std::string& each : it->names)
            tell({each, outcome.renewed, outcome.refused, words, false, outcome.expires});
    };
    auto made =
        IdentityTokens::make(io_.get_executor(), clock_, config, seed_ + identities_.size(), heard);
    if (!made) return failure(name + ": " + made.error().message);
    one->tokens = std::move(*made);
    const auto changed = [this, it = one.get()](Result<Secret> secret) {
        if (secret) it->tokens->replace_secret(std::move(*secret));
        const Result<void> taken =
            secret ? Result<void>() : Result<void>(tl::unexpected(secret.error()));
        for (const std::string& each : it->names)
            tell_of(each, it->config.source, taken, it->tokens.get());
    };
    watch_.watch(config.source, config.client_secret, changed);
    identities_.push_back(std::move(one));
    return identities_.back()->tokens;
}

void Credentials::tell_of(const std::string& name, const SecretSource& source,
                          const Result<void>& taken, const IdentityTokens* tokens) {
    CredentialNews news;
    news.name = name;
    news.renewed = taken.has_value();
    news.words = taken ? to_text(source) + " was read anew"
                       : taken.error().message + "; what was read before stays in use";
    if (tokens != nullptr) {
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
    for (const auto& one : identities_)
        spawn(io_.get_executor(), "tokens of " + one->names.front(), one->tokens->run());
}

void Credentials::stop() {
    watch_.stop();
    for (const auto& one : identities_)
        one->tokens->stop();
}

}  // namespace vc
