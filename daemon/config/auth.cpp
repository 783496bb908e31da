// How the operator says who we are, and where the secrets of it stand.
#include "daemon/config/auth.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "daemon/config/connection_string.h"
#include "daemon/config/reader.h"
#include "daemon/host/file.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

constexpr std::array<std::string_view, 2> token_schemes{"http", "https"};
constexpr std::string_view metadata_service =
    "http://169.254.169.254/metadata/identity/oauth2/token";
constexpr std::size_t most_pem_bytes = 1 << 20;

bool is_printable(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// A text that must be there and be short and printable: a user, a rule, an application.
void read_word(Fields& fields, std::string_view key, std::string& word, Need need) {
    fields.text(key, word, need);
    if (fields.child(key) != nullptr && (!is_printable(word) || word.size() > 256)) {
        fields.error(key, "must be 1 to 256 printable characters without spaces");
    }
}

struct Reading {
    ConfigReader& reader;
    const YamlNode& node;
    std::string what;
};

SasAuth read_sas(const Reading& reading, std::optional<ConnectionString>& string) {
    SasAuth sas;
    Fields fields(reading.node, reading.what, reading.reader.errors);
    const YamlNode* whole = fields.child("connection_string");
    const YamlNode* key = fields.child("key");
    if (whole != nullptr) {
        for (const char* other : {"key_name", "key"}) {
            if (fields.child(other) != nullptr) {
                fields.error(other, "stands in the connection_string already");
            }
        }
        sas.connection_string = true;
        reading.reader.read_secret(*whole, "connection_string", sas.read, &sas.source);
        if (!sas.read.empty()) {
            auto parsed = parse_connection_string(sas.read.reveal());
            if (parsed) {
                sas.key_name = parsed->key_name;
                sas.key = parsed->key;
                string = std::move(*parsed);
            } else {
                fields.error("connection_string", sas.source.name + " " + parsed.error().message);
            }
        }
    } else {
        read_word(fields, "key_name", sas.key_name, Need::required);
        fields.child("key", Need::required);
        if (key != nullptr) reading.reader.read_secret(*key, "key", sas.key, &sas.source);
        sas.read = sas.key;
    }
    fields.finish();
    return sas;
}

PlainAuth read_plain(const Reading& reading) {
    PlainAuth plain;
    Fields fields(reading.node, reading.what, reading.reader.errors);
    read_word(fields, "user", plain.user, Need::required);
    if (const auto* secret = fields.child("password", Need::required)) {
        reading.reader.read_secret(*secret, "password", plain.password, &plain.source);
    }
    fields.finish();
    return plain;
}

CertificateAuth read_certificate(const Reading& reading) {
    CertificateAuth auth;
    Fields fields(reading.node, reading.what, reading.reader.errors);
    auth.certificate = reading.reader.read_pem_path(fields, "certificate", Need::required);
    auth.key = reading.reader.read_pem_path(fields, "key", Need::required);
    fields.finish();
    return auth;
}

void read_token_url(Fields& fields, IdentityConfig& identity) {
    Url url;
    read_url(fields, "token_url", url, token_schemes, Need::optional);
    if (url.host.empty()) return;
    identity.token_url = url.text;
    if (!identity.managed() && !url.tls && !is_loopback(url.host)) {
        fields.error("token_url", "the client secret would be sent in clear, use https://");
    }
}

}  // namespace

std::string ConfigReader::read_pem_path(Fields& fields, std::string_view key, Need need) {
    std::string path;
    fields.text(key, path, need);
    if (fields.child(key) == nullptr) return "";
    if (path.empty()) {
        fields.error(key, "names no file");
        return "";
    }
    path = resolve(path);
    auto text = read_file(path, most_pem_bytes);
    if (!text) {
        fields.error(key, text.error().message);
    } else {
        if (text->find("-----BEGIN ") == std::string::npos) fields.error(key, "holds no PEM");
        wipe(*text);
    }
    return path;
}

void ConfigReader::read_secret(const YamlNode& node, std::string_view key, Secret& secret,
                               SecretSource* source) {
    using Kind = SecretSource::Kind;
    static constexpr std::array<std::pair<std::string_view, Kind>, 3> kinds{
        {{"file", Kind::file}, {"env", Kind::environment}, {"credential", Kind::credential}}};
    const auto refuse = [&](const SourcePos& pos, const std::string& message) {
        error(pos, std::string(key) + ": " + message);
    };
    const YamlNode::Field* field = node.kind == YamlNode::Kind::mapping && node.fields.size() == 1
                                       ? node.fields.data()
                                       : nullptr;
    const auto* kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& one) {
        return field != nullptr && one.first == field->key;
    });
    if (kind == kinds.end() || field->value.kind != YamlNode::Kind::scalar ||
        field->value.scalar.empty()) {
        refuse(node.pos,
               "secrets do not stand here; write {file: PATH}, {env: NAME} or {credential: NAME}");
        return;
    }
    SecretSource from{kind->second, field->value.scalar, ""};
    if (from.kind == Kind::file) {
        from.name = from.path = resolve(from.name);
    } else if (from.kind == Kind::credential) {
        const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
        if (!is_plain_name(from.name, 128)) {
            refuse(field->value.pos, "a credential's name has letters, digits, points, _ and -");
            return;
        }
        if (directory == nullptr) {
            refuse(field->value.pos,
                   "there is no $CREDENTIALS_DIRECTORY; systemd sets it for a service that has "
                   "LoadCredential=" +
                       from.name + ":PATH");
            return;
        }
        from.path = std::string(directory) + "/" + from.name;
    }
    auto read = vc::read_secret(from);
    if (!read) {
        refuse(field->value.pos, read.error().message);
        return;
    }
    secret = std::move(*read);
    if (source != nullptr) *source = std::move(from);
}

IdentityConfig ConfigReader::read_identity(const YamlNode& node, const std::string& what,
                                           const std::string& default_resource) {
    IdentityConfig identity;
    identity.resource = default_resource;
    Fields fields(node, what, errors);
    read_word(fields, "resource", identity.resource, Need::optional);
    while (identity.resource.ends_with('/'))
        identity.resource.pop_back();
    const YamlNode* secret = fields.child("client_secret");
    read_word(fields, "client_id", identity.client_id,
              secret == nullptr ? Need::optional : Need::required);
    if (secret != nullptr) {
        // Which of both it is must not depend on whether the secret can be read.
        identity.source.kind = SecretSource::Kind::file;
        read_secret(*secret, "client_secret", identity.client_secret, &identity.source);
    }
    read_token_url(fields, identity);
    fields.text("tenant", identity.tenant);
    const bool has_tenant = fields.child("tenant") != nullptr;
    if (has_tenant && !is_plain_name(identity.tenant, 253)) {
        fields.error("tenant", "must be a directory's id or domain name");
    } else if (has_tenant && identity.managed()) {
        fields.error("tenant", "needs a client_secret beside it; a managed identity has none");
    } else if (!has_tenant && !identity.managed() && identity.token_url.empty()) {
        fields.error("tenant", "is missing; tokens are asked for at a directory");
    }
    if (identity.token_url.empty()) {
        identity.token_url = identity.managed() ? std::string(metadata_service)
                                                : "https://login.microsoftonline.com/" +
                                                      identity.tenant + "/oauth2/v2.0/token";
    }
    identity.ca = read_pem_path(fields, "ca", Need::optional);
    fields.finish();
    return identity;
}

BrokerAuth ConfigReader::read_auth(const YamlNode& node, const std::string& what,
                                   std::optional<ConnectionString>& string) {
    static constexpr std::array<std::string_view, 4> kinds{"sas", "identity", "plain",
                                                           "certificate"};
    constexpr const char* wanted =
        "needs exactly one of sas, identity, plain and certificate, or the word anonymous";
    if (node.kind == YamlNode::Kind::scalar && node.scalar == "anonymous") return AnonymousAuth{};
    if (node.kind != YamlNode::Kind::mapping || node.fields.size() != 1) {
        error(node.pos, what + ": " + wanted);
        return AnonymousAuth{};
    }
    const YamlNode::Field& field = node.fields.front();
    const Reading reading{*this, field.value, what + "." + field.key};
    if (field.key == "sas") return read_sas(reading, string);
    if (field.key == "plain") return read_plain(reading);
    if (field.key == "certificate") return read_certificate(reading);
    if (field.key == "identity") {
        return read_identity(field.value, reading.what, "https://servicebus.azure.net");
    }
    error(field.key_pos, what + ": unknown key " + quoted(field.key) +
                             suggestion(field.key, kinds) + "; " + wanted);
    return AnonymousAuth{};
}

bool IdentityConfig::same_as(const IdentityConfig& other) const {
    return token_url == other.token_url && ca == other.ca && resource == other.resource &&
           tenant == other.tenant && client_id == other.client_id && source == other.source &&
           client_secret.is(other.client_secret);
}

std::string to_text(const BrokerAuth& auth) {
    struct Words {
        std::string operator()(const AnonymousAuth&) const { return "ANONYMOUS"; }
        std::string operator()(const PlainAuth& plain) const {
            return plain.user + " by PLAIN (" + vc::to_text(plain.source) + ")";
        }
        std::string operator()(const SasAuth& sas) const {
            return sas.key_name + " by a shared access key (" + vc::to_text(sas.source) + ")";
        }
        std::string operator()(const IdentityConfig& identity) const {
            if (!identity.managed()) {
                return "application " + identity.client_id + " by client credentials (" +
                       vc::to_text(identity.source) + ", tokens of " + identity.token_url + ")";
            }
            const std::string which =
                identity.client_id.empty() ? "its own" : "client " + identity.client_id;
            return "managed identity, " + which + " (tokens of " + identity.token_url + ")";
        }
        std::string operator()(const CertificateAuth& certificate) const {
            return "certificate " + certificate.certificate + " by EXTERNAL";
        }
    };
    return std::visit(Words{}, auth);
}

SecretSource source_of(const BrokerAuth& auth) {
    if (const auto* plain = std::get_if<PlainAuth>(&auth)) return plain->source;
    if (const auto* sas = std::get_if<SasAuth>(&auth)) return sas->source;
    if (const auto* identity = std::get_if<IdentityConfig>(&auth)) return identity->source;
    return {};
}

Secret secret_of(const BrokerAuth& auth) {
    if (const auto* plain = std::get_if<PlainAuth>(&auth)) return plain->password;
    if (const auto* sas = std::get_if<SasAuth>(&auth)) return sas->read;
    if (const auto* identity = std::get_if<IdentityConfig>(&auth)) return identity->client_secret;
    return {};
}

}  // namespace vc
