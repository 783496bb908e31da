#include "daemon/credentials/token_request.h"

#include <doctest/doctest.h>

using namespace vc;
using namespace std::chrono_literals;

namespace {

constexpr Instant now{100s};
constexpr WallTime date{1'763'650'000'000'000'000};

IdentityConfig application() {
    IdentityConfig identity;
    identity.token_url = "https://login.example/t/oauth2/v2.0/token";
    identity.resource = "https://servicebus.azure.net";
    identity.client_id = "an app";
    identity.source.kind = SecretSource::Kind::file;
    identity.client_secret = Secret("a+b/c~");
    return identity;
}

auto read(unsigned status, const std::string& body) {
    return read_token(HttpResponse{status, "application/json", body}, date, now);
}

NoToken failure_of(unsigned status, const std::string& body) {
    auto result = read(status, body);
    REQUIRE_FALSE(result.has_value());
    return result.error();
}

}  // namespace

TEST_CASE("a managed identity asks the metadata service, with its header") {
    IdentityConfig identity;
    identity.token_url = "http://169.254.169.254/metadata/identity/oauth2/token";
    identity.resource = "https://servicebus.azure.net";
    HttpRequest request = token_request(identity);
    CHECK(request.method == "GET");
    CHECK(request.url ==
          "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
          "&resource=https%3A%2F%2Fservicebus.azure.net");
    REQUIRE(request.headers.size() == 1);
    CHECK(request.headers[0] == std::pair<std::string, std::string>("Metadata", "true"));
    CHECK(request.body.empty());
    identity.client_id = "one of many";
    request = token_request(identity);
    CHECK(request.url.ends_with("&client_id=one%20of%20many"));
}

TEST_CASE("an application posts a form, with its secret in the body and nowhere else") {
    const HttpRequest request = token_request(application());
    CHECK(request.method == "POST");
    CHECK(request.url == "https://login.example/t/oauth2/v2.0/token");
    CHECK(request.body ==
          "grant_type=client_credentials&client_id=an%20app&client_secret=a%2Bb%2Fc~"
          "&scope=https%3A%2F%2Fservicebus.azure.net%2F.default");
    REQUIRE(request.headers.size() == 1);
    CHECK(request.headers[0].second == "application/x-www-form-urlencoded");
}

TEST_CASE("a token comes with its life, as a number or as text, or as its end") {
    auto token = read(200, R"({"access_token":"abc.def","expires_in":3600})");
    REQUIRE(token.has_value());
    CHECK(token->text.reveal() == "abc.def");
    CHECK(token->expires == now + 1h);
    token = read(200, R"({"access_token":"a","expires_in":"60","expires_on":"1"})");
    CHECK(token->expires == now + 60s);
    token = read(200, R"({"access_token":"a","expires_on":"1763650090"})");
    CHECK(token->expires == now + 90s);
    token = read(200, R"({"access_token":"a","expires_in":9223372036854775807})");
    CHECK(token->expires == now + 48h);
}

TEST_CASE("an answer without a token that could be used is a passing failure") {
    const auto words = [](const std::string& body) {
        const NoToken none = failure_of(200, body);
        CHECK(none.kind == TokenFailure::passing);
        return none.words;
    };
    CHECK(words("s3cr3t") == "the answer is not JSON");
    CHECK(words("[]") == "the answer has no access_token");
    CHECK(words(R"({"access_token":7})") == "the answer has no access_token");
    CHECK(words(R"({"access_token":"a\nb","expires_in":1})") == "the answer has no access_token");
    for (const char* life : {R"("expires_in":0)", R"("expires_in":-5)", R"("expires_in":"1h")",
                             R"("expires_on":"1")", R"("x":1)"}) {
        CHECK(words(R"({"access_token":"s3cr3t",)" + std::string(life) + "}") ==
              "the answer's token is of no duration");
    }
}

TEST_CASE("refusals are told from what passes, as the metadata service documents it") {
    for (const unsigned status : {404U, 408U, 410U, 429U, 500U, 503U, 302U}) {
        CHECK(failure_of(status, "").kind == TokenFailure::passing);
    }
    for (const unsigned status : {400U, 401U, 403U}) {
        CHECK(failure_of(status, "").kind == TokenFailure::refused);
    }
    const auto broken = read_token(
        tl::unexpected(HttpError{HttpError::Kind::unreachable, "connect: refused"}), date, now);
    CHECK(broken.error().kind == TokenFailure::passing);
    CHECK(broken.error().words == "connect: refused");
}

TEST_CASE("a refusal is repeated only in words that cannot hold a secret") {
    CHECK(failure_of(401, R"({"error":"invalid_client","error_description":"s3cr3t is wrong",
                              "error_codes":[7000215]})")
              .words == "HTTP 401, invalid_client (AADSTS7000215)");
    CHECK(failure_of(400, R"({"error":"S3cr3t!"})").words == "HTTP 400");
    CHECK(failure_of(400, R"({"error":"s3cr3t","error_codes":["s3cr3t"]})").words == "HTTP 400");
    CHECK(failure_of(500, "s3cr3t").words == "HTTP 500");
}
