// The reader of a gauge, driven as a Session so that the same loop can run it: a fresh connection
// and one HTTP GET for every attempt, and exactly one Gauge in place of an observation. What others
// publish is context and no probe of ours.
//
// Whatever goes wrong is a missing gauge with the reason: no connection, no answer by three
// budgets, nothing to show to be let in, a status that is not 200 (redirects are not followed), an
// answer that says nothing, data older than its limit, a number beyond all measure.
#pragma once

#include <memory>

#include "probes/gauges/spec.h"
#include "probes/session.h"

namespace vc {

std::unique_ptr<Session> make_gauge_session(GaugeSpec spec);

}  // namespace vc
