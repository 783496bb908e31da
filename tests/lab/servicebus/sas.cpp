#include "tests/lab/servicebus/sas.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>

#include "tests/lab/http.h"
#include "tests/lab/signature.h"

namespace vc::lab::servicebus {
namespace {

constexpr std::string_view scheme = "SharedAccessSignature ";

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// Percent-encodes all but letters, digits and -_.~ (RFC 3986).
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        const bool plain = octet < 0x80 && (std::isalnum(octet) != 0 || c == '-' || c == '_' ||
                                            c == '.' || c == '~');
        char coded[4];
        std::snprintf(coded, sizeof coded, "%%%02X", octet);
        out += plain ? std::string(1, c) : std::string(coded);
    }
    return out;
}

// Percent signs only: in base64 a plus stands for itself.
std::string decoded(std::string_view text) {
    std::string kept;
    for (const char c : text)
        kept += c == '+' ? std::string("%2B") : std::string(1, c);
    return unescaped(kept);
}

std::map<std::string, std::string, std::less<>> fields_of(std::string_view text) {
    std::map<std::string, std::string, std::less<>> fields;
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos) {
            fields[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
        }
    }
    return fields;
}

std::string signature(std::string_view resource, std::string_view expiry, std::string_view key) {
    return base64(hmac_sha256(key, std::string(resource) + "\n" + std::string(expiry)));
}

}  // namespace

Rights operator|(Rights one, Rights other) {
    return {one.send || other.send, one.listen || other.listen, one.manage || other.manage};
}

Resource resource_of(std::string_view text) {
    Resource out;
    text = text.substr(0, text.find('?'));
    if (const auto mark = text.find("://"); mark != std::string_view::npos) {
        text.remove_prefix(mark + 3);
        const std::string_view authority = text.substr(0, text.find('/'));
        out.host = lower(authority.substr(0, authority.find(':')));
        text.remove_prefix(authority.size());
    }
    while (!text.empty() && text.front() == '/')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == '/')
        text.remove_suffix(1);
    out.entity = lower(text);
    return out;
}

bool lies_below(std::string_view entity, std::string_view top) {
    if (top.empty()) return true;
    return entity.starts_with(top) && (entity.size() == top.size() || entity[top.size()] == '/');
}

Result<Access> check_sas(std::string_view token, std::string_view audience,
                         const std::vector<AccessKey>& keys, Instant now) {
    if (!token.starts_with(scheme)) return failure("MalformedToken: it is no access signature");
    auto fields = fields_of(token.substr(scheme.size()));
    for (const char* name : {"sr", "sig", "se", "skn"}) {
        if (fields[name].empty()) return failure(std::string("MalformedToken: no ") + name);
    }
    std::int64_t expiry_s = 0;
    const std::string& expiry = fields["se"];
    const auto read = std::from_chars(expiry.data(), expiry.data() + expiry.size(), expiry_s);
    if (read.ec != std::errc{} || read.ptr != expiry.data() + expiry.size() || expiry_s < 0 ||
        expiry_s > 9'000'000'000) {
        return failure("MalformedToken: se is no time");
    }
    const std::string name = decoded(fields["skn"]);
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const AccessKey& one) { return one.name == name; });
    // A wrong name is told as a wrong signature, as the service does.
    if (key == keys.end() ||
        !same_secret(decoded(fields["sig"]), signature(fields["sr"], expiry, key->key))) {
        return failure("InvalidSignature: The token has an invalid signature.");
    }
    const Instant expires{std::chrono::seconds(expiry_s)};
    if (expires <= now) {
        return failure("ExpiredToken: The token is expired. Expiration time: '" + to_text(expires) +
                       "'.");
    }
    const Resource top = resource_of(decoded(fields["sr"]));
    const Resource asked = resource_of(decoded(audience));
    const bool elsewhere = !top.host.empty() && !asked.host.empty() && top.host != asked.host;
    if (elsewhere || !lies_below(asked.entity, top.entity) ||
        !lies_below(asked.entity, resource_of(key->entity).entity)) {
        return failure("InvalidAudience: the token is not for '" + std::string(audience) + "'.");
    }
    return Access{key->rights, expires, name};
}

std::string make_sas(std::string_view resource, const AccessKey& key, Instant expires) {
    const std::string sr = escaped(resource);
    const std::string se = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(expires.time_since_epoch()).count());
    return std::string(scheme) + "sr=" + sr + "&sig=" + escaped(signature(sr, se, key.key)) +
           "&se=" + se + "&skn=" + escaped(key.name);
}

Result<AccessKey> parse_access_key(const std::string& text) {
    const auto first = text.find(':');
    if (first == std::string::npos || first == 0) return failure("must be NAME:KEY[:RIGHTS]");
    const auto second = text.find(':', first + 1);
    AccessKey key{text.substr(0, first), text.substr(first + 1, second - first - 1), all_rights};
    if (key.key.empty()) return failure("must be NAME:KEY[:RIGHTS]");
    if (second == std::string::npos) return key;
    key.rights = {};
    std::string_view rest = std::string_view(text).substr(second + 1);
    while (!rest.empty()) {
        const std::string right = lower(rest.substr(0, rest.find(',')));
        rest.remove_prefix(std::min(rest.size(), right.size() + 1));
        if (right == "send") {
            key.rights.send = true;
        } else if (right == "listen") {
            key.rights.listen = true;
        } else if (right == "manage") {
            key.rights = all_rights;
        } else {
            return failure("'" + right + "' is no right: Send, Listen or Manage");
        }
    }
    if (!key.rights.any()) return failure("must be NAME:KEY[:RIGHTS]");
    return key;
}

}  // namespace vc::lab::servicebus
