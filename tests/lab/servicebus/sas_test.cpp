#include "tests/lab/servicebus/sas.h"

#include <doctest/doctest.h>

#include "tests/lab/servicebus/tracking.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

const std::vector<AccessKey> keys = {{"root", "c2VjcmV0", all_rights},
                                     {"sender", "x+/=", {true, false, false}},
                                     {"scoped", "key", {false, true, false}, "Orders"}};
constexpr Instant now{1'795'000'000s};

TEST_CASE("a token signed with a key opens what its resource covers, until it expires") {
    const std::string token = make_sas("sb://Host/orders", keys[0], now + 60s);
    for (const char* audience :
         {"sb://host/orders", "amqps://HOST:5671/Orders/", "https://host/orders/$management?x=1",
          "orders", "sb://host/orders/Subscriptions/s"}) {
        const auto access = check_sas(token, audience, keys, now);
        REQUIRE_MESSAGE(access, audience);
        CHECK(access->rights == all_rights);
        CHECK(access->expires == now + 60s);
        CHECK(access->key_name == "root");
    }
    CHECK(check_sas(make_sas("sb://host/", keys[1], now + 1s), "sb://host/q", keys, now)->rights ==
          Rights{true, false, false});
    CHECK(check_sas(make_sas("sb://host/orders", keys[2], now + 1s), "orders", keys, now));
}

// Made with openssl dgst -sha256 -hmac, not with the code under test.
TEST_CASE("the signature is HMAC-SHA256 over resource and expiry, with the key as text") {
    const std::string token =
        "SharedAccessSignature sr=sb%3a%2f%2fhost%2fq&"
        "sig=2apu08QWledEIeGeuo9C20pZs%2F9xK2kpzUxWLeFf1cY%3D&se=1795000060&skn=root";
    const std::string made = make_sas("sb://host/q", {"root", "c2VjcmV0"}, now + 60s);
    CHECK(made.find("sr=sb%3A%2F%2Fhost%2Fq&") != std::string::npos);
    CHECK(check_sas(token, "sb://host/q", keys, now));
}

std::string refusal(const std::string& token, const std::string& audience = "sb://host/q",
                    Instant at = now) {
    const auto access = check_sas(token, audience, keys, at);
    REQUIRE_FALSE(access);
    return access.error().message;
}

TEST_CASE("each thing that can be wrong with a token has its words") {
    const std::string good = make_sas("sb://host/q", keys[0], now + 60s);
    CHECK(refusal("Bearer x") == "MalformedToken: it is no access signature");
    CHECK(refusal("SharedAccessSignature sr=a&se=1&skn=b") == "MalformedToken: no sig");
    CHECK(refusal("SharedAccessSignature sr=a&sig=b&se=1x&skn=b") ==
          "MalformedToken: se is no time");
    CHECK(refusal("SharedAccessSignature sr=a&sig=b&se=99999999999999&skn=b") ==
          "MalformedToken: se is no time");
    const std::string forged = "InvalidSignature: The token has an invalid signature.";
    CHECK(refusal(make_sas("sb://host/q", {"root", "other"}, now + 60s)) == forged);
    CHECK(refusal(make_sas("sb://host/q", {"nobody", "c2VjcmV0"}, now + 60s)) == forged);
    CHECK(refusal(good + "x") == forged);
    CHECK(refusal(good, "sb://host/q", now + 60s).starts_with("ExpiredToken: The token is"));
    const std::string other = "InvalidAudience: the token is not for 'sb://host/qq'.";
    CHECK(refusal(good, "sb://host/qq") == other);
    CHECK(refusal(good, "sb://elsewhere/q").starts_with("InvalidAudience"));
    CHECK(refusal(make_sas("sb://host/", keys[2], now + 60s)).starts_with("InvalidAudience"));
}

TEST_CASE("a key is read from NAME:KEY:RIGHTS") {
    CHECK(parse_access_key("root:abc=")->key == "abc=");
    CHECK(parse_access_key("root:abc=")->rights == all_rights);
    CHECK(parse_access_key("a:b:Send,Listen")->rights == Rights{true, true, false});
    CHECK(parse_access_key("a:b:Manage")->rights == all_rights);
    CHECK(parse_access_key("a").error().message == "must be NAME:KEY[:RIGHTS]");
    CHECK(parse_access_key("a:").error().message == "must be NAME:KEY[:RIGHTS]");
    CHECK(parse_access_key("a:b:").error().message == "must be NAME:KEY[:RIGHTS]");
    CHECK(parse_access_key("a:b:Own").error().message ==
          "'own' is no right: Send, Listen or Manage");
}

TEST_CASE("an error is tracked once, and the ids are of the seed") {
    Tracking one(1, "primary");
    Tracking same(1, "primary");
    const AmqpError error = one.tracked({"amqp:not-found", "Gone."}, "q", now);
    CHECK(error.description.starts_with("Gone. TrackingId:"));
    CHECK(error.description.find("SystemTracker:primary:q, Timestamp:2026-11-18T") !=
          std::string::npos);
    CHECK(error.description == same.tracked({"amqp:not-found", "Gone."}, "q", now).description);
    CHECK(one.tracked(error, "q", now).description == error.description);
    CHECK(one.tracked({}, "q", now).description.empty());
}

}  // namespace
}  // namespace vc::lab::servicebus
