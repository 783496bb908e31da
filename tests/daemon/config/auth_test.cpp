#include "daemon/config/auth.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "daemon/config/config.h"
#include "daemon/host/file.h"
#include "tests/daemon/loop.h"

using namespace vc;

namespace {

// A configuration whose primary broker has these lines, beside files with secrets.
struct Loaded {
    explicit Loaded(const std::string& lines) {
        const std::string string =
            "Endpoint=sb://ns.example/;SharedAccessKeyName=probe;SharedAccessKey=s3cr3t";
        REQUIRE(write_file(dir.file("string"), string + "\n").has_value());
        REQUIRE(write_file(dir.file("emulator"),
                           "Endpoint=sb://bus.example;SharedAccessKeyName=probe;"
                           "SharedAccessKey=s3cr3t;UseDevelopmentEmulator=true")
                    .has_value());
        REQUIRE(write_file(dir.file("secret"), "s3cr3t").has_value());
        REQUIRE(write_file(dir.file("pem"), "-----BEGIN CERTIFICATE-----\n").has_value());
        REQUIRE(::setenv("CREDENTIALS_DIRECTORY", dir.path().c_str(), 1) == 0);
        const std::string text =
            "platform:\n"
            "  bridge: {url: \"ws://127.0.0.1:9000/ocpp\", identity_prefix: SYN-,\n"
            "           standby_identity_prefix: STANDBY-, id_tag: SYNTH01}\n"
            "  primary:\n    entities: [canary-0]\n" +
            lines +
            "  standby: {url: \"amqp://127.0.0.1:5673\", entities: [canary-0]}\n"
            "control: [\"http://127.0.0.1:9100/ping\"]\n"
            "notify: [{http: {url: \"http://127.0.0.1:9300/pages\"}}]\n";
        REQUIRE(write_file(dir.file("c.yaml"), text).has_value());
        Errors errors;
        auto loaded = load_config(dir.file("c.yaml"), errors);
        for (const Error& error : errors)
            MESSAGE(to_text(error));
        REQUIRE(loaded.has_value());
        REQUIRE(::unsetenv("CREDENTIALS_DIRECTORY") == 0);
        config = std::move(*loaded);
    }

    template <class Auth>
    const Auth& auth() const {
        const auto* found = std::get_if<Auth>(&config.primary.auth);
        REQUIRE(found != nullptr);
        return *found;
    }
    std::string words() const { return to_text(config.primary.auth); }

    test::TemporaryDirectory dir;
    Config config;
};

}  // namespace

TEST_CASE("a connection string names the broker, the rule and the key") {
    const Loaded loaded("    auth: {sas: {connection_string: {credential: string}}}\n");
    CHECK(loaded.config.primary.url.text == "amqps://ns.example");
    const auto& sas = loaded.auth<SasAuth>();
    CHECK(sas.connection_string);
    CHECK(sas.key_name == "probe");
    CHECK(sas.key.reveal() == "s3cr3t");
    CHECK(sas.source.path == loaded.dir.file("string"));
    CHECK(loaded.config.primary.management);  // Service Bus has the nodes
    CHECK(loaded.words() == "probe by a shared access key (credential string)");
    CHECK(loaded.config.warnings.empty());
}

TEST_CASE("a url that says the same as the connection string, or more, may stand beside it") {
    const Loaded loaded(
        "    url: amqps://ns.example:5999\n"
        "    auth: {sas: {connection_string: {file: string}}}\n    management: false\n");
    CHECK(loaded.config.primary.url.port == 5999);
    CHECK_FALSE(loaded.config.primary.management);
}

TEST_CASE("tokens in clear beyond this machine are warned of") {
    const Loaded loaded("    auth: {sas: {connection_string: {file: emulator}}}\n");
    CHECK(loaded.config.primary.url.text == "amqp://bus.example");
    REQUIRE(loaded.config.warnings.size() == 1);
    CHECK(loaded.config.warnings[0].message == "url: tokens are sent in clear, use amqps://");
    CHECK(loaded.config.warnings[0].pos.line == 5);
}

TEST_CASE("a rule and its key may stand apart") {
    const Loaded loaded(
        "    url: amqps://ns.example\n"
        "    auth: {sas: {key_name: probe, key: {file: secret}}}\n");
    const auto& sas = loaded.auth<SasAuth>();
    CHECK_FALSE(sas.connection_string);
    CHECK(sas.key_name == "probe");
    CHECK(sas.key.reveal() == "s3cr3t");
}

TEST_CASE("a managed identity asks the metadata service") {
    const Loaded loaded("    url: amqps://ns.example\n    auth: {identity: {}}\n");
    const auto& identity = loaded.auth<IdentityConfig>();
    CHECK(identity.managed());
    CHECK(identity.token_url == "http://169.254.169.254/metadata/identity/oauth2/token");
    CHECK(identity.resource == "https://servicebus.azure.net");
    CHECK(loaded.config.primary.management);
    CHECK(loaded.words() ==
          "managed identity, its own (tokens of "
          "http://169.254.169.254/metadata/identity/oauth2/token)");
}

TEST_CASE("an application asks its directory with a client secret") {
    const Loaded loaded(
        "    url: amqps://ns.example\n"
        "    auth: {identity: {tenant: t, client_id: app, client_secret: {file: secret},\n"
        "                      resource: \"https://sb.example/\"}}\n");
    const auto& identity = loaded.auth<IdentityConfig>();
    CHECK_FALSE(identity.managed());
    CHECK(identity.token_url == "https://login.microsoftonline.com/t/oauth2/v2.0/token");
    CHECK(identity.resource == "https://sb.example");
    CHECK(identity.client_secret.reveal() == "s3cr3t");
    CHECK(loaded.words().find("application app by client credentials (file ") == 0);
}

TEST_CASE("PLAIN, a certificate and ANONYMOUS are for other brokers, which have no management") {
    const Loaded plain(
        "    url: amqps://ns.example\n    auth: {plain: {user: u, password: {file: secret}}}\n");
    CHECK(plain.auth<PlainAuth>().password.reveal() == "s3cr3t");
    CHECK_FALSE(plain.config.primary.management);
    const Loaded certificate(
        "    url: amqps://ns.example\n    auth: {certificate: {certificate: pem, key: pem}}\n");
    CHECK(certificate.auth<CertificateAuth>().key == certificate.dir.file("pem"));
    CHECK(certificate.words() == "certificate " + certificate.dir.file("pem") + " by EXTERNAL");
    const Loaded anonymous("    url: amqps://ns.example\n    auth: anonymous\n");
    CHECK(anonymous.words() == "ANONYMOUS");
}

TEST_CASE("no description of a login has the secret in it") {
    for (const char* auth :
         {"sas: {connection_string: {file: string}}", "sas: {key_name: k, key: {file: secret}}",
          "plain: {user: u, password: {file: secret}}",
          "identity: {tenant: t, client_id: app, client_secret: {file: secret}}"}) {
        const Loaded loaded("    url: amqps://ns.example\n    auth: {" + std::string(auth) + "}\n");
        CHECK(loaded.words().find("s3cr3t") == std::string::npos);
        CHECK(source_of(loaded.config.primary.auth).can_change());
    }
}
