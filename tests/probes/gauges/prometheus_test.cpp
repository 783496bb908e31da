#include "probes/gauges/prometheus.h"

#include <doctest/doctest.h>

#include "probes/random.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

std::string vector_of(const std::string& result) {
    return R"({"status":"success","data":{"resultType":"vector","result":[)" + result + "]}}";
}

std::string series(const std::string& value, const std::string& time = "100.5") {
    return R"({"metric":{"job":"x"},"value":[)" + time + ",\"" + value + "\"]}";
}

std::optional<double> number(const std::string& body, double usual = 1) {
    return read_prometheus(body, {"", "q", {}, {}, usual, ""}, GaugeRole::own_messages,
                           Instant{160s})
        .value;
}

Gauge read(const std::string& body) {
    return read_prometheus(body, {}, GaugeRole::chargers_connected, Instant{160s});
}

VendorClaim claim(const std::string& value, const PrometheusQuestion& question) {
    const Gauge gauge =
        read_prometheus(vector_of(series(value)), question, GaugeRole::vendor_claim, Instant{160s});
    CHECK_FALSE(gauge.value);
    return gauge.vendor;
}

PrometheusQuestion dated() {
    PrometheusQuestion question;
    question.green = Comparison{Comparison::Kind::equal, 1};
    question.data_time = "timestamp(x)";
    return question;
}

// A series of an answer to a query with a data_time.
std::string part(const std::string& name, const std::string& value) {
    return R"({"metric":{"voltcanary_part":")" + name + R"("},"value":[159,")" + value + "\"]}";
}

Gauge read_dated(const std::string& result) {
    return read_prometheus(vector_of(result), dated(), GaugeRole::vendor_claim, Instant{160s});
}

}  // namespace

TEST_CASE("the query is escaped into the path, after the server's own prefix") {
    CHECK(prometheus_path({"/prom", "sum(rate(x{a=\"b c\"}[5m])) > 1.5-_~", {}, {}, 1, ""}) ==
          "/prom/api/v1/query?query=sum%28rate%28x%7Ba%3D%22b%20c%22%7D%5B5m%5D%29%29%20%3E%201.5"
          "-_~");
    CHECK(prometheus_path({"", "\xC3\xA9", {}, {}, 1, ""}) == "/api/v1/query?query=%C3%A9");
}

TEST_CASE("one series or a scalar is a number, with the age of its sample") {
    CHECK(number(vector_of(series("42"))) == 42.0);
    CHECK(number(vector_of(series("-1.5e3"))) == -1500.0);
    CHECK(number(vector_of(series("1200")), 1000) == 1.2);
    CHECK(number(R"({"status":"success","data":{"resultType":"scalar","result":[100,"7"]}})") ==
          7.0);
    CHECK(read(vector_of(series("1"))).age == 59500ms);
    CHECK(read(vector_of(series("1", "100"))).age == 60s);
    CHECK(read(vector_of(series("1"))).reason.empty());
    CHECK(read(vector_of(series("1"))).vendor == VendorClaim::missing);
}

TEST_CASE(
    "a time to come makes no age and keeps the number, one that no clock shows keeps nothing") {
    CHECK(read(vector_of(series("1", "1000"))).age == 0s);
    CHECK(read(vector_of(series("1", "1000"))).value == 1.0);
    for (const char* time : {"0", "-5", "1e300", "9999999999999999999"}) {
        CAPTURE(time);
        CHECK(read(vector_of(series("1", time))).reason == "the sample's time is no clock's");
        CHECK(read(vector_of(series("1", time))).missing());
    }
}

TEST_CASE("the time of the data is asked for in the same request") {
    CHECK(prometheus_path({"", "a", {}, {}, 1, "timestamp(a)"}) ==
          "/api/v1/query?query=label_replace%28%0Aa%0A%2C%20%22voltcanary_part%22%2C%20%22value%22"
          "%2C%20%22%22%2C%20%22%22%29%20or%20label_replace%28%0Atimestamp%28a%29%0A%2C%20%22"
          "voltcanary_part%22%2C%20%22data_time%22%2C%20%22%22%2C%20%22%22%29");
}

TEST_CASE("a stale series that is evaluated now has the age of its data") {
    // Evaluated at 159 s, of data of 40 s.
    const Gauge gauge = read_dated(part("value", "1") + "," + part("data_time", "40"));
    CHECK(gauge.vendor == VendorClaim::green);
    CHECK(gauge.age == 120s);
    CHECK(read_dated(part("data_time", "40.5") + "," + part("value", "0")).age == 119500ms);
    CHECK(read_dated(part("value", "1") + "," + part("data_time", "161")).age == 0s);
}

TEST_CASE("a claim whose data has no time that can be read is missing, with the reason") {
    const auto reason = [](const std::string& result) {
        const Gauge gauge = read_dated(result);
        CHECK(gauge.missing());
        return gauge.reason;
    };
    const std::string value = part("value", "1");
    const std::string time = part("data_time", "40");
    CHECK(reason(value) == "no series matches data_time");
    CHECK(reason(time) == "no series matches");
    CHECK(reason(value + "," + value + "," + time) ==
          "2 series match where one is needed; aggregate them");
    CHECK(reason(value + "," + time + "," + time) ==
          "2 series match data_time where one is needed; aggregate them");
    for (const char* wrong : {"NaN", "+Inf", "0", "-1", "1763650000000", "x"}) {
        CHECK(reason(value + "," + part("data_time", wrong)) ==
              "the data_time is " + std::string(wrong));
    }
    CHECK(reason(value + R"(,{"metric":{"voltcanary_part":"data_time"},"value":[159,40]})") ==
          "the sample is no pair of time and number");
    CHECK(read_prometheus(R"({"status":"success","data":{"resultType":"scalar","result":[9,"7"]}})",
                          dated(), GaugeRole::vendor_claim, Instant{160s})
              .reason == "the query gives a scalar, not a number");
}

TEST_CASE("NaN, infinities, huge numbers and words are missing and named") {
    for (const char* value : {"NaN", "nan", "+Inf", "-Inf", "Inf", "inf", "infinity", "1e999", "",
                              " 1", "1 ", "0x10", "1,5", "one", "+1", "1e", "--1"}) {
        CAPTURE(value);
        const Gauge gauge = read(vector_of(series(value)));
        CHECK_FALSE(gauge.value);
        CHECK(gauge.reason == "the value is " + std::string(value));
    }
}

TEST_CASE("no series and several series are missing, each with its reason") {
    CHECK(read(vector_of("")).reason == "no series matches");
    CHECK(read(vector_of(series("1") + "," + series("2"))).reason ==
          "2 series match where one is needed; aggregate them");
}

TEST_CASE("what is no answer to an instant query is missing and named") {
    const auto reason = [](const char* body) {
        const Gauge gauge = read(body);
        CHECK(gauge.missing());
        return gauge.reason;
    };
    CHECK(reason("<html>") == "the answer is no JSON");
    CHECK(reason("{}") == "the query fails: no status: no error is given");
    CHECK(reason("[]") == "the query fails: no status: no error is given");
    CHECK(reason(R"({"status":"error","errorType":"bad_data","error":"unclosed"})") ==
          "the query fails: bad_data: unclosed");
    CHECK(reason(R"({"status":"success"})") == "the answer has no data.result");
    CHECK(reason(R"({"status":"success","data":{"resultType":"vector","result":{}}})") ==
          "the answer has no data.result");
    CHECK(reason(R"({"status":"success","data":{"resultType":"matrix","result":[]}})") ==
          "the query gives a matrix, not a number");
    CHECK(reason(R"({"status":"success","data":{"resultType":"string","result":[1,"x"]}})") ==
          "the query gives a string, not a number");
    CHECK(reason(R"({"status":"success","data":{"resultType":"vector","result":[7]}})") ==
          "the series has no value");
    CHECK(reason(R"({"status":"success","data":{"resultType":"vector","result":[{"value":7}]}})") ==
          "the sample is no pair of time and number");
    CHECK(reason(R"({"status":"success","data":{"resultType":"scalar","result":[1,2]}})") ==
          "the sample is no pair of time and number");
    CHECK(reason(R"({"status":"success","data":{"resultType":"scalar","result":["1","2"]}})") ==
          "the sample has no time");
}

TEST_CASE("a vendor's claim is what the number's rule makes of it") {
    PrometheusQuestion green;
    green.green = Comparison{Comparison::Kind::equal, 1};
    CHECK(claim("1", green) == VendorClaim::green);
    CHECK(claim("0", green) == VendorClaim::red);
    CHECK(claim("NaN", green) == VendorClaim::missing);
    PrometheusQuestion red;
    red.red = Comparison{Comparison::Kind::more, 0.05};
    CHECK(claim("0.05", red) == VendorClaim::green);
    CHECK(claim("0.06", red) == VendorClaim::red);
}

TEST_CASE("each comparison holds where its sign says") {
    using Kind = Comparison::Kind;
    const auto holds = [](Kind kind) {
        const Comparison comparison{kind, 2};
        return std::string(comparison.holds(1) ? "<" : "") + (comparison.holds(2) ? "=" : "") +
               (comparison.holds(3) ? ">" : "");
    };
    CHECK(holds(Kind::equal) == "=");
    CHECK(holds(Kind::not_equal) == "<>");
    CHECK(holds(Kind::less) == "<");
    CHECK(holds(Kind::at_most) == "<=");
    CHECK(holds(Kind::more) == ">");
    CHECK(holds(Kind::at_least) == "=>");
}

TEST_CASE("no answer of Prometheus can crash the reader") {
    Random random(7);
    const std::string good = vector_of(series("42.5"));
    for (int round = 0; round < 20000; ++round) {
        std::string text = good;
        for (int i = 0; i < 3; ++i)
            text[random.next() % text.size()] = static_cast<char>(random.next());
        const Gauge gauge = read(text.substr(0, text.size() - random.next() % 2));
        CHECK(gauge.missing() != gauge.reason.empty());
    }
}

}  // namespace vc
