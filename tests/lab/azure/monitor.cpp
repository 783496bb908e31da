#include "tests/lab/azure/monitor.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <set>

#include "tests/lab/servicebus/atom_xml.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr std::int64_t most_points = 200'000;  // of all series together

struct Query {
    std::vector<const MetricKind*> kinds;
    Instant from, to;
    Duration grain = 1min;
    std::set<std::string> aggregations;  // lower case; empty: each metric's own
    bool split = false;                  // a series for each entity
    std::string entity;                  // only this one
};

std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> out;
    std::size_t from = 0;
    while (from <= text.size()) {
        const auto comma = std::min(text.find(',', from), text.size());
        const auto first = text.find_first_not_of(' ', from);
        if (first < comma) {
            const auto last = text.find_last_not_of(' ', comma - 1);
            out.push_back(text.substr(first, last - first + 1));
        }
        from = comma + 1;
    }
    return out;
}

// "2026-03-18T22:00:00Z", with a fraction or without.
std::optional<Instant> instant_of(const std::string& text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0;
    double second = 0;
    if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%lf", &year, &month, &day, &hour, &minute,
                    &second) != 6) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok() || year < 1970 || year > 2200 || !(second >= 0 && second < 61)) {
        return std::nullopt;
    }
    const auto days = std::chrono::sys_days(date).time_since_epoch();
    return Instant(days + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                   std::chrono::milliseconds(static_cast<int>(second * 1000)));
}

HttpResponse bad(const std::string& message) {
    return arm_error(400, "BadRequest", message);
}

std::optional<HttpResponse> read_kinds(const HttpRequest& request, Query& query) {
    const auto names = words(request.argument("metricnames"));
    for (const std::string& name : names) {
        const MetricKind* kind = metric_kind(name);
        if (kind == nullptr) {
            std::string valid;
            for (const MetricKind& one : metric_kinds())
                valid += (valid.empty() ? "" : ",") + std::string(one.name);
            return bad(
                "Failed to find metric configuration for provider: Microsoft.ServiceBus, "
                "resource Type: namespaces, metric: " +
                name + ", Valid metrics: " + valid);
        }
        query.kinds.push_back(kind);
    }
    if (names.size() > 20) return bad("More than 20 metrics were asked for.");
    if (names.empty()) query.kinds.push_back(&metric_kinds().front());
    return std::nullopt;
}

std::optional<HttpResponse> read_times(const HttpRequest& request, Instant now, Query& query) {
    query.to = now;
    query.from = now - 1h;
    const std::string span = request.argument("timespan");
    if (!span.empty()) {
        const auto slash = span.find('/');
        const auto from = instant_of(span.substr(0, slash));
        const auto to =
            slash == std::string::npos ? std::nullopt : instant_of(span.substr(slash + 1));
        if (!from || !to || *from >= *to) return bad("The timespan '" + span + "' is not valid.");
        query.from = *from;
        query.to = *to;
    }
    const std::string grain = request.argument("interval");
    if (grain.empty()) return std::nullopt;
    const auto length = servicebus::duration_of(grain);
    if (!length || *length % 1min != 0s || *length < 1min || *length > 24h) {
        return bad("The interval '" + grain + "' is not supported.");
    }
    query.grain = *length;
    return std::nullopt;
}

// EntityName eq 'x', or '*' for each of them.
std::optional<HttpResponse> read_filter(const HttpRequest& request, Query& query) {
    const std::string filter = request.argument("$filter");
    if (filter.empty()) return std::nullopt;
    const std::string low = servicebus::lowered(filter);
    const std::string begin = "entityname eq '";
    const bool understood = low.starts_with(begin) && low.ends_with("'") &&
                            low.size() > begin.size() + 1 &&
                            low.find('\'', begin.size()) == low.size() - 1;
    if (!understood) return bad("The filter \"" + filter + "\" is not supported.");
    query.entity = filter.substr(begin.size(), filter.size() - begin.size() - 1);
    query.split = query.entity == "*";
    if (query.split) query.entity.clear();
    return std::nullopt;
}

std::optional<HttpResponse> read_query(const HttpRequest& request, Instant now, Query& query) {
    if (request.argument("api-version").empty()) {
        return arm_error(400, "MissingApiVersionParameter",
                         "The api-version query parameter (?api-version=) is required for all "
                         "requests.");
    }
    if (auto wrong = read_kinds(request, query)) return wrong;
    if (auto wrong = read_times(request, now, query)) return wrong;
    for (const std::string& word : words(request.argument("aggregation"))) {
        const std::string low = servicebus::lowered(word);
        const std::set<std::string> known{"total", "average", "minimum", "maximum", "count"};
        if (!known.contains(low)) return bad("The aggregation '" + word + "' is not supported.");
        query.aggregations.insert(low);
    }
    return read_filter(request, query);
}

json::object point_json(Instant at, const MetricPoint& point, const Query& query,
                        const MetricKind& kind) {
    json::object out{{"timeStamp", to_text(at)}};
    const auto put = [&](const char* name, const std::optional<double>& value) {
        const bool wanted = query.aggregations.empty() ? servicebus::lowered(kind.primary) == name
                                                       : query.aggregations.contains(name);
        if (wanted && value) out[name] = *value;
    };
    put("total", point.total);
    put("average", point.average);
    put("minimum", point.minimum);
    put("maximum", point.maximum);
    put("count", point.count);
    return out;
}

class Answerer {
  public:
    Answerer(const Query& query, const std::deque<Minute>& minutes, const AzureMode& mode,
             Instant now)
        : query_(query), minutes_(minutes), mode_(mode), now_(now) {}

    // Those of which something is known in the timespan.
    std::set<std::string> entities() const {
        std::set<std::string> names;
        for (const Minute& minute : minutes_) {
            if (minute.at < query_.from || minute.at >= query_.to) continue;
            for (const auto& [name, figures] : minute.entities)
                names.insert(name);
        }
        return names;
    }

    json::array series(const MetricKind& kind, const std::set<std::string>& names) const {
        json::array out;
        if (!query_.split || !kind.per_entity) {
            out.push_back(one(kind, query_.entity));
            return out;
        }
        for (const std::string& name : names)
            out.push_back(one(kind, name));
        return out;
    }

  private:
    json::object one(const MetricKind& kind, const std::string& entity) const {
        json::array metadata;
        if (!entity.empty()) {
            const json::object name{{"value", "entityname"}, {"localizedValue", "entityname"}};
            metadata.push_back({{"name", name}, {"value", entity}});
        }
        json::array data;
        const Instant first(query_.from.time_since_epoch() / query_.grain * query_.grain);
        for (Instant at = first; at < query_.to; at += query_.grain)
            data.push_back(point_json(at, value(kind, entity, at), query_, kind));
        return {{"metadatavalues", std::move(metadata)}, {"data", std::move(data)}};
    }

    MetricPoint value(const MetricKind& kind, const std::string& entity, Instant at) const {
        if (mode_.truth == AzureTruth::Missing) return {};
        const Instant known = mode_.truth == AzureTruth::Lagging ? now_ - mode_.lag : now_;
        std::vector<MetricPoint> points;
        for (const Minute& minute : minutes_) {
            if (minute.at < at || minute.at >= at + query_.grain || minute.at + 1min > known) {
                continue;
            }
            points.push_back(
                metric_point(kind, minute, entity, mode_.truth == AzureTruth::AlwaysHealthy));
        }
        return joined(points);
    }

    const Query& query_;
    const std::deque<Minute>& minutes_;
    const AzureMode& mode_;
    Instant now_;
};

}  // namespace

HttpResponse metrics_answer(const HttpRequest& request, const std::string& id,
                            const std::deque<Minute>& minutes, const AzureMode& mode, Instant now) {
    if (mode.truth == AzureTruth::Missing && !mode.empty) return unavailable();
    Query query;
    if (auto wrong = read_query(request, now, query)) return *wrong;
    const Answerer answerer(query, minutes, mode, now);
    const std::set<std::string> names = answerer.entities();
    const auto series = static_cast<std::int64_t>(query.split ? names.size() + 1 : 1) *
                        static_cast<std::int64_t>(query.kinds.size());
    if ((query.to - query.from) / query.grain > most_points / series) {
        return bad("The query asks for too many data points.");
    }
    json::array values;
    for (const MetricKind* kind : query.kinds) {
        const std::string name(kind->name);
        values.push_back({{"id", id + "/providers/Microsoft.Insights/metrics/" + name},
                          {"type", "Microsoft.Insights/metrics"},
                          {"name", {{"value", name}, {"localizedValue", kind->label}}},
                          {"unit", kind->unit},
                          {"timeseries", answerer.series(*kind, names)},
                          {"errorCode", "Success"}});
    }
    const json::object body{{"cost", 0},
                            {"timespan", to_text(query.from) + "/" + to_text(query.to)},
                            {"interval", servicebus::to_iso(query.grain)},
                            {"value", std::move(values)},
                            {"namespace", "Microsoft.ServiceBus/namespaces"},
                            {"resourceregion", "lab"}};
    return {200, json::serialize(body)};
}

}  // namespace vc::lab
