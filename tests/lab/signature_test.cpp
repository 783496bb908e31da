#include "tests/lab/signature.h"

#include <doctest/doctest.h>

using namespace vc::lab;

TEST_CASE("HMAC-SHA256 gives what RFC 4231 says") {
    const std::string digest = hmac_sha256("Jefe", "what do ya want for nothing?");
    CHECK(base64(digest) == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

TEST_CASE("base64 is what RFC 4648 says") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xfb\xff") == "+/8=");
    CHECK(base64url("\xfb\xff") == "-_8");
}

TEST_CASE("base64url is read back, with and without padding") {
    CHECK(from_base64url("-_8").value() == "\xfb\xff");
    CHECK(from_base64url("-_8=").value() == "\xfb\xff");
    CHECK(from_base64url("").value().empty());
    CHECK_FALSE(from_base64url("a").has_value());
    CHECK_FALSE(from_base64url("a+b/").has_value());
}

TEST_CASE("two secrets are the same or not") {
    CHECK(same_secret("abc", "abc"));
    CHECK_FALSE(same_secret("abc", "abd"));
    CHECK_FALSE(same_secret("abc", "abcd"));
}
