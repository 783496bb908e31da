#include "daemon/credentials/credentials.h"

#include <doctest/doctest.h>

#include "daemon/host/file.h"
#include "tests/daemon/loop.h"
#include "tests/daemon/peer.h"

using namespace vc;

namespace {

struct Running {
    Running()
        : peer(io, [](const test::PeerRequest&) {
              return test::answer(200, R"({"access_token":"jwt","expires_in":3600})");
          }) {
        REQUIRE(write_file(file, "s3cr3t").has_value());
        SasAuth sas;
        sas.source = {SecretSource::Kind::file, file, file};
        sas.key_name = "probe";
        sas.key = sas.read = Secret("s3cr3t");
        config.primary.auth = sas;
        IdentityConfig identity;
        identity.token_url = peer.url("/token");
        config.standby.auth = identity;
        auto made = Credentials::make(io, clock, config,
                                      [this](const CredentialNews& one) { news.push_back(one); });
        REQUIRE(made.has_value());
        credentials = std::move(*made);
        credentials->start();
    }
    ~Running() {
        credentials->stop();
        io.poll();
    }
    bool heard(std::size_t times) {
        return test::run_until(io, [&] { return news.size() >= times; });
    }

    test::TemporaryDirectory dir;
    std::string file = dir.file("key");
    boost::asio::io_context io;
    Clock clock{TimeLapse{100, Clock().wall().unix_ns}};
    Config config;
    test::Peer peer;
    std::vector<CredentialNews> news;
    std::unique_ptr<Credentials> credentials;
};

}  // namespace

TEST_CASE("tokens are fetched and keys rotated while it runs, each told by its broker's name") {
    Running one;
    REQUIRE(one.heard(1));
    CHECK(one.news[0].name == "standby");
    CHECK(one.news[0].renewed);
    CHECK(one.news[0].words == "a token was fetched");
    REQUIRE(one.news[0].expires.has_value());
    const auto token = one.credentials->standby()->token("any", one.clock.now());
    REQUIRE(token.has_value());
    CHECK(token->type == "jwt");
    CHECK(token->text == "jwt");
    CHECK(one.credentials->standby()->generation() == 1);
    const auto header =
        authorization_for(*one.credentials->standby(), "https://h/q", one.clock.now());
    CHECK(header->reveal() == "Bearer jwt");

    REQUIRE(write_file(one.file, "other").has_value());
    REQUIRE(one.heard(2));
    CHECK(one.news[1].name == "primary");
    CHECK(one.news[1].renewed);
    CHECK(one.news[1].words == "file " + one.file + " was read anew");
    CHECK_FALSE(one.news[1].expires.has_value());
    CHECK(one.credentials->primary()->generation() == 1);
}

TEST_CASE("a rotated file that is no good is told of, without what it holds") {
    Running one;
    REQUIRE(write_file(one.file, "hunter2\nhunter2\n").has_value());
    REQUIRE(one.heard(2));
    CHECK(one.news[1].name == "primary");
    CHECK_FALSE(one.news[1].renewed);
    CHECK(one.news[1].words == one.file +
                                   " has more than one line, or a NUL character; what was read "
                                   "before stays in use");
    CHECK(one.credentials->primary()->generation() == 0);
}

TEST_CASE("those who are the same share one fetcher, and each is told") {
    Running one;
    IdentityConfig identity;
    identity.token_url = one.peer.url("/token");
    const auto same = one.credentials->identity("monitor", identity);
    identity.resource = "another";
    const auto other = one.credentials->identity("other", identity);
    REQUIRE(one.heard(2));
    CHECK(one.news[0].name == "standby");
    CHECK(one.news[1].name == "monitor");
    CHECK(one.peer.seen().size() == 1);
    CHECK(*same != *other);
    CHECK((*same)->token(one.clock.now())->text.reveal() == "jwt");
    CHECK((*other)->token(one.clock.now()) == nullptr);  // asked for after the start
}

TEST_CASE("certificates of a token endpoint that cannot be loaded are said before anything runs") {
    boost::asio::io_context io;
    Config config;
    IdentityConfig identity;
    identity.token_url = "https://127.0.0.1:1/token";
    identity.ca = "/no/such/ca.pem";
    config.primary.auth = identity;
    const auto made = Credentials::make(io, Clock(), config, {});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message.starts_with("primary: "));
    CHECK(made.error().message.find("/no/such/ca.pem") != std::string::npos);
}
