#include "probes/gauges/azure_monitor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "probes/gauges/utc_time.h"
#include "probes/json.h"

namespace vc {
namespace {

using namespace std::chrono_literals;
using Aggregation = AzureMetric::Aggregation;

constexpr Duration grain = 1min;
constexpr Duration longest_look = 1h;

std::string_view key_of(Aggregation aggregation) {
    switch (aggregation) {
        case Aggregation::total:
            return "total";
        case Aggregation::average:
            return "average";
        case Aggregation::maximum:
            return "maximum";
    }
    return "";
}

struct Point {
    double value = 0;
    Instant at{};
};

std::optional<double> number_at(const Json& object, std::string_view key) {
    const Json* found = object.at(key);
    if (found == nullptr) return std::nullopt;
    if (found->kind == Json::Kind::integer) return static_cast<double>(found->integer);
    if (found->kind == Json::Kind::number) return found->number;
    return std::nullopt;
}

// The newest minute that has a value. Minutes without one are skipped: they are unknown.
std::optional<Point> newest(const Json& series, Aggregation aggregation) {
    std::optional<Point> found;
    const Json* data = series.at("data");
    if (data == nullptr) return found;
    for (const Json& one : data->items) {
        const auto value = number_at(one, key_of(aggregation));
        const auto time = one.text_at("timeStamp");
        const auto at = time ? utc_time(*time) : std::nullopt;
        if (!value || !at) continue;
        if (!found || *at > found->at) found = Point{*value, *at};
    }
    return found;
}

const Json* metric_named(const Json& answer, std::string_view name) {
    const Json* metrics = answer.at("value");
    if (metrics == nullptr) return nullptr;
    for (const Json& metric : metrics->items) {
        if (metric.text_at("name.value") == name) return &metric;
    }
    return nullptr;
}

Result<Point> point_of(const Json& answer, const AzureMetric& wanted, Duration limit, Instant now) {
    const Json* metric = metric_named(answer, wanted.name);
    if (metric == nullptr) return failure("is not in the answer");
    const auto code = metric->text_at("errorCode").value_or("Success");
    if (code != "Success") return failure("fails: " + std::string(code));
    const Json* series = metric->at("timeseries");
    if (series == nullptr || series->items.empty()) return failure("has no series");
    if (series->items.size() > 1) {
        return failure("has " + std::to_string(series->items.size()) +
                       " series where one is needed");
    }
    const auto point = newest(series->items.front(), wanted.aggregation);
    if (!point) return failure("has no minute with a value");
    if (now - point->at > limit) return failure("has no minute younger than " + to_text(limit));
    return *point;
}

}  // namespace

std::vector<AzureMetric> usual_azure_metrics() {
    return {
        // Our own probes send to it every second, so a minute without a request cannot be: what a
        // namespace in trouble answers is zeros.
        {"IncomingRequests", Aggregation::total, {}, 1, false},
        // A handful belongs to every upgrade of a node; more a minute is trouble it admits to.
        {"ServerErrors", Aggregation::total, 10, {}, false},
        // The same handful: a throttled client is told to wait, and a few always are.
        {"ThrottledRequests", Aggregation::total, 10, {}, false},
        // Milliseconds. Tens are ordinary; a second is half of what the probes of a kept connection
        // call late.
        {"ServerSendLatency", Aggregation::average, 1000, {}, false},
        // Percent; beyond nine tenths requests queue. Only the premium tier has it.
        {"NamespaceCpuUsage", Aggregation::maximum, 90, {}, true},
    };
}

std::string azure_monitor_path(const AzureMonitorQuestion& question, Duration limit, Instant now) {
    const Instant to{now.time_since_epoch() / grain * grain};
    const Duration look = std::clamp<Duration>(limit, grain, longest_look);
    const Instant from = to - (look + grain - Duration(1)) / grain * grain;
    std::string names;
    for (const AzureMetric& metric : question.metrics)
        names += (names.empty() ? "" : ",") + metric.name;
    return question.resource + "/providers/microsoft.insights/metrics?api-version=2018-01-01" +
           "&metricnames=" + names + "&timespan=" + utc_text(from) + "/" + utc_text(to) +
           "&interval=PT1M&aggregation=Total,Average,Maximum";
}

Gauge read_azure_monitor(std::string_view body, const AzureMonitorQuestion& question,
                         Duration limit, Instant now) {
    Gauge gauge;
    const auto json = parse_json(body);
    if (!json) {
        gauge.reason = "the answer is no JSON";
        return gauge;
    }
    std::optional<Duration> red;  // age of the youngest that is
    Duration oldest{};
    for (const AzureMetric& metric : question.metrics) {
        const auto point = point_of(*json, metric, limit, now);
        const auto lacks = [&](const std::string& why) {
            if (gauge.reason.empty()) gauge.reason = metric.name + " " + why;
        };
        if (!point) {
            if (!metric.optional) lacks(point.error().message);
            continue;
        }
        const Duration age = std::max(Duration::zero(), now - point->at);
        if (metric.red_above && point->value > *metric.red_above) {
            red = std::min(red.value_or(age), age);
        }
        if (metric.missing_below && point->value < *metric.missing_below) {
            lacks("counts nothing, which cannot be");
        }
        oldest = std::max(oldest, age);
    }
    if (red) {
        gauge.vendor = VendorClaim::red;
        gauge.age = *red;
        gauge.reason.clear();
    } else if (gauge.reason.empty()) {
        gauge.vendor = VendorClaim::green;
        gauge.age = oldest;
    }
    return gauge;
}

}  // namespace vc
