// An instant query of Prometheus' HTTP API, GET /api/v1/query: one number, of a vector with exactly
// one series or of a scalar. No series, several of them, NaN, an infinity, another type, an error
// of the query: missing, each with its reason. The age is the time since the sample's timestamp,
// which is when Prometheus evaluated the query; a query that may rest on old samples must ask for
// their own age, e.g. `claim and on() (time() - claim_timestamp_seconds < 300)`.
#pragma once

#include <string>
#include <string_view>

#include "probes/gauges/spec.h"

namespace vc {

std::string prometheus_path(const PrometheusQuestion& question);

Gauge read_prometheus(std::string_view body, const PrometheusQuestion& question, GaugeRole role,
                      Instant now);

}  // namespace vc
