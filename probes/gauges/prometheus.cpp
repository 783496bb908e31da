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

constexpr std::string_view part_label = "voltcanary_part";

// The query with a label of ours on its series. A line of its own: it may end in a comment.
std::string marked(const std::string& query, std::string_view part) {
    return "label_replace(\n" + query + "\n, \"" + std::string(part_label) + "\", \"" +
           std::string(part) + "\", \"\", \"\")";
}

Gauge missing(std::string reason) {
    Gauge gauge;
    gauge.reason = std::move(reason);
    return gauge;
}

// Of the one series among `items`; `what` is said where it is not one.
Result<const Json*> only_of(const std::vector<const Json*>& items, const std::string& what) {
    if (items.empty()) return failure("no series matches" + what);
    if (items.size() > 1) {
        return failure(std::to_string(items.size()) + " series match" + what +
                       " where one is needed; aggregate them");
    }
    const Json* value = items.front()->at("value");
    if (value == nullptr) return failure("the series has no value");
    return value;
}

// "[1435781451.781, "1"]", time and number, of the query and of the data's time.
struct Samples {
    const Json* number = nullptr;
    const Json* data_time = nullptr;  // null: none was asked for
};

Result<Samples> samples_of(const Json& answer, bool has_data_time) {
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
    if (type == "scalar" && !has_data_time) return Samples{result, nullptr};
    if (type != "vector") {
        return failure("the query gives a " + std::string(type) + ", not a number");
    }
    std::vector<const Json*> numbers;
    std::vector<const Json*> times;
    for (const Json& item : result->items) {
        const bool is_time = has_data_time && item.text_at("metric." + std::string(part_label)) ==
                                                  std::string_view("data_time");
        (is_time ? times : numbers).push_back(&item);
    }
    const auto number = only_of(numbers, "");
    if (!number) return tl::unexpected(number.error());
    if (!has_data_time) return Samples{*number, nullptr};
    const auto time = only_of(times, " data_time");
    if (!time) return tl::unexpected(time.error());
    return Samples{*number, *time};
}

std::optional<double> number_of(const Json& json) {
    if (json.kind == Json::Kind::integer) return static_cast<double>(json.integer);
    if (json.kind == Json::Kind::number) return json.number;
    return std::nullopt;
}

bool is_pair(const Json& sample) {
    return sample.items.size() == 2 && sample.items[1].kind == Json::Kind::text;
}

std::optional<double> number_in(std::string_view text) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || !std::isfinite(number)) return std::nullopt;
    return number;
}

// Nothing for a time that no clock shows.
std::optional<Duration> age_of(double unix_seconds, Instant now) {
    constexpr double year_2200 = 7'258'118'400;
    if (!(unix_seconds > 0 && unix_seconds < year_2200)) return std::nullopt;
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
    const std::string query =
        question.data_time.empty()
            ? question.query
            : marked(question.query, "value") + " or " + marked(question.data_time, "data_time");
    return question.prefix + "/api/v1/query?query=" + escaped(query);
}

Gauge read_prometheus(std::string_view body, const PrometheusQuestion& question, GaugeRole role,
                      Instant now) {
    const auto json = parse_json(body);
    if (!json) return missing("the answer is no JSON");
    const auto samples = samples_of(*json, !question.data_time.empty());
    if (!samples) return missing(samples.error().message);
    for (const Json* sample : {samples->number, samples->data_time}) {
        if (sample != nullptr && !is_pair(*sample)) {
            return missing("the sample is no pair of time and number");
        }
    }
    const std::vector<Json>& pair = samples->number->items;
    auto time = number_of(pair[0]);
    const auto value = number_in(pair[1].text);
    if (!time) return missing("the sample has no time");
    if (!value) return missing("the value is " + pair[1].text);
    if (samples->data_time != nullptr) time = number_in(samples->data_time->items[1].text);
    const auto age = time ? age_of(*time, now) : std::nullopt;
    if (!age && samples->data_time != nullptr) {
        return missing("the data_time is " + samples->data_time->items[1].text);
    }
    if (!age) return missing("the sample's time is no clock's");
    Gauge gauge;
    gauge.age = *age;
    if (role == GaugeRole::vendor_claim) {
        gauge.vendor = claim_of(*value, question);
    } else {
        gauge.value = *value / question.usual;
    }
    return gauge;
}

}  // namespace vc
