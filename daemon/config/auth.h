// How we prove to a broker, or to a vendor's interface, who we are: one of five ways, as the
// operator configured it. What is secret in it was read at the start, and is read again by
// daemon/credentials while the daemon runs.
#pragma once

#include <string>
#include <variant>

#include "daemon/config/secret.h"
#include "daemon/config/secret_source.h"

namespace vc {

struct AnonymousAuth {};

// SASL PLAIN. With Service Bus: the rule's name and key, good for the whole connection.
struct PlainAuth {
    std::string user;
    SecretSource source;
    Secret password;
};

// A shared access key: every entity's token is signed with it.
struct SasAuth {
    SecretSource source;
    bool connection_string = false;  // the source holds one, else the bare key
    Secret read;                     // what the source held
    std::string key_name;
    Secret key;
};

// A token endpoint hands out tokens to an identity: the machine's own (managed identity, by the
// instance metadata service) or an application's (client credentials).
struct IdentityConfig {
    std::string token_url;
    std::string ca;  // who vouches for an https:// token_url; empty: the system's certificates
    std::string resource;  // what the token is good for
    std::string tenant;    // client credentials
    // Of the application; of a managed identity that the machine has beside its own, or empty.
    std::string client_id;
    SecretSource source;  // none: managed identity
    Secret client_secret;

    bool managed() const { return source.kind == SecretSource::Kind::none; }
    // Whether both get the same tokens of the same issuer.
    bool same_as(const IdentityConfig& other) const;
};

// SASL EXTERNAL with a client certificate of TLS. PEM files, given to TLS as they are.
struct CertificateAuth {
    std::string certificate;
    std::string key;
};

using BrokerAuth = std::variant<AnonymousAuth, PlainAuth, SasAuth, IdentityConfig, CertificateAuth>;

// What is used, by names only: "SAS key probe (file /etc/x)".
std::string to_text(const BrokerAuth& auth);

// The secret's place, kind none when there is none, and what was read there.
SecretSource source_of(const BrokerAuth& auth);
Secret secret_of(const BrokerAuth& auth);

}  // namespace vc
