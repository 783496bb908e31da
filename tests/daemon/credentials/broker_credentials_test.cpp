#include "daemon/credentials/broker_credentials.h"

#include <doctest/doctest.h>

#include "daemon/credentials/sas.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 1> schemes{"amqps"};

BrokerConfig broker(BrokerAuth auth) {
    BrokerConfig config;
    config.url = *parse_url("amqps://ns.example", schemes);
    config.auth = std::move(auth);
    return config;
}

SasAuth key(const std::string& text) {
    SasAuth sas;
    sas.source = {SecretSource::Kind::file, "/etc/key", "/etc/key"};
    sas.key_name = "probe";
    sas.key = Secret(text);
    return sas;
}

std::string string_with(const std::string& host, const std::string& rule, const std::string& k) {
    return "Endpoint=sb://" + host + ";SharedAccessKeyName=" + rule + ";SharedAccessKey=" + k;
}

}  // namespace

TEST_CASE("PLAIN shows user and password, and no token") {
    BrokerCredentials credentials(Clock(), broker(PlainAuth{"u", {}, Secret("p")}), nullptr);
    CHECK(credentials.login().mechanism == SaslMechanism::plain);
    CHECK(credentials.login().user == "u");
    CHECK(credentials.login().password == "p");
    CHECK_FALSE(credentials.uses_cbs());
    CHECK_FALSE(credentials.token("amqps://ns.example/q", Instant{}).has_value());
    CHECK_FALSE(authorization_for(credentials, "https://ns.example/q", Instant{}).has_value());
    CHECK(credentials.generation() == 0);
    CHECK(credentials.replace(Secret("new")).has_value());
    CHECK(credentials.login().password == "new");
    CHECK(credentials.generation() == 1);
}

TEST_CASE("a certificate is EXTERNAL, nothing is ANONYMOUS") {
    CHECK(
        BrokerCredentials(Clock(), broker(CertificateAuth{"c", "k"}), nullptr).login().mechanism ==
        SaslMechanism::external);
    const BrokerCredentials anonymous(Clock(), broker(AnonymousAuth{}), nullptr);
    CHECK(anonymous.login().mechanism == SaslMechanism::anonymous);
    CHECK_FALSE(anonymous.uses_cbs());
}

TEST_CASE("a key signs a token for each audience, good for an hour from now") {
    const Clock clock;
    const BrokerCredentials credentials(clock, broker(key("k")), nullptr);
    CHECK(credentials.login().mechanism == SaslMechanism::anonymous);
    REQUIRE(credentials.uses_cbs());
    const Instant now = clock.now();
    const auto token = credentials.token("amqps://ns.example/q", now);
    REQUIRE(token.has_value());
    CHECK(token->type == "servicebus.windows.net:sastoken");
    CHECK(token->expires == now + 1h);
    const auto from = token->text.find("&se=") + 4;
    const std::int64_t expiry = std::stoll(token->text.substr(from));
    CHECK(token->text == signed_token("amqps://ns.example/q", "probe", Secret("k"), expiry));
    const std::int64_t wall = clock.wall().unix_ns / 1'000'000'000;
    CHECK(expiry >= wall + 3598);
    CHECK(expiry <= wall + 3600);
}

TEST_CASE("a new key signs from then on, and kept connections are told by the generation") {
    const Clock clock;
    BrokerCredentials credentials(clock, broker(key("old")), nullptr);
    const auto before = credentials.token("a", clock.now());
    CHECK(credentials.replace(Secret("new")).has_value());
    CHECK(credentials.generation() == 1);
    CHECK(credentials.token("a", clock.now())->text != before->text);
}

TEST_CASE("a new connection string brings rule and key, and cannot change the broker") {
    SasAuth sas = key("old");
    sas.connection_string = true;
    BrokerCredentials credentials(Clock(), broker(sas), nullptr);
    CHECK(credentials.replace(Secret(string_with("ns.example", "other", "new"))).has_value());
    CHECK(credentials.generation() == 1);
    CHECK(credentials.token("a", Instant{})->text.ends_with("&skn=other"));

    const auto refused = [&](const std::string& text) {
        const auto result = credentials.replace(Secret(text));
        REQUIRE_FALSE(result.has_value());
        CHECK(credentials.generation() == 1);
        return result.error().message;
    };
    CHECK(refused(string_with("elsewhere.example", "r", "s3cr3t")) ==
          "file /etc/key names another broker, which takes a restart to follow");
    CHECK(refused(string_with("ns.example", "r", "s3cr3t") + ";UseDevelopmentEmulator=true") ==
          "file /etc/key names another broker, which takes a restart to follow");
    CHECK(refused("s3cr3t") == "file /etc/key has a part without a '='");
    CHECK(credentials.token("a", Instant{})->text.ends_with("&skn=other"));
}

TEST_CASE("the broker's HTTP interface is signed for by its address in small letters") {
    const Clock clock;
    const BrokerCredentials credentials(clock, broker(key("k")), nullptr);
    const auto header =
        authorization_for(credentials, "https://NS.example/Q?api-version=2021-05", clock.now());
    REQUIRE(header.has_value());
    CHECK(header->reveal().starts_with(
        "SharedAccessSignature sr=https%3A%2F%2Fns.example%2Fq%3Fapi-version%3D2021-05&sig="));
}
