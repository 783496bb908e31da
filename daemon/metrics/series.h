// How the metrics of this folder are made: families and series of prometheus-cpp, which is seen
// here and nowhere else. Private to daemon/metrics. References stay good as long as the registry.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rules/observation.h"

namespace vc {

using prometheus::Counter;
using prometheus::Histogram;
using prometheus::Labels;
// vc::Gauge is something else: what others publish.
using Meter = prometheus::Gauge;
template <class Metric>
using Family = prometheus::Family<Metric>;
using prometheus::Registry;

inline std::string word(std::string_view text) {
    return std::string(text);
}
inline std::string word(Channel channel) {
    return word(to_text(channel));
}

// A family of one label with a closed list of values: one series for each, from the start.
template <class Metric, class Value>
using Series = std::map<Value, Metric*>;

template <class Metric, class Values, class... Arguments>
auto add_all(Family<Metric>& family, const Labels& labels, const char* label, const Values& values,
             Arguments&&... arguments) {
    Series<Metric, typename Values::value_type> series;
    for (const auto value : values) {
        Labels all = labels;
        all.emplace(label, word(to_text(value)));
        series[value] = &family.Add(all, arguments...);
    }
    return series;
}
template <class Metric, class Values>
auto add_all(Family<Metric>& family, const char* label, const Values& values) {
    return add_all<Metric>(family, Labels{}, label, values);
}

inline Family<Counter>& counters(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
inline Family<Meter>& gauges(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
inline Family<Histogram>& histograms(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}
inline Counter& counter(Registry& registry, const char* name, const char* help) {
    return counters(registry, name, help).Add({});
}
inline Meter& meter(Registry& registry, const char* name, const char* help) {
    return gauges(registry, name, help).Add({});
}

// Brings a counter to what somebody else has counted.
inline void raise(Counter& counter, std::uint64_t to) {
    const double more = static_cast<double>(to) - counter.Value();
    if (more > 0) counter.Increment(more);
}

// 1 for the one that holds (or none), 0 for the others.
template <class Value>
void set_one(const Series<Meter, Value>& series, std::optional<Value> holds) {
    for (const auto& [value, gauge] : series)
        gauge->Set(holds == value ? 1 : 0);
}

}  // namespace vc
