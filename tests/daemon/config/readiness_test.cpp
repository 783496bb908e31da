#include <doctest/doctest.h>

#include <fstream>

#include "daemon/config/config.h"
#include "tests/daemon/loop.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

Config loaded(const std::string& primary, const std::string& standby,
              const std::string& readiness) {
    test::TemporaryDirectory dir;
    std::ofstream(dir.file("key.txt")) << "a key\n";
    std::ofstream(dir.file("vc.yaml")) << R"(platform:
  bridge:
    url: ws://127.0.0.1:9000/ocpp
    identity_prefix: SYN-
    standby_identity_prefix: SYN-STANDBY-
    id_tag: SYNTH01
  primary: )" << primary
                                       << "\n  standby: " << standby << R"(
control: [http://127.0.0.1:9100/ping]
)" << readiness << "\n";
    Errors errors;
    auto config = load_config(dir.file("vc.yaml"), errors);
    for (const Error& error : errors)
        MESSAGE(to_text(error));
    REQUIRE(config);
    return std::move(*config);
}

const std::string sas = "auth: {sas: {key_name: probe, key: {file: key.txt}}}";

}  // namespace

TEST_CASE("without its key nothing is audited") {
    const Config config = loaded("{url: amqp://127.0.0.1:5672, entities: [a]}",
                                 "{url: amqp://127.0.0.1:5673, entities: [a]}", "");
    CHECK_FALSE(config.readiness);
    CHECK_FALSE(config.rules.audits);
}

TEST_CASE("an empty readiness audits at the brokers' own names, every ten minutes") {
    const Config config =
        loaded("{url: amqps://one.servicebus.windows.net, entities: [a], " + sas + "}",
               "{url: \"amqp://[::1]:5673\", entities: [a]}", "readiness: {}");
    REQUIRE(config.readiness);
    REQUIRE(config.rules.audits);
    CHECK(config.readiness->primary.url.text == "https://one.servicebus.windows.net");
    CHECK(config.readiness->primary.url.port == 443);
    CHECK_FALSE(config.readiness->primary.auth);
    CHECK(config.readiness->standby.url.text == "http://[::1]:5673");
    CHECK(config.readiness->ignore.empty());
    CHECK(config.rules.audits->every == 10min);
    CHECK(config.rules.audits->deadline == 30s);
}

TEST_CASE("every part of readiness arrives where it belongs") {
    const Config config =
        loaded("{url: amqp://127.0.0.1:5672, entities: [a], user: u, password: {file: key.txt}}",
               "{url: amqp://127.0.0.1:5673, entities: [a]}",
               "readiness:\n  every: 2m\n  deadline: 5s\n  ignore: [temp-*, \"*/audit\"]\n"
               "  primary: {url: \"http://10.0.0.1:8080\", " +
                   sas + "}\n  standby: {url: https://127.0.0.1}\n");
    CHECK(config.rules.audits->every == 2min);
    CHECK(config.rules.audits->deadline == 5s);
    CHECK(config.readiness->ignore == std::vector<std::string>{"temp-*", "*/audit"});
    CHECK(config.readiness->primary.url.host == "10.0.0.1");
    REQUIRE(config.readiness->primary.auth);
    CHECK(std::get<SasAuth>(*config.readiness->primary.auth).key_name == "probe");
    CHECK(config.readiness->standby.url.tls);
    bool warned = false;
    for (const Error& warning : config.warnings)
        warned =
            warned || warning.message.find("is sent in clear; use https://") != std::string::npos;
    CHECK(warned);
}
