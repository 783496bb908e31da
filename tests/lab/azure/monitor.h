// The query language of Azure Monitor's metrics, as far as it is spoken here: metricnames,
// timespan, interval, aggregation and a $filter on EntityName. Pure: a history and a request in,
// an answer out.
#pragma once

#include <deque>
#include <string>

#include "tests/lab/azure/metrics.h"
#include "tests/lab/azure/mode.h"
#include "tests/lab/http.h"

namespace vc::lab {

// `id` is the namespace's resource id. 400 for what is not understood.
HttpResponse metrics_answer(const HttpRequest& request, const std::string& id,
                            const std::deque<Minute>& minutes, const AzureMode& mode, Instant now);

}  // namespace vc::lab
