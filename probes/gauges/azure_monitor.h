// The vendor's metrics of a Service Bus namespace, by the REST interface of Azure Monitor
// (microsoft.insights/metrics, 2018-01-01), in grains of a minute.
//
// Of each metric the newest full minute that has a value counts; its age is the time since that
// minute began. Data lags by some minutes, so a minute without a value is unknown: never zero,
// never healthy. The claim is
//   red      when any metric is above its threshold,
//   missing  else, when a metric that must be there has no value, or says what cannot be: a
//            throttled namespace answers zeros, and ours was sent to in every minute,
//   green    else; its age is that of the oldest of them.
#pragma once

#include <string>
#include <string_view>

#include "probes/gauges/spec.h"

namespace vc {

// What is asked for when the configuration names no metrics of its own.
std::vector<AzureMetric> usual_azure_metrics();

// Up to the last full minute, and back for as long as data may be old (at most an hour).
std::string azure_monitor_path(const AzureMonitorQuestion& question, Duration limit, Instant now);

Gauge read_azure_monitor(std::string_view body, const AzureMonitorQuestion& question,
                         Duration limit, Instant now);

}  // namespace vc
