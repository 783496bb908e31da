#include "tests/lab/azure/token.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace vc;
using namespace vc::lab;

namespace {

constexpr Instant now{1'763'650'000s};

TokenMint mint_of(std::uint64_t seed) {
    return TokenMint(Random(seed, "tokens"));
}

std::string token(const TokenMint& mint) {
    TokenClaims claims;
    claims.audience = "https://servicebus.azure.net/.default";
    claims.client = "watcher";
    claims.tenant = "lab";
    claims.expires = now + 1h;
    return mint.mint(claims, now);
}

std::string refusal(const TokenMint& mint, const std::string& text, Instant at = now) {
    const auto checked = mint.check(text, service_bus_audience, at);
    return checked ? "" : checked.error().message;
}

}  // namespace

TEST_CASE("a token is good for its audience until it expires") {
    const TokenMint mint = mint_of(1);
    const auto claims = mint.check(token(mint), service_bus_audience, now + 59min);
    REQUIRE(claims.has_value());
    CHECK(claims->client == "watcher");
    CHECK(claims->tenant == "lab");
    CHECK(claims->expires == now + 1h);
    CHECK(refusal(mint, token(mint), now + 1h) ==
          "The token has expired at 2025-11-20T15:46:40.000Z");
}

TEST_CASE("a token of another mint, changed, for something else, or none at all is refused") {
    const TokenMint mint = mint_of(1);
    const std::string bad_signature = "The token's signature is not valid.";
    CHECK(refusal(mint, token(mint_of(2))) == bad_signature);
    std::string changed = token(mint);
    changed[changed.find('.') + 3] ^= 1;
    CHECK(refusal(mint, changed) == bad_signature);
    CHECK(refusal(mint, "not.a token") == "The token is no JSON Web Token.");
    CHECK(refusal(mint, "") == "The token is no JSON Web Token.");
    const auto elsewhere = mint.check(token(mint), management_audience, now);
    REQUIRE_FALSE(elsewhere.has_value());
    CHECK(elsewhere.error().message ==
          "The token's audience https://servicebus.azure.net is not https://management.azure.com.");
}

TEST_CASE("a scope, a resource and a resource with a slash are the same audience") {
    CHECK(audience_of("https://servicebus.azure.net//.default") == service_bus_audience);
    CHECK(audience_of("https://servicebus.azure.net/.default") == service_bus_audience);
    CHECK(audience_of("https://management.azure.com/") == management_audience);
}
