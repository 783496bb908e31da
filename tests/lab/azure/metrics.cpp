#include "tests/lab/azure/metrics.h"

#include <algorithm>
#include <array>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using servicebus::Counts;
using servicebus::Traffic;

constexpr std::size_t most_minutes = 240;
constexpr double healthy_latency_ms = 4;

constexpr std::array traffic_counters{
    &Traffic::incoming_requests, &Traffic::successful_requests, &Traffic::server_errors,
    &Traffic::user_errors,       &Traffic::throttled,           &Traffic::incoming_messages,
    &Traffic::outgoing_messages, &Traffic::incoming_bytes,      &Traffic::outgoing_bytes,
    &Traffic::completed,         &Traffic::abandoned,           &Traffic::dead_lettered,
    &Traffic::deferred,          &Traffic::duplicates,          &Traffic::unrouted,
    &Traffic::expired,           &Traffic::sends_timed};

// A counter that went back belongs to an entity that was made anew.
Traffic difference(Traffic now, const Traffic& before) {
    for (const auto field : traffic_counters)
        now.*field -= std::min(now.*field, before.*field);
    now.send_time -= std::min(now.send_time, before.send_time);
    return now;
}

Instant minute_of(Instant at) {
    return Instant(std::chrono::floor<std::chrono::minutes>(at.time_since_epoch()));
}

MetricPoint gauge(double value) {
    return {value, value, value, value, 1};
}

MetricPoint latency(const Traffic& traffic, bool healthy) {
    MetricPoint point;
    if (traffic.sends_timed == 0) return point;
    const auto sends = static_cast<double>(traffic.sends_timed);
    point.average = healthy ? healthy_latency_ms : seconds(traffic.send_time) * 1000 / sends;
    point.count = sends;
    return point;
}

using Count = std::size_t Counts::*;
using Counter = std::uint64_t Traffic::*;
const std::map<std::string_view, Counter>& counters() {
    static const std::map<std::string_view, Counter> all{
        {"SuccessfulRequests", &Traffic::successful_requests},
        {"ServerErrors", &Traffic::server_errors},
        {"UserErrors", &Traffic::user_errors},
        {"ThrottledRequests", &Traffic::throttled},
        {"IncomingRequests", &Traffic::incoming_requests},
        {"IncomingMessages", &Traffic::incoming_messages},
        {"OutgoingMessages", &Traffic::outgoing_messages},
        {"IncomingBytes", &Traffic::incoming_bytes},
        {"OutgoingBytes", &Traffic::outgoing_bytes},
        {"CompleteMessage", &Traffic::completed},
        {"AbandonMessage", &Traffic::abandoned}};
    return all;
}

const std::map<std::string_view, Count>& gauges() {
    static const std::map<std::string_view, Count> all{
        {"Size", &Counts::bytes},
        {"Messages", &Counts::total},
        {"ActiveMessages", &Counts::active},
        {"DeadletteredMessages", &Counts::dead_letter},
        {"ScheduledMessages", &Counts::scheduled}};
    return all;
}

MinuteOfEntity figures(const Minute& minute, const std::string& entity) {
    MinuteOfEntity sum;
    for (const auto& [name, figures] : minute.entities) {
        if (!entity.empty() && name != entity) continue;
        add_traffic(sum.traffic, figures.traffic);
        add_counts(sum.counts, figures.counts);
    }
    return sum;
}

}  // namespace

MetricHistory::MetricHistory(Agenda& agenda, Read read)
    : agenda_(agenda), read_(std::move(read)), last_(read_()), begun_(minute_of(agenda.now())) {
    next_ = agenda_.at(begun_ + 1min, [this] { tick(); });
}

void MetricHistory::tick() {
    NamespaceReading now = read_();
    minutes_.push_back(since_last(now));
    if (minutes_.size() > most_minutes) minutes_.pop_front();
    last_ = std::move(now);
    begun_ = minute_of(agenda_.now());
    next_ = agenda_.at(begun_ + 1min, [this] { tick(); });
}

Minute MetricHistory::current() const {
    return since_last(read_());
}

Minute MetricHistory::since_last(const NamespaceReading& now) const {
    Minute minute;
    minute.at = begun_;
    for (const auto& [name, entity] : now.entities) {
        const auto before = last_.entities.find(name);
        const Traffic none;
        const Traffic& old = before == last_.entities.end() ? none : before->second.traffic;
        minute.entities[name] = {difference(entity.traffic, old), entity.counts};
    }
    minute.connections = now.connections;
    minute.opened = now.opened - std::min(now.opened, last_.opened);
    minute.closed = now.closed - std::min(now.closed, last_.closed);
    return minute;
}

void add_traffic(Traffic& sum, const Traffic& more) {
    for (const auto field : traffic_counters)
        sum.*field += more.*field;
    sum.send_time += more.send_time;
}

void add_counts(Counts& sum, const Counts& more) {
    for (const auto field : {&Counts::active, &Counts::dead_letter, &Counts::scheduled,
                             &Counts::transfer, &Counts::transfer_dead_letter, &Counts::deferred,
                             &Counts::locked, &Counts::held, &Counts::total, &Counts::bytes}) {
        sum.*field += more.*field;
    }
}

NamespaceReading read_namespace(const servicebus::Store& store) {
    NamespaceReading reading;
    for (const auto kind : {servicebus::EntityKind::Queue, servicebus::EntityKind::Topic}) {
        for (const servicebus::Entity* entity : store.list(kind)) {
            NamespaceReading::Entity& told = reading.entities[entity->path];
            told = {entity->traffic, store.counts(*entity), entity->options.max_size_mb};
            if (kind == servicebus::EntityKind::Queue) continue;
            for (const servicebus::Entity* one : store.subscriptions(*entity)) {
                add_traffic(told.traffic, one->traffic);
                add_counts(told.counts, store.counts(*one));
            }
        }
    }
    return reading;
}

const std::vector<MetricKind>& metric_kinds() {
    static const std::vector<MetricKind> kinds{
        {"SuccessfulRequests", "Successful Requests", "Count", "Total"},
        {"ServerErrors", "Server Errors.", "Count", "Total"},
        {"UserErrors", "User Errors.", "Count", "Total"},
        {"ThrottledRequests", "Throttled Requests.", "Count", "Total"},
        {"IncomingRequests", "Incoming Requests", "Count", "Total"},
        {"IncomingMessages", "Incoming Messages", "Count", "Total"},
        {"OutgoingMessages", "Outgoing Messages", "Count", "Total"},
        {"IncomingBytes", "Incoming Bytes.", "Bytes", "Total"},
        {"OutgoingBytes", "Outgoing Bytes.", "Bytes", "Total"},
        {"ActiveConnections", "ActiveConnections", "Count", "Total", false},
        {"ConnectionsOpened", "Connections Opened.", "Count", "Average", false},
        {"ConnectionsClosed", "Connections Closed.", "Count", "Average", false},
        {"Size", "Size", "Bytes", "Average"},
        {"Messages", "Count of messages in a Queue/Topic.", "Count", "Average"},
        {"ActiveMessages", "Count of active messages in a Queue/Topic.", "Count", "Average"},
        {"DeadletteredMessages", "Count of dead-lettered messages in a Queue/Topic.", "Count",
         "Average"},
        {"ScheduledMessages", "Count of scheduled messages in a Queue/Topic.", "Count", "Average"},
        {"CompleteMessage", "Completed Messages", "Count", "Total"},
        {"AbandonMessage", "Abandoned Messages", "Count", "Total"},
        {"ServerSendLatency", "Server Send Latency.", "MilliSeconds", "Average"},
        // Nothing here has these; they are known, and have no points.
        {"PendingCheckpointOperationCount", "Pending Checkpoint Operations Count.", "Count",
         "Total", false},
        {"NamespaceCpuUsage", "CPU", "Percent", "Maximum", false},
        {"NamespaceMemoryUsage", "Memory Usage", "Percent", "Maximum", false},
        {"ReplicationLagDuration", "Replication lag duration", "Seconds", "Maximum"},
        {"ReplicationLagCount", "Replication lag count", "Count", "Maximum"}};
    return kinds;
}

const MetricKind* metric_kind(std::string_view name) {
    for (const MetricKind& kind : metric_kinds()) {
        if (std::equal(kind.name.begin(), kind.name.end(), name.begin(), name.end(),
                       [](char a, char b) { return (a | 32) == (b | 32); })) {
            return &kind;
        }
    }
    return nullptr;
}

MetricPoint metric_point(const MetricKind& kind, const Minute& minute, const std::string& entity,
                         bool healthy) {
    if (kind.name == "ActiveConnections") return gauge(static_cast<double>(minute.connections));
    if (kind.name == "ConnectionsOpened") return gauge(static_cast<double>(minute.opened));
    if (kind.name == "ConnectionsClosed") return gauge(static_cast<double>(minute.closed));
    const MinuteOfEntity of = figures(minute, entity);
    if (kind.name == "ServerSendLatency") return latency(of.traffic, healthy);
    if (const auto found = gauges().find(kind.name); found != gauges().end()) {
        return gauge(static_cast<double>(of.counts.*found->second));
    }
    const auto found = counters().find(kind.name);
    if (found == counters().end()) return {};
    Counter counter = found->second;
    if (healthy && kind.name == "SuccessfulRequests") counter = &Traffic::incoming_requests;
    const bool harm = counter == &Traffic::server_errors || counter == &Traffic::throttled;
    return gauge(healthy && harm ? 0 : static_cast<double>(of.traffic.*counter));
}

MetricPoint joined(const std::vector<MetricPoint>& points) {
    MetricPoint out;
    double weighted = 0;
    double weight = 0;
    const auto put = [](std::optional<double>& sum, const std::optional<double>& more, auto join) {
        if (more) sum = sum ? join(*sum, *more) : *more;
    };
    for (const MetricPoint& point : points) {
        put(out.total, point.total, [](double a, double b) { return a + b; });
        put(out.count, point.count, [](double a, double b) { return a + b; });
        put(out.minimum, point.minimum, [](double a, double b) { return std::min(a, b); });
        put(out.maximum, point.maximum, [](double a, double b) { return std::max(a, b); });
        if (!point.average) continue;
        weighted += *point.average * point.count.value_or(1);
        weight += point.count.value_or(1);
    }
    if (weight > 0) out.average = weighted / weight;
    return out;
}

}  // namespace vc::lab
