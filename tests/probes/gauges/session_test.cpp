#include "probes/gauges/session.h"

#include <doctest/doctest.h>

#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

class Shown : public Authorization {
  public:
    std::optional<std::string> value;
    mutable std::vector<Instant> asked;
    std::optional<std::string> header(Instant now) const override {
        asked.push_back(now);
        return value;
    }
};

GaugeSpec spec(GaugeRole role = GaugeRole::vendor_claim) {
    GaugeSpec spec;
    spec.role = role;
    spec.source = "claims";
    spec.limit = 10min;
    spec.server = {"monitor.example", 80, "", false};
    spec.question = AvailabilityQuestion{"/status?x=1"};
    return spec;
}

GaugeSpec number_spec(double usual) {
    GaugeSpec numbers = spec(GaugeRole::chargers_connected);
    numbers.question = PrometheusQuestion{"", "up", {}, {}, usual, ""};
    return numbers;
}

std::string ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string claim(const std::string& state) {
    return R"({"properties":{"availabilityState":")" + state +
           R"(","reportedTime":"1970-01-01T00:01:40Z"}})";
}

std::string number(const std::string& value) {
    return R"({"status":"success","data":{"resultType":"scalar","result":[100,")" + value +
           R"("]}})";
}

Gauge read_over_http(const std::string& answer, GaugeSpec of = spec(),
                     Instant now = Instant{160s}) {
    Drive drive(make_gauge_session(std::move(of)));
    drive.now = now;
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.bytes(answer);
    if (drive.gauges.empty()) drive.lose(CloseReason::peer_closed);
    REQUIRE(drive.gauges.size() == 1);
    CHECK(drive.seen.empty());
    return drive.gauges.front();
}

}  // namespace

TEST_CASE("a gauge carries its role, its source and its limit, read or missing") {
    for (const std::string& body : {claim("Available"), std::string("{}")}) {
        const Gauge gauge = read_over_http(ok(body));
        CHECK(gauge.role == GaugeRole::vendor_claim);
        CHECK(gauge.source == "claims");
        CHECK(gauge.limit == 10min);
    }
}

TEST_CASE("only a whole 200 with the right answer counts; anything else says what it was") {
    CHECK(read_over_http(ok(claim("Available"))).vendor == VendorClaim::green);
    CHECK(read_over_http(ok(claim("Available"))).age == 60s);
    CHECK(read_over_http("HTTP/1.1 200 OK\r\n\r\n" + claim("Degraded")).vendor == VendorClaim::red);
    const auto reason = [](const std::string& answer) {
        const Gauge gauge = read_over_http(answer);
        CHECK(gauge.missing());
        CHECK(gauge.age == 0s);
        return gauge.reason;
    };
    const auto status = [&](const std::string& line) {
        return reason("HTTP/1.1 " + line + "\r\nContent-Length: 9\r\n\r\n");
    };
    CHECK(reason(ok("<html>")) == "the answer is no JSON");
    CHECK(status("401 X") == "HTTP 401: we are not let in");
    CHECK(status("403 X") == "HTTP 403: we may not read this");
    CHECK(status("404 X") == "HTTP 404: there is nothing there");
    CHECK(status("429 X") == "HTTP 429: it was asked too often");
    CHECK(status("503 X") == "HTTP 503");
    CHECK(status("400 X") == "HTTP 400: the question is not understood");
    CHECK(status("302 X\r\nLocation: /elsewhere") == "HTTP 302: redirects are not followed");
    CHECK(reason("nonsense") == "the answer is no HTTP, or too long");
    CHECK(reason("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{") ==
          "the answer is no HTTP, or too long");
    CHECK(reason("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{") ==
          "the answer is no HTTP, or too long");
    CHECK(reason("") == "reset at call");
}

TEST_CASE("data older than its limit is missing, a number beyond measure too") {
    CHECK(read_over_http(ok(claim("Available")), spec(), Instant{100s + 10min}).vendor ==
          VendorClaim::green);
    const Gauge old = read_over_http(ok(claim("Available")), spec(), Instant{101s + 10min});
    CHECK(old.vendor == VendorClaim::missing);
    CHECK(old.reason == "the data is older than 10m");
    const Gauge old_number = read_over_http(ok(number("5")), number_spec(1), Instant{101s + 10min});
    CHECK_FALSE(old_number.value);
    CHECK(old_number.reason == "the data is older than 10m");
    CHECK(read_over_http(ok(number("1e9")), number_spec(1)).value == 1e9);
    CHECK(read_over_http(ok(number("1.1e9")), number_spec(1)).reason ==
          "the value is beyond measure");
    CHECK(read_over_http(ok(number("1e300")), number_spec(1e-300)).reason ==
          "the value is beyond measure");
}

TEST_CASE("a number is a share of what is usual, kept to six decimals") {
    CHECK(read_over_http(ok(number("900")), number_spec(1200)).value == 0.75);
    CHECK(read_over_http(ok(number("1")), number_spec(3)).value == 0.333333);
}

TEST_CASE("a peer's words are cut to one printable line") {
    const Gauge gauge = read_over_http(ok(claim("\\n\\u0007" + std::string(500, 'x'))));
    CHECK(gauge.reason.starts_with("the state is ??xxx"));
    CHECK(gauge.reason.size() == 200);
}

TEST_CASE(
    "no answer, no connection and a stop make a missing gauge, and an old one is not repeated") {
    Drive drive(make_gauge_session(spec()));
    drive.now = Instant{160s};
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.bytes(ok(claim("Available")));
    drive.close();
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.pass(3s);
    drive.close();
    drive.start(Channel::CT, 1s);
    drive.fail_connect(Outcome::refused, Phase::tcp);
    drive.start(Channel::CT, 1s);
    drive.stop();
    REQUIRE(drive.gauges.size() == 4);
    CHECK(drive.gauges[0].vendor == VendorClaim::green);
    CHECK(drive.gauges[1].reason == "timeout at call");
    CHECK(drive.gauges[2].reason == "refused at tcp");
    CHECK(drive.gauges[3].reason == "abandoned");
    for (std::size_t i = 1; i < 4; ++i)
        CHECK(drive.gauges[i].missing());
}

TEST_CASE("each request shows what there is to show at that moment, and without it none is made") {
    auto shown = std::make_shared<Shown>();
    GaugeSpec guarded = spec();
    guarded.authorization = shown;
    Drive drive(make_gauge_session(guarded));
    drive.now = Instant{160s};
    shown->value = "Bearer one";
    drive.start(Channel::CT, 1s);
    drive.pass(500ms);
    drive.connect();
    CHECK(drive.take_sent().find("\r\nAuthorization: Bearer one\r\n") != std::string::npos);
    CHECK(shown->asked == std::vector<Instant>{Instant{160s + 500ms}});
    drive.bytes(ok(claim("Available")));
    drive.close();

    for (const auto& value : {std::optional<std::string>(), std::optional<std::string>("a\r\nB: c"),
                              std::optional<std::string>("caf\xC3\xA9")}) {
        shown->value = value;
        drive.start(Channel::CT, 1s);
        drive.connect();
        CHECK(drive.take_sent().empty());
        drive.close();
        CHECK(drive.gauges.back().reason == "there is nothing to show to be let in");
    }
    shown->value = "Bearer two";
    drive.start(Channel::CT, 1s);
    drive.connect();
    CHECK(drive.take_sent().find("Bearer two\r\n") != std::string::npos);
    drive.bytes("HTTP/1.1 401 X\r\nContent-Length: 10\r\n\r\nBearer two");
    CHECK(drive.gauges.back().reason == "HTTP 401: we are not let in");
}

TEST_CASE("what is asked for is what the question says") {
    const auto asked = [](const GaugeQuestion& question) {
        GaugeSpec of = spec();
        of.question = question;
        Drive drive(make_gauge_session(of));
        drive.now = Instant{10h};
        drive.start(Channel::CT, 1s);
        drive.connect();
        const std::string sent = drive.take_sent();
        return sent.substr(0, sent.find(" HTTP/1.1"));
    };
    CHECK(asked(AvailabilityQuestion{"/status?x=1"}) == "GET /status?x=1");
    CHECK(asked(PrometheusQuestion{"", "up", {}, {}, 1}) == "GET /api/v1/query?query=up");
    AzureMetric errors;
    errors.name = "ServerErrors";
    CHECK(asked(AzureMonitorQuestion{"/s", {errors}}) ==
          "GET /s/providers/microsoft.insights/metrics?api-version=2018-01-01"
          "&metricnames=ServerErrors&timespan=1970-01-01T09:50:00Z/1970-01-01T10:00:00Z"
          "&interval=PT1M&aggregation=Total,Average,Maximum");
}

}  // namespace vc
