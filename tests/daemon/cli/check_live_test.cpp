#include "daemon/cli/check_live.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "tests/daemon/cli/scratch.h"

using namespace vc;
using namespace std::chrono_literals;
using test::Scratch;
using test::Told;

namespace {

RoundTrip trip(const char* broker, const char* entity, Outcome outcome, Phase phase = Phase::none) {
    RoundTrip trip;
    trip.broker = broker;
    trip.entity = entity;
    trip.seen.outcome = outcome;
    trip.seen.failed_phase = phase;
    trip.seen.finished = trip.seen.due + 1500us;
    trip.seen.phases = {{Phase::tcp, 300us}, {Phase::sasl, 1ms}};
    return trip;
}

LiveFindings good() {
    LiveFindings findings;
    findings.trips = {trip("primary", "canary-0", Outcome::ok),
                      trip("standby", "canary-0", Outcome::late)};
    findings.audit =
        StandbyAudit{1, AuditVerdict::ready, {}, {"queue a: x"}, "3 entities compared"};
    return findings;
}

Config audited() {
    Config config;
    config.primary.url.text = "amqps://one";
    config.standby.url.text = "amqps://two";
    config.readiness.emplace();
    return config;
}

}  // namespace

TEST_CASE("what works is told by phase, and nothing stands in the way") {
    CHECK(verdict_of(good()) == ExitCode::ok);
    CHECK(text_of(good(), audited()) ==
          "primary amqps://one, a round trip over a fresh connection\n"
          "  canary-0: ok in 1.5 ms (tcp 0.3 ms, sasl 1.0 ms)\n"
          "standby amqps://two, a round trip over a fresh connection\n"
          "  canary-0: late in 1.5 ms (tcp 0.3 ms, sasl 1.0 ms)\n"
          "readiness: the standby has what the primary has (3 entities compared)\n"
          "  differs, no obstacle: queue a: x\n");
}

TEST_CASE("a round trip that fails, or cannot be tried, fails the check and is named") {
    LiveFindings findings = good();
    findings.trips[1] = trip("standby", "canary-0", Outcome::timeout, Phase::sasl);
    CHECK(verdict_of(findings) == ExitCode::failed);
    CHECK(text_of(findings, audited())
              .find("  canary-0: FAILED: timeout in phase sasl after 1.5 ms (tcp") !=
          std::string::npos);
    findings = good();
    findings.trips[0].trouble = "certificates\nare missing";
    CHECK(verdict_of(findings) == ExitCode::failed);
    CHECK(text_of(findings, audited()).find("canary-0: NOT TRIED: certificates") !=
          std::string::npos);
}

TEST_CASE("an unfit standby degrades, with each difference by name; so does one that is unknown") {
    LiveFindings findings = good();
    findings.audit = StandbyAudit{
        1, AuditVerdict::unfit, {"queue in: missing on the standby"}, {}, "3 entities compared"};
    CHECK(verdict_of(findings) == ExitCode::degraded);
    CHECK(text_of(findings, audited())
              .find("readiness: THE STANDBY COULD NOT TAKE OVER (3 entities compared)\n"
                    "  UNFIT  queue in: missing on the standby\n") != std::string::npos);
    findings.audit = StandbyAudit{1, AuditVerdict::unreachable, {}, {}, "the standby: timed out"};
    CHECK(verdict_of(findings) == ExitCode::degraded);
    CHECK(text_of(findings, audited()).find("readiness: NOT KNOWN (the standby: timed out)\n") !=
          std::string::npos);
    findings.audit.reset();
    findings.audit_trouble = "no certificates";
    CHECK(verdict_of(findings) == ExitCode::degraded);
    CHECK(text_of(findings, audited()).find("readiness: NOT AUDITED: no certificates\n") !=
          std::string::npos);
}

TEST_CASE("where nothing is audited that is said, and is no fault") {
    LiveFindings findings = good();
    findings.audit.reset();
    CHECK(verdict_of(findings) == ExitCode::ok);
    CHECK(text_of(findings, Config{}).find("not audited, the configuration has no readiness") !=
          std::string::npos);
}

TEST_CASE("brokers that are not there are tried for real, refuse, and fail the check") {
    const Scratch scratch;
    scratch.write_config("readiness: {deadline: 2s}\n");
    // Ports that were free a moment ago.
    std::string text;
    {
        std::ifstream file(scratch.config());
        text.assign(std::istreambuf_iterator<char>(file), {});
    }
    for (const char* port : {"5672", "5673"}) {
        boost::asio::io_context io;
        boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
        text.replace(text.find(port), 4, std::to_string(acceptor.local_endpoint().port()));
    }
    scratch.write("voltcanary.yaml", text);
    const Told told = scratch.run({"check", "--live", "--config", scratch.config()});
    CAPTURE(told.out + told.err);
    CHECK(told.code == 1);
    CHECK(scratch.run({"check", "--config", scratch.config()})
              .out.find("audited every 10m: http://127.0.0.1:") != std::string::npos);
    CHECK(told.out.find("canary-0: FAILED: refused in phase tcp") != std::string::npos);
    CHECK(told.out.find("readiness: NOT KNOWN (the standby: connect 127.0.0.1:") !=
          std::string::npos);
}

TEST_CASE("a configuration with errors is not tried") {
    const Scratch scratch;
    scratch.write("voltcanary.yaml", "mode: odd\n");
    CHECK(scratch.run({"check", "--live", "--config", scratch.config()}).code == 2);
}
