// What a look at the brokers has found, in words. Pure.
#pragma once

#include <string>

#include "daemon/cli/cli.h"
#include "daemon/readiness/live.h"

namespace vc {

// 0 when the standby could take over as far as can be told, 3 when it could not or that is not
// known, 1 when a broker does not do its work.
ExitCode verdict_of(const LiveFindings& findings);

std::string text_of(const LiveFindings& findings, const Config& config);

}  // namespace vc
