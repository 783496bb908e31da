// An instant query of Prometheus' HTTP API, GET /api/v1/query: one number, of a vector with exactly
// one series or of a scalar. No series, several of them, NaN, an infinity, another type, an error
// of the query: missing, each with its reason.
//
// The age. A sample of an answer bears the time at which Prometheus evaluated the query, and not
// that of the data: Prometheus takes a series' last sample for up to five minutes (its lookback),
// so a source that has stopped can read as fresh that long. Without a data_time the age is
// therefore that of the evaluation, and says nothing of the data. With one, a query such as
// `timestamp(x)` or `min(timestamp(x))`, the age is the time since then; both are asked for in one
// request, so that they are of one evaluation, and both must be vectors. They are told apart by a
// label put on each. Then a data_time that cannot be read makes the gauge missing. A time to come
// is an age of zero.
#pragma once

#include <string>
#include <string_view>

#include "probes/gauges/spec.h"

namespace vc {

std::string prometheus_path(const PrometheusQuestion& question);

Gauge read_prometheus(std::string_view body, const PrometheusQuestion& question, GaugeRole role,
                      Instant now);

}  // namespace vc
