#include "probes/gauges/azure_monitor.h"

#include <doctest/doctest.h>

#include "probes/gauges/utc_time.h"
#include "probes/random.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr Instant now{10h + 30s};

AzureMonitorQuestion usual() {
    return {"/subscriptions/s/x", usual_azure_metrics()};
}

// A minute that began so long ago; an empty value is a minute without one.
std::string minute(Duration ago, const std::string& key, const std::string& value) {
    std::string point = R"({"timeStamp":")" + utc_text(now - ago) + "\"";
    if (!value.empty()) point += ",\"" + key + "\":" + value;
    return point + "}";
}

std::string metric(const std::string& name, const std::string& data,
                   const std::string& code = "Success") {
    return R"({"id":"/x","type":"Microsoft.Insights/metrics","name":{"value":")" + name +
           R"(","localizedValue":"x"},"errorCode":")" + code +
           R"(","unit":"Count","timeseries":[{"metadatavalues":[],"data":[)" + data + "]}]}";
}

std::string answer(const std::vector<std::string>& metrics) {
    std::string all;
    for (const std::string& one : metrics)
        all += (all.empty() ? "" : ",") + one;
    return R"({"cost":0,"timespan":"x","interval":"PT1M","value":[)" + all + "]}";
}

struct Figures {
    std::string requests = "700";
    std::string errors = "0";
    std::string throttled = "0";
    std::string latency = "4.5";
    std::string cpu = "30";
};

std::string namespace_with(const Figures& figures, Duration ago = 150s) {
    return answer({metric("IncomingRequests", minute(ago, "total", figures.requests)),
                   metric("ServerErrors", minute(ago, "total", figures.errors)),
                   metric("ThrottledRequests", minute(ago, "total", figures.throttled)),
                   metric("ServerSendLatency", minute(ago, "average", figures.latency)),
                   metric("NamespaceCpuUsage", minute(ago, "maximum", figures.cpu))});
}

Gauge read(const std::string& body) {
    return read_azure_monitor(body, usual(), 10min, now);
}

}  // namespace

TEST_CASE("full minutes are asked for, back for as long as data may be old") {
    CHECK(azure_monitor_path(usual(), 10min, now) ==
          "/subscriptions/s/x/providers/microsoft.insights/metrics?api-version=2018-01-01"
          "&metricnames=IncomingRequests,ServerErrors,ThrottledRequests,ServerSendLatency,"
          "NamespaceCpuUsage&timespan=1970-01-01T09:50:00Z/1970-01-01T10:00:00Z&interval=PT1M"
          "&aggregation=Total,Average,Maximum");
    CHECK(azure_monitor_path(usual(), 90s, now).find("T09:58:00Z/1970-01-01T10:00:00Z") !=
          std::string::npos);
    CHECK(azure_monitor_path(usual(), 1s, now).find("T09:59:00Z/1970-01-01T10:00:00Z") !=
          std::string::npos);
    CHECK(azure_monitor_path(usual(), 24h, now).find("T09:00:00Z/1970-01-01T10:00:00Z") !=
          std::string::npos);
}

TEST_CASE("a namespace that serves is green, as old as the oldest of its newest minutes") {
    const Gauge gauge = read(namespace_with({}));
    CHECK(gauge.vendor == VendorClaim::green);
    CHECK(gauge.age == 150s);
    CHECK(gauge.reason.empty());
    const std::string mixed = answer(
        {metric("IncomingRequests", minute(90s, "total", "5")),
         metric("ServerErrors", minute(210s, "total", "0") + "," + minute(270s, "total", "90")),
         metric("ThrottledRequests", minute(90s, "total", "0")),
         metric("ServerSendLatency", minute(90s, "average", "4"))});
    CHECK(read(mixed).vendor == VendorClaim::green);
    CHECK(read(mixed).age == 210s);
}

TEST_CASE("a metric above its threshold is red, also when another has no value") {
    for (const Figures& figures :
         {Figures{.errors = "11"}, Figures{.throttled = "11"}, Figures{.latency = "1000.1"},
          Figures{.cpu = "90.5"}, Figures{.errors = "1e30"},
          Figures{.requests = "", .errors = "11"}}) {
        const Gauge gauge = read(namespace_with(figures));
        CHECK(gauge.vendor == VendorClaim::red);
        CHECK(gauge.age == 150s);
        CHECK(gauge.reason.empty());
    }
    for (const Figures& figures :
         {Figures{.errors = "10"}, Figures{.latency = "1000"}, Figures{.cpu = "90"}}) {
        CHECK(read(namespace_with(figures)).vendor == VendorClaim::green);
    }
}

TEST_CASE("a minute without a value is unknown, and the last that has one counts") {
    const std::string lagging = answer(
        {metric("IncomingRequests", minute(270s, "total", "9") + "," + minute(210s, "total", "") +
                                        "," + minute(150s, "total", "")),
         metric("ServerErrors", minute(270s, "total", "12") + "," + minute(210s, "total", "")),
         metric("ThrottledRequests", minute(270s, "total", "0")),
         metric("ServerSendLatency", minute(270s, "average", "4"))});
    CHECK(read(lagging).vendor == VendorClaim::red);
    CHECK(read(lagging).age == 270s);
    CHECK(read(namespace_with({.errors = ""})).vendor == VendorClaim::missing);
    CHECK(read(namespace_with({.errors = ""})).reason == "ServerErrors has no minute with a value");
    CHECK(read(namespace_with({}, 601s)).reason ==
          "IncomingRequests has no minute younger than 10m");
    CHECK(read(namespace_with({}, 600s)).vendor == VendorClaim::green);
}

TEST_CASE("zeros of a namespace that was sent to say nothing") {
    const Gauge gauge = read(namespace_with({.requests = "0", .latency = "0"}));
    CHECK(gauge.vendor == VendorClaim::missing);
    CHECK(gauge.reason == "IncomingRequests counts nothing, which cannot be");
}

TEST_CASE("a metric that not every tier has may be absent, the others may not") {
    CHECK(read(namespace_with({.cpu = ""})).vendor == VendorClaim::green);
    CHECK(read(answer({})).reason == "IncomingRequests is not in the answer");
    CHECK(read(answer({metric("IncomingRequests", minute(90s, "total", "1"), "InternalError")}))
              .reason == "IncomingRequests fails: InternalError");
    CHECK(read(R"({"value":[{"name":{"value":"IncomingRequests"},"timeseries":[]}]})").reason ==
          "IncomingRequests has no series");
    CHECK(
        read(R"({"value":[{"name":{"value":"IncomingRequests"},"timeseries":[{},{}]}]})").reason ==
        "IncomingRequests has 2 series where one is needed");
    CHECK(read(R"({"value":[{"name":{"value":"IncomingRequests"},"timeseries":[7]}]})").reason ==
          "IncomingRequests has no minute with a value");
}

TEST_CASE("a value of another kind, or a time that is none, is no value") {
    for (const char* value : {"\"5\"", "null", "[]", "true"}) {
        CAPTURE(value);
        CHECK(read(namespace_with({.requests = value})).vendor == VendorClaim::missing);
    }
    CHECK(read(answer({metric("IncomingRequests", R"({"timeStamp":"soon","total":5})")})).reason ==
          "IncomingRequests has no minute with a value");
    CHECK(read("<html>").reason == "the answer is no JSON");
    CHECK(read("[]").missing());
    CHECK(read(R"({"value":7})").missing());
}

TEST_CASE("no answer of Azure can crash the reader") {
    Random random(11);
    const std::string good = namespace_with({});
    for (int round = 0; round < 5000; ++round) {
        std::string text = good;
        for (int i = 0; i < 5; ++i)
            text[random.next() % text.size()] = static_cast<char>(random.next());
        const Gauge gauge = read(text);
        CHECK(gauge.missing() != gauge.reason.empty());
    }
}

}  // namespace vc
