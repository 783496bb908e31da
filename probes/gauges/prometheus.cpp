#include "probes/gauges/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "probes/json.h"

namespace vc {
namespace {

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

// RFC 3986: everything but letters, digits and -._~ as %XX.
std::string escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

Gauge missing(std::string reason) {
    Gauge gauge;
    gauge.reason = std::move(reason);
    return gauge;
}

// "[1435781451.781, "1"]": time and number of the one sample, or why there is none.
Result<const Json*> sample_of(const Json& answer) {
    if (answer.text_at("status") != "success") {
        const auto type = answer.text_at("errorType").value_or("no status");
        const auto words = answer.text_at("error").value_or("no error is given");
        return failure("the query fails: " + std::string(type) + ": " + std::string(words));
    }
    const auto type = answer.text_at("data.resultType").value_or("nothing");
    const Json* result = answer.at("data.result");
    if (result == nullptr || result->kind != Json::Kind::array) {
        return failure("the answer has no data.result");
    }
    if (type == "scalar") return result;
    if (type != "vector") {
        return failure("the query gives a " + std::string(type) + ", not a number");
    }
    if (result->items.empty()) return failure("no series matches");
    if (result->items.size() > 1) {
        return failure(std::to_string(result->items.size()) +
                       " series match where one is needed; aggregate them");
    }
    const Json* value = result->items.front().at("value");
    if (value == nullptr) return failure("the series has no value");
    return value;
}

std::optional<double> number_of(const Json& json) {
    if (json.kind == Json::Kind::integer) return static_cast<double>(json.integer);
    if (json.kind == Json::Kind::number) return json.number;
    return std::nullopt;
}

std::optional<double> number_in(std::string_view text) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || !std::isfinite(number)) return std::nullopt;
    return number;
}

// Zero for a time that no clock shows.
Duration age_of(double unix_seconds, Instant now) {
    constexpr double year_2200 = 7'258'118'400;
    if (!(unix_seconds > 0 && unix_seconds < year_2200)) return Duration::zero();
    const Instant at{
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(unix_seconds))};
    return std::max(Duration::zero(), now - at);
}

VendorClaim claim_of(double value, const PrometheusQuestion& question) {
    const bool is_green = question.green ? question.green->holds(value)
                                         : !(question.red && question.red->holds(value));
    return is_green ? VendorClaim::green : VendorClaim::red;
}

}  // namespace

std::string prometheus_path(const PrometheusQuestion& question) {
    return question.prefix + "/api/v1/query?query=" + escaped(question.query);
}

Gauge read_prometheus(std::string_view body, const PrometheusQuestion& question, GaugeRole role,
                      Instant now) {
    const auto json = parse_json(body);
    if (!json) return missing("the answer is no JSON");
    const auto sample = sample_of(*json);
    if (!sample) return missing(sample.error().message);
    const std::vector<Json>& pair = (*sample)->items;
    if (pair.size() != 2 || pair[1].kind != Json::Kind::text) {
        return missing("the sample is no pair of time and number");
    }
    const auto time = number_of(pair[0]);
    const auto value = number_in(pair[1].text);
    if (!time) return missing("the sample has no time");
    if (!value) return missing("the value is " + pair[1].text);
    Gauge gauge;
    gauge.age = age_of(*time, now);
    if (role == GaugeRole::vendor_claim) {
        gauge.vendor = claim_of(*value, question);
    } else {
        gauge.value = *value / question.usual;
    }
    return gauge;
}

}  // namespace vc
