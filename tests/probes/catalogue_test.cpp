#include "probes/catalogue.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/probes/amqp_peer.h"
#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

ProbeSpec full(Channel channel) {
    ProbeSpec spec;
    spec.channel = channel;
    spec.host = "host.example";
    spec.port = 1234;
    spec.path = "/ocpp";
    spec.identity = "CP 1/a";
    spec.id_tag = "TAG";
    spec.entity = "canary-0";
    spec.fresh_entity = "canary-0-fresh";
    spec.management = true;
    spec.run = "run-1";
    spec.budget = 5s;
    return spec;
}

std::string refusal(Channel channel, const std::function<void(ProbeSpec&)>& spoil) {
    ProbeSpec spec = full(channel);
    spoil(spec);
    const auto made = make_probe(spec);
    REQUIRE_FALSE(made);
    return made.error().message;
}

}  // namespace

TEST_CASE("there is one kind for every channel, and each makes a session that asks to connect") {
    CHECK(probe_kinds().size() == all_channels.size());
    for (const Channel channel : all_channels) {
        CHECK(probe_kind(channel).channel == channel);
        CHECK_FALSE(probe_kind(channel).what.empty());
        CHECK(probe_kind(channel).budget > 0s);
        auto made = make_probe(full(channel));
        REQUIRE(made);
        Drive drive(std::move(*made));
        drive.start(channel, 5s);
        Leg leg = 0;
        while (leg + 1 < most_legs && !drive.lines[leg].wanted)
            ++leg;
        CHECK(drive.lines[leg].wanted);
        drive.connect(leg);
        CHECK_FALSE(drive.lines[leg].sent.empty());
        drive.abandon();
        CHECK(drive.one().outcome == Outcome::abandoned);
    }
}

TEST_CASE("an identity is encoded into the path, and credentials go into the upgrade") {
    for (const Channel channel : {Channel::HB, Channel::BH}) {
        ProbeSpec spec = full(channel);
        spec.user = "u";
        spec.password = "p";
        Drive drive(std::move(*make_probe(spec)));
        drive.start(channel, 5s);
        drive.connect();
        CHECK(drive.sent.starts_with("GET /ocpp/CP%201%2Fa HTTP/1.1\r\n"));
        CHECK(drive.sent.find("Authorization: Basic dTpw\r\n") != std::string::npos);
        CHECK(drive.sent.find("Sec-WebSocket-Protocol: ocpp1.6\r\n") != std::string::npos);
    }
}

TEST_CASE("a broker is shown the user and password, or the credentials, or nobody") {
    const auto shown = [](const std::function<void(ProbeSpec&)>& change) {
        ProbeSpec spec = full(Channel::DL);
        change(spec);
        Drive drive(std::move(*make_probe(spec)));
        drive.start(Channel::DL, 5s);
        drive.connect();
        drive.bytes(sasl_header() + sasl_mechanisms("PLAIN"));
        return drive.sent;
    };
    CHECK(shown([](ProbeSpec&) {}).find("PLAIN") == std::string::npos);
    const std::string plain = shown([](ProbeSpec& spec) {
        spec.user = "u";
        spec.password = "p";
    });
    CHECK(plain.find(std::string("\0u\0p", 4)) != std::string::npos);
    class External : public AmqpCredentials {
        AmqpLogin login() const override { return {SaslMechanism::external, "", ""}; }
        bool uses_cbs() const override { return false; }
        std::optional<CbsToken> token(std::string_view, Instant) const override { return {}; }
        std::uint64_t generation() const override { return 0; }
    };
    const std::string external = shown([](ProbeSpec& spec) {
        spec.user = "u";
        spec.credentials = std::make_shared<External>();
    });
    CHECK(external.find("PLAIN") == std::string::npos);
}

TEST_CASE("what a spec lacks is named") {
    CHECK(refusal(Channel::CT, [](ProbeSpec& s) { s.host.clear(); }) == "probe CT needs a host");
    CHECK(refusal(Channel::CT, [](ProbeSpec& s) { s.port = 0; }) == "probe CT needs a port");
    CHECK(refusal(Channel::CT, [](ProbeSpec& s) { s.budget = 0s; }) ==
          "probe CT needs a positive budget");
    for (const char* path : {"", "status", "/a b", "/a\r\nX: y"}) {
        for (const Channel channel : {Channel::CT, Channel::BH, Channel::HB}) {
            CHECK(refusal(channel, [path](ProbeSpec& s) { s.path = path; }) ==
                  "probe " + std::string(to_text(channel)) +
                      " needs a path that begins with / and has no blanks");
        }
    }
    CHECK(refusal(Channel::BH, [](ProbeSpec& s) { s.identity.clear(); }) ==
          "probe BH needs an identity");
    CHECK(refusal(Channel::HB, [](ProbeSpec& s) { s.identity.clear(); }) ==
          "probe HB needs an identity");
    CHECK(refusal(Channel::TX, [](ProbeSpec& s) { s.id_tag.clear(); }) ==
          "probe TX needs an id tag of at most 20 characters");
    CHECK(refusal(Channel::HB, [](ProbeSpec& s) { s.id_tag = std::string(21, 'x'); }) ==
          "probe HB needs an id tag of at most 20 characters");
    CHECK(refusal(Channel::SC, [](ProbeSpec& s) { s.run = "a b"; }) ==
          "probe SC needs a run of letters, digits, '-', '_' and '.', at most 20");
    CHECK(refusal(Channel::DL, [](ProbeSpec& s) { s.entity.clear(); }) ==
          "probe DL needs an entity");
    CHECK(refusal(Channel::SF, [](ProbeSpec& s) { s.run.clear(); }) ==
          "probe SF needs a run of letters, digits, '-', '_' and '.'");
}

}  // namespace vc
