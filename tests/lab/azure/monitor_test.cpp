#include "tests/lab/azure/monitor.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>

using namespace std::chrono_literals;
using namespace vc;
using namespace vc::lab;

namespace json = boost::json;

namespace {

constexpr Instant start{1'763'650'020s};  // 14:47:00, a full minute

// Three minutes of two queues: in minute n the first has n requests, the second ten.
std::deque<Minute> history() {
    std::deque<Minute> minutes;
    for (int n = 1; n <= 3; ++n) {
        Minute minute;
        minute.at = start + std::chrono::minutes(n - 1);
        auto& a = minute.entities["a"];
        a.traffic.incoming_requests = static_cast<std::uint64_t>(n);
        a.traffic.server_errors = static_cast<std::uint64_t>(n);
        a.traffic.sends_timed = static_cast<std::uint64_t>(n);
        a.traffic.send_time = n * 100ms * n;
        a.counts.active = static_cast<std::size_t>(n);
        minute.entities["b"].traffic.incoming_requests = 10;
        minute.connections = 4;
        minutes.push_back(minute);
    }
    return minutes;
}

HttpResponse ask(const std::string& query, const AzureMode& mode = {}, Instant now = start + 3min) {
    HttpRequest request;
    read_target(
        "/id/metrics?api-version=2018-01-01&timespan=2025-11-20T14:47:00Z/"
        "2025-11-20T14:50:00Z&" +
            query,
        request);
    return metrics_answer(request, "/id", history(), mode, now);
}

// The series of the first metric.
json::array series(const HttpResponse& response) {
    REQUIRE(response.status == 200);
    return json::parse(response.body).at_pointer("/value/0/timeseries").as_array();
}

// The values of a series; -1 for a point without one.
std::vector<double> values(const json::value& one, const char* aggregation = "total") {
    std::vector<double> out;
    for (const json::value& point : one.at("data").as_array()) {
        const json::value* value = point.as_object().if_contains(aggregation);
        out.push_back(value == nullptr ? -1 : value->to_number<double>());
    }
    return out;
}

std::string refusal(const HttpResponse& response) {
    CHECK(response.status == 400);
    return std::string(json::parse(response.body).at_pointer("/error/message").as_string());
}

}  // namespace

TEST_CASE("a metric is told minute by minute, over all entities or for each") {
    const auto whole = series(ask("metricnames=IncomingRequests"));
    REQUIRE(whole.size() == 1);
    CHECK(values(whole[0]) == std::vector<double>{11, 12, 13});
    CHECK(whole[0].at("data").at(0).at("timeStamp") == "2025-11-20T14:47:00.000Z");
    const auto each = series(ask("metricnames=IncomingRequests&$filter=EntityName%20eq%20'*'"));
    REQUIRE(each.size() == 2);
    CHECK(each[0].at_pointer("/metadatavalues/0/value") == "a");
    CHECK(values(each[0]) == std::vector<double>{1, 2, 3});
    const auto one = series(ask("metricnames=incomingrequests&$filter=EntityName eq 'b'"));
    CHECK(values(one[0]) == std::vector<double>{10, 10, 10});
}

TEST_CASE("several metrics at once, each with the aggregation asked for or its own") {
    const HttpResponse response =
        ask("metricnames=ServerErrors,ServerSendLatency,ActiveMessages,"
            "ActiveConnections,NamespaceCpuUsage");
    const json::value body = json::parse(response.body);
    REQUIRE(body.at("value").as_array().size() == 5);
    const auto told = [&](int metric, const char* aggregation) {
        return values(body.at_pointer("/value/" + std::to_string(metric) + "/timeseries/0"),
                      aggregation);
    };
    CHECK(told(0, "total") == std::vector<double>{1, 2, 3});
    CHECK(told(1, "average") == std::vector<double>{100, 200, 300});
    CHECK(told(2, "average") == std::vector<double>{1, 2, 3});
    CHECK(told(3, "total") == std::vector<double>{4, 4, 4});
    CHECK(told(4, "maximum") == std::vector<double>{-1, -1, -1});
    const auto most = series(ask("metricnames=ServerErrors&aggregation=Maximum,Total"));
    CHECK(values(most[0], "maximum") == std::vector<double>{1, 2, 3});
    CHECK(values(most[0], "total") == std::vector<double>{1, 2, 3});
}

TEST_CASE("a coarser interval joins minutes") {
    const auto total = series(ask("metricnames=ServerErrors&interval=PT5M"));
    CHECK(values(total[0]) == std::vector<double>{6});
    const auto latency = series(ask("metricnames=ServerSendLatency&interval=PT5M"));
    CHECK(values(latency[0], "average")[0] == doctest::Approx(1400.0 / 6));
}

TEST_CASE("a vendor that lags knows nothing of the last minutes") {
    AzureMode mode{AzureTruth::Lagging, 2min};
    CHECK(values(series(ask("metricnames=ServerErrors", mode))[0]) ==
          std::vector<double>{1, -1, -1});
    CHECK(values(series(ask("metricnames=ServerErrors", mode, start + 5min))[0]) ==
          std::vector<double>{1, 2, 3});
}

TEST_CASE("a vendor that sees no harm tells no errors and a latency as on any day") {
    const AzureMode mode{AzureTruth::AlwaysHealthy};
    CHECK(values(series(ask("metricnames=ServerErrors", mode))[0]) == std::vector<double>{0, 0, 0});
    CHECK(values(series(ask("metricnames=ServerSendLatency", mode))[0], "average") ==
          std::vector<double>{4, 4, 4});
    CHECK(values(series(ask("metricnames=SuccessfulRequests", mode))[0]) ==
          std::vector<double>{11, 12, 13});
}

TEST_CASE("missing data is an error, or points without values") {
    CHECK(ask("metricnames=ServerErrors", {AzureTruth::Missing}).status == 503);
    const AzureMode empty{AzureTruth::Missing, {}, true};
    CHECK(values(series(ask("metricnames=ServerErrors", empty))[0]) ==
          std::vector<double>{-1, -1, -1});
}

TEST_CASE("a query that is not understood is refused in words") {
    CHECK(refusal(ask("metricnames=Nonsense")).starts_with("Failed to find metric configuration"));
    CHECK(refusal(ask("interval=PT10S")) == "The interval 'PT10S' is not supported.");
    CHECK(refusal(ask("aggregation=Median")) == "The aggregation 'Median' is not supported.");
    CHECK(refusal(ask("$filter=Replica eq 'x'")) ==
          "The filter \"Replica eq 'x'\" is not supported.");
    CHECK(refusal(ask("timespan=yesterday")) == "The timespan 'yesterday' is not valid.");
    CHECK(refusal(ask("timespan=1970-01-01T00:00:00Z/2100-01-01T00:00:00Z")) ==
          "The query asks for too many data points.");
    std::string many = "metricnames=ServerErrors";
    for (int i = 0; i < 20; ++i)
        many += ",ServerErrors";
    CHECK(refusal(ask(many)) == "More than 20 metrics were asked for.");
    HttpRequest request;
    read_target("/id/metrics", request);
    CHECK(refusal(metrics_answer(request, "/id", {}, {}, start))
              .starts_with("The api-version query parameter"));
}
