#include "tests/lab/azure/token.h"

#include <boost/json.hpp>
#include <vector>

#include "tests/lab/signature.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr std::string_view issuer = "https://sts.windows.net/";

std::int64_t unix_s(Instant at) {
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

std::string text_of(const json::object& claims, const char* name) {
    const json::value* value = claims.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

std::int64_t number_of(const json::object& claims, const char* name) {
    const json::value* value = claims.if_contains(name);
    return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

}  // namespace

std::string audience_of(std::string_view text) {
    constexpr std::string_view suffix = "/.default";
    if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
    while (text.ends_with('/'))
        text.remove_suffix(1);
    return std::string(text);
}

TokenMint::TokenMint(Random random) {
    for (int i = 0; i < 32; ++i)
        secret_ += static_cast<char>(static_cast<int>(random.ratio() * 256));
}

std::string TokenMint::mint(const TokenClaims& claims, Instant now) const {
    const json::object payload{{"aud", audience_of(claims.audience)},
                               {"iss", std::string(issuer) + claims.tenant + "/"},
                               {"iat", unix_s(now)},
                               {"nbf", unix_s(now)},
                               {"exp", unix_s(claims.expires)},
                               {"appid", claims.client},
                               {"tid", claims.tenant},
                               {"ver", "1.0"}};
    const std::string signed_part =
        base64url(R"({"typ":"JWT","alg":"HS256"})") + "." + base64url(json::serialize(payload));
    return signed_part + "." + base64url(hmac_sha256(secret_, signed_part));
}

Result<TokenClaims> TokenMint::check(std::string_view token, std::string_view audience,
                                     Instant now) const {
    const auto first = token.find('.');
    const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
    if (second == token.npos) return failure("The token is no JSON Web Token.");
    const std::string right = base64url(hmac_sha256(secret_, token.substr(0, second)));
    if (!same_secret(token.substr(second + 1), right)) {
        return failure("The token's signature is not valid.");
    }
    const auto payload = from_base64url(token.substr(first + 1, second - first - 1));
    json::error_code error;
    const json::value read = json::parse(payload.value_or(""), error);
    if (error || !read.is_object()) return failure("The token's claims cannot be read.");
    const json::object& object = read.as_object();
    TokenClaims claims;
    claims.audience = text_of(object, "aud");
    claims.client = text_of(object, "appid");
    claims.tenant = text_of(object, "tid");
    claims.expires = Instant(std::chrono::seconds(number_of(object, "exp")));
    if (claims.audience != audience_of(audience)) {
        return failure("The token's audience " + claims.audience + " is not " +
                       audience_of(audience) + ".");
    }
    if (claims.expires <= now)
        return failure("The token has expired at " + to_text(claims.expires));
    return claims;
}

}  // namespace vc::lab
