// Shared access signatures of Service Bus: who may do what with which entity, told by a token
//   SharedAccessSignature sr=<resource>&sig=<signature>&se=<expiry, Unix seconds>&skn=<key name>
// with every value percent-encoded, and the signature the base64 of HMAC-SHA256 over
// "<resource as it is in the token>\n<expiry>" with the key's text (not decoded) as the key.
//
// Pure: keys and the time come in as values. Errors are words fit for a refusal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/base/error.h"
#include "rules/base/time.h"

namespace vc::lab::servicebus {

struct Rights {
    bool send = false;
    bool listen = false;
    bool manage = false;

    bool any() const { return send || listen || manage; }
    friend bool operator==(const Rights&, const Rights&) = default;
};
inline constexpr Rights all_rights{true, true, true};
Rights operator|(Rights one, Rights other);

struct AccessKey {
    std::string name;
    std::string key;
    Rights rights = all_rights;
    std::string entity{};  // and below; empty: the whole namespace
};

// What a token that holds lets its bearer do, until when.
struct Access {
    Rights rights;
    Instant expires;
    std::string key_name;
};

// Fails when the token cannot be read, is signed wrongly, has expired at `now`, names no key here,
// or is not for `audience` ("sb://host/entity", "https://host/entity?query", a bare entity): its
// resource must be that or lie above it. Hosts must be the same if both name one, ports need not.
Result<Access> check_sas(std::string_view token, std::string_view audience,
                         const std::vector<AccessKey>& keys, Instant now);

// A token for `resource`, as a client makes it.
std::string make_sas(std::string_view resource, const AccessKey& key, Instant expires);

// "sb://Host:5671/Entity/?query" as "host" and "entity": both lower-case, without slashes at the
// ends. A text without "://" is an entity.
struct Resource {
    std::string host;
    std::string entity;
};
Resource resource_of(std::string_view text);

// Whether `entity` is `top` or lies below it. Both as resource_of() spells them.
bool lies_below(std::string_view entity, std::string_view top);

// "NAME:KEY" or "NAME:KEY:Send,Listen,Manage".
Result<AccessKey> parse_access_key(const std::string& text);

}  // namespace vc::lab::servicebus
