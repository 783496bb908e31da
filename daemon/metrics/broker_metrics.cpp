#include "daemon/metrics/broker_metrics.h"

namespace vc {
namespace {

// From a millisecond to the idle close of a broker that nobody came back to.
const Histogram::BucketBoundaries reconnect_buckets{
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};

}  // namespace

BrokerMetrics::BrokerMetrics(Registry& registry)
    : attempts_(counters(registry, "voltcanary_entity_attempts_total",
                         "Attempts on one entity of a broker that ended, over all channels.")),
      failures_(counters(registry, "voltcanary_entity_failures_total",
                         "Attempts on one entity that were not ok, by outcome; a series appears "
                         "with the first.")),
      last_ok_(gauges(registry, "voltcanary_entity_last_ok_timestamp_seconds",
                      "When an attempt on the entity was last ok, as Unix time; 0 before the "
                      "first.")),
      reconnects_(histograms(registry, "voltcanary_reconnect_duration_seconds",
                             "From the loss of a kept connection to where it could be used again, "
                             "or to a try that failed.")) {
    for (const Channel channel : {Channel::DL, Channel::SL}) {
        for (const Direction direction : {Direction::send, Direction::recv}) {
            for (const bool planned : {false, true})
                series({channel, direction, Outcome::ok, planned});
        }
    }
}

void BrokerMetrics::expect(const std::vector<std::string>& primary,
                           const std::vector<std::string>& standby) {
    add("primary", primary, primary_);
    add("standby", standby, standby_);
}

void BrokerMetrics::add(const char* broker, const std::vector<std::string>& names,
                        std::vector<Entity>& to) {
    for (const std::string& name : names) {
        const Labels labels{{"broker", broker}, {"entity", name}};
        to.push_back({broker, name, &attempts_.Add(labels), &last_ok_.Add(labels), {}});
    }
}

void BrokerMetrics::finished(const Observation& seen) {
    std::vector<Entity>* entities = nullptr;
    switch (seen.channel) {
        case Channel::CT:
        case Channel::BH:
        case Channel::HB:
        case Channel::TX:
        case Channel::SC:
            return;
        case Channel::DL:
        case Channel::DF:
        case Channel::DX:
        case Channel::DM:
            entities = &primary_;
            break;
        case Channel::SL:
        case Channel::SF:
        case Channel::SX:
        case Channel::SM:
            entities = &standby_;
            break;
    }
    if (seen.target >= entities->size()) return;
    Entity& entity = (*entities)[seen.target];
    entity.attempts->Increment();
    if (seen.outcome == Outcome::ok) {
        entity.last_ok->Set(seconds(seen.finished.time_since_epoch()));
        return;
    }
    Counter*& failed = entity.failures[seen.outcome];
    if (failed == nullptr) {
        failed = &failures_.Add({{"broker", entity.broker},
                                 {"entity", entity.name},
                                 {"outcome", word(to_text(seen.outcome))}});
    }
    failed->Increment();
}

void BrokerMetrics::reconnect(const Reconnect& one) {
    series({one.channel, one.direction, one.outcome, one.planned}).Observe(seconds(one.took));
}

Histogram& BrokerMetrics::series(const Kind& kind) {
    Histogram*& histogram = kinds_[kind];
    if (histogram == nullptr) {
        const auto& [channel, direction, outcome, planned] = kind;
        histogram = &reconnects_.Add({{"channel", word(channel)},
                                      {"direction", word(to_text(direction))},
                                      {"outcome", word(to_text(outcome))},
                                      {"planned", planned ? "yes" : "no"}},
                                     reconnect_buckets);
    }
    return *histogram;
}

}  // namespace vc
