// How the standby is audited: where both brokers list what they hold, who may ask there, how often.
#include <variant>

#include "daemon/config/reader.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_patterns = 200;

// The management plane of a Service Bus namespace stands at its own name; that of an emulator, or
// of anything without TLS, beside its AMQP.
std::string usual_url(const Url& broker) {
    if (broker.host.empty()) return {};
    const bool literal = broker.host.find(':') != std::string::npos;
    const std::string host = literal ? "[" + broker.host + "]" : broker.host;
    return broker.tls ? "https://" + host : "http://" + host + ":" + std::to_string(broker.port);
}

bool may_list(const BrokerAuth& auth) {
    return !std::holds_alternative<PlainAuth>(auth) &&
           !std::holds_alternative<CertificateAuth>(auth);
}

void read_side(ConfigReader& reader, Fields& fields, const char* key, const BrokerConfig& broker,
               ManagementConfig& side) {
    if (auto usual = parse_url(usual_url(broker.url), http_schemes)) side.url = std::move(*usual);
    const YamlNode* node = fields.child(key);
    if (node != nullptr) {
        Fields inner(*node, "readiness." + std::string(key), reader.errors);
        read_url(inner, "url", side.url, http_schemes, Need::optional);
        if (!side.url.target.empty() && side.url.target != "/") {
            inner.error("url", "must not have a path");
        }
        if (const auto* auth = inner.child("auth")) {
            std::optional<ConnectionString> string;
            side.auth = reader.read_auth(*auth, "readiness." + std::string(key) + ".auth", string);
        }
        inner.finish();
    }
    const BrokerAuth& auth = side.auth ? *side.auth : broker.auth;
    if (!may_list(auth)) {
        fields.error(key, "a management plane takes a key or an identity; the " + std::string(key) +
                              " broker is given neither: write an auth with sas or identity here");
    }
    const bool secret = !std::holds_alternative<AnonymousAuth>(auth);
    if (secret && !side.url.tls && !side.url.host.empty() && !is_loopback(side.url.host)) {
        reader.warn(fields.where(key), std::string(key) +
                                           ": the key's signature, or the token, is sent in "
                                           "clear; use https://");
    }
}

}  // namespace

void ConfigReader::read_readiness(const YamlNode& node) {
    ReadinessConfig readiness;
    AuditCadence cadence;
    Fields fields(node, "readiness", errors);
    // More often would be a load of its own: a management call costs ten ordinary ones.
    fields.duration("every", cadence.every, Need::optional, {1min, 24h});
    fields.duration("deadline", cadence.deadline, Need::optional, {1s, 10min});
    if (cadence.deadline > cadence.every) {
        fields.error("deadline", "is longer than every: one audit would meet the next");
    }
    read_side(*this, fields, "primary", config.primary, readiness.primary);
    read_side(*this, fields, "standby", config.standby, readiness.standby);
    for (auto& [pattern, pos] :
         read_list(fields, "ignore", most_patterns, Need::optional, errors)) {
        readiness.ignore.push_back(std::move(pattern));
    }
    fields.finish();
    config.readiness = std::move(readiness);
    config.rules.audits = cadence;
}

}  // namespace vc
