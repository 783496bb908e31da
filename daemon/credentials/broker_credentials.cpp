#include "daemon/credentials/broker_credentials.h"

#include <algorithm>
#include <utility>

#include "daemon/config/connection_string.h"
#include "daemon/credentials/sas.h"

namespace vc {

BrokerCredentials::BrokerCredentials(const Clock& clock, const BrokerConfig& broker,
                                     std::shared_ptr<const IdentityTokens> tokens)
    : clock_(clock), url_(broker.url), auth_(broker.auth), tokens_(std::move(tokens)) {}

AmqpLogin BrokerCredentials::login() const {
    AmqpLogin login;
    if (const auto* plain = std::get_if<PlainAuth>(&auth_)) {
        login = {SaslMechanism::plain, plain->user, plain->password.reveal()};
    } else if (std::holds_alternative<CertificateAuth>(auth_)) {
        login.mechanism = SaslMechanism::external;
    }
    return login;
}

bool BrokerCredentials::uses_cbs() const {
    return std::holds_alternative<SasAuth>(auth_) || std::holds_alternative<IdentityConfig>(auth_);
}

std::optional<CbsToken> BrokerCredentials::token(std::string_view audience, Instant now) const {
    if (const auto* sas = std::get_if<SasAuth>(&auth_)) {
        const std::int64_t expiry = (clock_.date().unix_ns + signed_life.count()) / 1'000'000'000;
        return CbsToken{"servicebus.windows.net:sastoken",
                        signed_token(audience, sas->key_name, sas->key, expiry), now + signed_life};
    }
    if (!tokens_) return std::nullopt;
    const BearerToken* bearer = tokens_->token(now);
    if (bearer == nullptr) return std::nullopt;
    return CbsToken{"jwt", bearer->text.reveal(), bearer->expires};
}

std::uint64_t BrokerCredentials::generation() const {
    return rotations_ + (tokens_ ? tokens_->generation() : 0);
}

Result<void> BrokerCredentials::replace(Secret secret) {
    if (auto* plain = std::get_if<PlainAuth>(&auth_)) {
        plain->password = std::move(secret);
    } else if (auto* sas = std::get_if<SasAuth>(&auth_)) {
        if (sas->connection_string) {
            auto string = parse_connection_string(secret.reveal());
            if (!string) return failure(to_text(sas->source) + " " + string.error().message);
            if (string->endpoint.host != url_.host || string->endpoint.tls != url_.tls) {
                return failure(to_text(sas->source) +
                               " names another broker, which takes a restart to follow");
            }
            sas->key_name = string->key_name;
            sas->key = string->key;
        } else {
            sas->key = std::move(secret);
        }
    }
    ++rotations_;
    return {};
}

std::optional<Secret> authorization_for(const AmqpCredentials& credentials, std::string_view url,
                                        Instant now) {
    if (!credentials.uses_cbs()) return std::nullopt;
    std::string audience(url);
    std::transform(audience.begin(), audience.end(), audience.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    auto token = credentials.token(audience, now);
    if (!token) return std::nullopt;
    if (token->type != "jwt") return Secret(std::move(token->text));
    return Secret("Bearer " + std::exchange(token->text, {}));
}

}  // namespace vc
