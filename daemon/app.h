// The daemon, wired: probes' observations into the core, the core's batches into the journal, what
// the journal releases out to hooks and pages, and the state of it all to whoever asks over HTTP.
// Nothing is decided here.
#pragma once

#include "daemon/config/config.h"
#include "daemon/host/clock.h"

namespace vc {

// Runs until SIGTERM or SIGINT, then stops transactions and drains within the configured deadline.
// Returns the process's exit code: 0, or 1 when it could not start, or when at the end an attempt
// is not accounted for. What is wrong is said on stderr.
int run_daemon(const Config& config, const Clock& clock);

}  // namespace vc
