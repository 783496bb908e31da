#include "daemon/credentials/identity_tokens.h"

#include <doctest/doctest.h>

#include "daemon/host/spawn.h"
#include "tests/daemon/loop.h"
#include "tests/daemon/peer.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

std::string token_body(const std::string& text, int life_s) {
    return R"({"access_token":")" + text + R"(","expires_in":")" + std::to_string(life_s) + R"("})";
}

// An issuer that answers as the script says, and the tokens of one identity that asks it.
struct Asking {
    explicit Asking(test::Peer::Script script, bool application = false)
        : peer(io, std::move(script)) {
        IdentityConfig identity;
        identity.token_url = peer.url("/token");
        identity.resource = "https://r";
        if (application) {
            identity.source.kind = SecretSource::Kind::file;
            identity.client_id = "app";
            identity.client_secret = Secret("first");
        }
        auto made = IdentityTokens::make(
            io.get_executor(), clock, identity, 1,
            [this](const IdentityTokens::Outcome& outcome) { outcomes.push_back(outcome); });
        REQUIRE(made.has_value());
        tokens = std::move(*made);
        spawn(io.get_executor(), "tokens", tokens->run());
    }
    ~Asking() {
        tokens->stop();
        io.poll();
    }
    bool heard(std::size_t outcomes_wanted) {
        return test::run_until(io, [&] { return outcomes.size() >= outcomes_wanted; });
    }
    std::string text() const {
        const BearerToken* token = tokens->token(clock.now());
        return token == nullptr ? "none" : token->text.reveal();
    }

    boost::asio::io_context io;
    Clock clock{TimeLapse{60, Clock().wall().unix_ns}};
    test::Peer peer;
    std::vector<IdentityTokens::Outcome> outcomes;
    std::unique_ptr<IdentityTokens> tokens;
};

}  // namespace

TEST_CASE("a token is there soon, and a new one before it ends") {
    int number = 0;
    Asking one([&](const test::PeerRequest& request) {
        CHECK(request.head.starts_with(
            "GET /token?api-version=2018-02-01&resource=https%3A%2F%2Fr "));
        CHECK(request.head.find("\r\nMetadata: true\r\n") != std::string::npos);
        return test::answer(200, token_body("token-" + std::to_string(++number), 120));
    });
    CHECK(one.text() == "none");
    REQUIRE(one.heard(1));
    CHECK(one.text() == "token-1");
    CHECK(one.tokens->generation() == 1);
    const Instant first = one.clock.now();
    REQUIRE(one.heard(2));
    CHECK(one.text() == "token-2");
    CHECK(one.tokens->generation() == 2);
    // Half of its 120 s have passed, not all.
    CHECK(one.clock.now() - first > 50s);
    CHECK(one.clock.now() - first < 110s);
    CHECK(one.outcomes[1].expires.has_value());
}

TEST_CASE("the same token again is no new one") {
    Asking one([&](const test::PeerRequest&) { return test::answer(200, token_body("same", 60)); });
    REQUIRE(one.heard(3));
    CHECK(one.tokens->generation() == 1);
}

TEST_CASE(
    "an issuer that fails is asked again and again, and the old token is used until it ends") {
    int asked = 0;
    Asking one([&](const test::PeerRequest&) {
        return ++asked == 1 ? test::answer(200, token_body("old", 60)) : test::answer(503);
    });
    REQUIRE(one.heard(3));
    CHECK(one.text() == "old");
    CHECK_FALSE(one.outcomes[1].renewed);
    CHECK_FALSE(one.outcomes[1].refused);
    CHECK(one.outcomes[1].words == "HTTP 503");
    REQUIRE(test::run_until(one.io, [&] { return one.text() == "none"; }));
    REQUIRE(one.heard(one.outcomes.size() + 1));
    CHECK_FALSE(one.outcomes.back().expires.has_value());
}

TEST_CASE("an issuer that comes back is believed at once") {
    int asked = 0;
    Asking one([&](const test::PeerRequest&) {
        return ++asked <= 3 ? test::answer(404) : test::answer(200, token_body("t", 3600));
    });
    REQUIRE(one.heard(4));
    CHECK(one.text() == "t");
}

TEST_CASE("a refusal is not repeated soon") {
    int asked = 0;
    Asking one([&](const test::PeerRequest&) {
        ++asked;
        return test::answer(401, R"({"error":"invalid_client"})");
    });
    REQUIRE(one.heard(1));
    CHECK(one.outcomes[0].refused);
    const Instant end = one.clock.now() + 50s;
    REQUIRE(test::run_until(one.io, [&] { return one.clock.now() > end; }));
    CHECK(asked == 1);
}

TEST_CASE("a new client secret is used at once, also after a refusal") {
    Asking one(
        [&](const test::PeerRequest& request) {
            const bool right = request.body.find("client_secret=second&") != std::string::npos;
            return right ? test::answer(200, token_body("t", 3600)) : test::answer(401);
        },
        true);
    REQUIRE(one.heard(1));
    CHECK(one.outcomes[0].refused);
    const Instant asked = one.clock.now();
    one.tokens->replace_secret(Secret("second"));
    REQUIRE(one.heard(2));
    CHECK(one.text() == "t");
    CHECK(one.clock.now() - asked < 30s);
}

TEST_CASE("an issuer that never answers holds nobody up") {
    Asking one([&](const test::PeerRequest&) {
        return test::PeerReply{"", test::PeerReply::Then::stall};
    });
    REQUIRE(one.heard(1));
    CHECK(one.outcomes[0].words.ends_with("did not answer in time"));
    one.tokens->stop();
}
