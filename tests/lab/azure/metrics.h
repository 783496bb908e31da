// The platform metrics of a namespace, minute by minute, as Azure Monitor has them: what the
// namespace counted is read at every full minute of the rules' time, and the difference to the
// minute before is kept. Bounded: four hours. Names, units and aggregations are those of
// "Monitoring data reference for Azure Service Bus".
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lab/agenda.h"
#include "tests/lab/servicebus/store.h"

namespace vc::lab {

// What a namespace says of itself at one instant; counters since it began.
struct NamespaceReading {
    struct Entity {
        servicebus::Traffic traffic;
        servicebus::Counts counts;
        std::int64_t max_size_mb = 0;
    };
    std::map<std::string, Entity> entities;  // queues and topics, each with its subscriptions
    std::uint64_t connections = 0, opened = 0, closed = 0;
};

// One minute of one entity: counters as differences, counts as they stood at its end.
struct MinuteOfEntity {
    servicebus::Traffic traffic;
    servicebus::Counts counts;
};

struct Minute {
    Instant at;  // its beginning
    std::map<std::string, MinuteOfEntity> entities;
    std::uint64_t connections = 0, opened = 0, closed = 0;
};

class MetricHistory {
  public:
    using Read = std::function<NamespaceReading()>;

    MetricHistory(Agenda& agenda, Read read);
    MetricHistory(const MetricHistory&) = delete;  // its timer knows where it is
    MetricHistory& operator=(const MetricHistory&) = delete;

    const std::deque<Minute>& minutes() const { return minutes_; }
    // What was counted since the last full minute.
    Minute current() const;

  private:
    void tick();
    Minute since_last(const NamespaceReading& now) const;

    Agenda& agenda_;
    Read read_;
    NamespaceReading last_;
    Instant begun_;
    std::deque<Minute> minutes_;
    Timer next_;
};

// The cumulative figures of an entity and of what lies below it, for NamespaceReading.
void add_traffic(servicebus::Traffic& sum, const servicebus::Traffic& more);
void add_counts(servicebus::Counts& sum, const servicebus::Counts& more);
NamespaceReading read_namespace(const servicebus::Store& store);

struct MetricPoint {
    std::optional<double> total, average, minimum, maximum, count;
};

struct MetricKind {
    std::string_view name;
    std::string_view label;
    std::string_view unit;     // "Count", "Bytes", "MilliSeconds", "Percent"
    std::string_view primary;  // the aggregation that it is meant for: "Total" or "Average"
    bool per_entity = true;
};

// All of them; nothing for a name that Azure does not know either.
const std::vector<MetricKind>& metric_kinds();
const MetricKind* metric_kind(std::string_view name);

// `entity` empty: the whole namespace. With `healthy` the vendor sees no harm: no errors, nothing
// throttled, a latency that any day would have, all that came in answered.
MetricPoint metric_point(const MetricKind& kind, const Minute& minute, const std::string& entity,
                         bool healthy);
// Several minutes as one.
MetricPoint joined(const std::vector<MetricPoint>& points);

}  // namespace vc::lab
