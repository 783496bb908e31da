// A broker under watch: where it is, who we are to it, and which queues are ours.
#include <algorithm>
#include <array>

#include "daemon/config/connection_string.h"
#include "daemon/config/reader.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

constexpr std::array<std::string_view, 2> broker_schemes{"amqp", "amqps"};
constexpr std::string_view place_of_entity = "{entity}";
constexpr std::size_t most_entities = 400;

enum class Management : std::uint8_t { automatic, yes, no };
constexpr std::array<std::pair<std::string_view, Management>, 3> managements{
    {{"auto", Management::automatic}, {"true", Management::yes}, {"false", Management::no}}};

bool is_address(std::string_view text) {
    return !text.empty() && text.size() <= 260 && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7F && c != '?' && c != '#';
    });
}

// The older keys, still good for PLAIN.
void read_user(ConfigReader& reader, Fields& fields, BrokerConfig& broker) {
    PlainAuth plain;
    fields.text("user", plain.user);
    const bool has_user = fields.child("user") != nullptr;
    const YamlNode* secret = fields.child("password");
    if (has_user && plain.user.empty()) {
        fields.error("user", "is empty; leave it out for ANONYMOUS");
    }
    if (secret != nullptr) reader.read_secret(*secret, "password", plain.password, &plain.source);
    if (secret != nullptr && !has_user) fields.error("password", "needs a user beside it");
    if (secret == nullptr && has_user) fields.error("user", "needs a password beside it");
    if (has_user) broker.auth = std::move(plain);
}

// The address, from the url, the connection string, or both where they agree.
void read_address(Fields& fields, const std::optional<ConnectionString>& string, bool string_meant,
                  BrokerConfig& broker) {
    read_url(fields, "url", broker.url, broker_schemes,
             string_meant ? Need::optional : Need::required);
    if (!broker.url.target.empty() && broker.url.target != "/") {
        fields.error("url", "must not have a path; queues are listed under entities");
    }
    if (!string) return;
    if (fields.child("url") == nullptr) {
        broker.url = string->endpoint;
        return;
    }
    const Url& endpoint = string->endpoint;
    const bool same_port = !string->endpoint_names_port || endpoint.port == broker.url.port;
    if (!broker.url.host.empty() &&
        (endpoint.host != broker.url.host || !same_port || endpoint.tls != broker.url.tls)) {
        fields.error("url", "contradicts the connection string, which says " + endpoint.text +
                                "; leave it out");
    }
}

void read_tls(ConfigReader& reader, const YamlNode& node, const std::string& what,
              BrokerConfig& broker) {
    Fields fields(node, what + ".tls", reader.errors);
    broker.tls_ca = reader.read_pem_path(fields, "ca", Need::required);
    fields.finish();
    if (!broker.url.host.empty() && !broker.url.tls) {
        reader.error(node.pos, "tls: an amqp:// connection has none, use amqps://");
    }
}

void check_wire(ConfigReader& reader, const Fields& fields, const BrokerConfig& broker) {
    if (broker.url.host.empty() || broker.url.tls) return;
    // The place to mend it: the address when it stands there, else what it was taken from.
    const SourcePos at = fields.where("url");
    if (std::holds_alternative<CertificateAuth>(broker.auth)) {
        reader.error(at, "url: a certificate is shown in TLS only, use amqps://");
    }
    if (is_loopback(broker.url.host)) return;
    if (std::holds_alternative<PlainAuth>(broker.auth)) {
        reader.warn(at, "url: the password is sent in clear, use amqps://");
    } else if (broker.uses_tokens()) {
        reader.warn(at, "url: tokens are sent in clear, use amqps://");
    }
}

void read_entities(ConfigReader& reader, Fields& fields, BrokerConfig& broker) {
    fields.text("address", broker.address);
    const auto place = broker.address.find(place_of_entity);
    const bool once = place != std::string::npos &&
                      broker.address.find(place_of_entity, place + 1) == std::string::npos;
    if (!once || !is_address(broker.address)) {
        fields.error("address", "must be printable and hold {entity} once, as in /queue/{entity}");
        broker.address = place_of_entity;
    }
    fields.text("fresh_suffix", broker.fresh_suffix);
    if (!is_address(broker.fresh_suffix) || broker.fresh_suffix.size() > 64) {
        fields.error("fresh_suffix",
                     "must be 1 to 64 printable characters; two queues make an entity");
        broker.fresh_suffix = "-fresh";
    }
    const auto list = read_list(fields, "entities", most_entities, Need::required, reader.errors);
    for (const auto& [name, pos] : list) {
        if (!name.empty() && !is_address(name)) {
            reader.error(pos, "entities: must be up to 260 printable characters");
        }
        for (const auto& [other, where] : list) {
            if (!other.empty() && other + broker.fresh_suffix == name) {
                reader.error(
                    pos, "entities: " + quoted(name) + " is the fresh queue of " + quoted(other));
            }
        }
        broker.entities.push_back(name);
    }
}

void read_management(Fields& fields, BrokerConfig& broker) {
    Management management = Management::automatic;
    fields.choice("management", management, managements);
    broker.management = management == Management::yes ||
                        (management == Management::automatic && broker.uses_tokens());
}

}  // namespace

bool BrokerConfig::uses_tokens() const {
    return std::holds_alternative<SasAuth>(auth) || std::holds_alternative<IdentityConfig>(auth);
}

std::string BrokerConfig::kept_address(std::size_t index) const {
    std::string text = address;
    return text.replace(text.find(place_of_entity), place_of_entity.size(), entities[index]);
}

std::string BrokerConfig::fresh_address(std::size_t index) const {
    std::string text = address;
    return text.replace(text.find(place_of_entity), place_of_entity.size(),
                        entities[index] + fresh_suffix);
}

void ConfigReader::read_broker(const YamlNode& node, const std::string& what,
                               BrokerConfig& broker) {
    Fields fields(node, what, errors);
    std::optional<ConnectionString> string;
    if (const auto* auth = fields.child("auth")) {
        for (const char* older : {"user", "password"}) {
            if (fields.child(older) != nullptr) {
                fields.error(older, "stands beside auth; write it as auth: {plain: ...}");
            }
        }
        broker.auth = read_auth(*auth, what + ".auth", string);
    } else {
        read_user(*this, fields, broker);
    }
    const auto* sas = std::get_if<SasAuth>(&broker.auth);
    read_address(fields, string, sas != nullptr && sas->connection_string, broker);
    if (string && !string->entity_path.empty()) {
        fields.error("auth", "the connection string is good for " + quoted(string->entity_path) +
                                 " alone; the probes need a key of the whole namespace");
    }
    if (const auto* tls = fields.child("tls")) read_tls(*this, *tls, what, broker);
    check_wire(*this, fields, broker);
    read_entities(*this, fields, broker);
    read_management(fields, broker);
    fields.finish();
}

}  // namespace vc
