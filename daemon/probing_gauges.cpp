// What others publish is read by the same loop as the probes, and is none of them: it is not
// counted, has no vote, and shows secrets of its own.
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "daemon/probing.h"
#include "probes/gauges/session.h"
#include "probes/websocket/websocket.h"
#include "rules/base/overloaded.h"

namespace vc {
namespace {

// A secret where it stands, read again for every request, so that it can be rotated: a small local
// file, once a minute. One that cannot be read changes nothing.
class SecretHeader : public Authorization {
  public:
    // `user` none: a bearer token.
    SecretHeader(std::optional<std::string> user, SecretSource source, Secret secret)
        : user_(std::move(user)), source_(std::move(source)), secret_(std::move(secret)) {}

    std::optional<std::string> header(Instant) const override {
        if (source_.can_change()) {
            if (auto read = read_secret(source_)) secret_ = std::move(*read);
        }
        if (user_) return basic_authorization(*user_, secret_.reveal());
        return "Bearer " + secret_.reveal();
    }

  private:
    std::optional<std::string> user_;
    SecretSource source_;
    mutable Secret secret_;
};

// The token of an identity, which is fetched ahead of need.
class TokenHeader : public Authorization {
  public:
    explicit TokenHeader(std::shared_ptr<const IdentityTokens> tokens)
        : tokens_(std::move(tokens)) {}

    std::optional<std::string> header(Instant now) const override {
        const BearerToken* token = tokens_->token(now);
        if (token == nullptr) return std::nullopt;
        return "Bearer " + token->text.reveal();
    }

  private:
    std::shared_ptr<const IdentityTokens> tokens_;
};

using Shown = std::shared_ptr<const Authorization>;

}  // namespace

Result<Shown> Probing::shown_by(const GaugeConfig& gauge) {
    using Made = Result<Shown>;
    return std::visit(
        Overloaded{
            [](const AnonymousAuth&) -> Made { return nullptr; },
            [](const PlainAuth& basic) -> Made {
                return std::make_shared<SecretHeader>(basic.user, basic.source, basic.password);
            },
            [](const BearerAuth& bearer) -> Made {
                return std::make_shared<SecretHeader>(std::nullopt, bearer.source, bearer.token);
            },
            [&](const IdentityConfig& identity) -> Made {
                auto tokens = credentials_.identity("gauges/" + gauge.name, identity);
                if (!tokens) return tl::unexpected(tokens.error());
                return std::make_shared<TokenHeader>(std::move(*tokens));
            }},
        gauge.auth);
}

Result<void> Probing::add_gauges() {
    for (const GaugeConfig& gauge : config_.gauges) {
        if (auto added = add_gauge(gauge); !added) return added;
    }
    return {};
}

Result<void> Probing::add_gauge(const GaugeConfig& gauge) {
    GaugeSpec spec;
    spec.role = gauge.role;
    spec.source = gauge.name;
    spec.limit = gauge.max_age;
    spec.server = {gauge.url.host, gauge.url.port, "", gauge.url.tls};
    spec.question = gauge.question;
    auto shown = shown_by(gauge);
    if (!shown) return failure("gauge " + gauge.name + ": " + shown.error().message);
    spec.authorization = std::move(*shown);
    // An answer within a quarter of the period; none after three is missing.
    const Duration budget = std::min(gauge.every / 4, Duration(std::chrono::seconds(10)));
    RunnerOptions options;
    options.endpoint.host = gauge.url.host;
    options.endpoint.port = gauge.url.port;
    options.connect_timeout = 2 * budget;
    if (gauge.url.tls) {
        auto trust = trust_in({gauge.ca, "", ""});
        if (!trust) return failure("gauge " + gauge.name + ": " + trust.error().message);
        options.endpoint.tls = std::move(*trust);
    }
    const std::size_t prober =
        add_runner("gauge " + gauge.name, make_gauge_session(std::move(spec)), std::move(options));
    probers_[prober].reads_gauge = true;
    schedule_.add({Channel::CT, 0, gauge.every, budget});
    prober_of_entry_.push_back(prober);
    return {};
}

}  // namespace vc
