// /api/status for a person: what matters now, in the order in which it matters. Pure.
#pragma once

#include <string>
#include <string_view>

#include "daemon/cli/cli.h"
#include "rules/base/error.h"

namespace vc {

struct StatusView {
    std::string text;  // a few lines, made harmless for a terminal
    ExitCode code = ExitCode::ok;
};

// The error says that the answer is no status.
Result<StatusView> view_status(std::string_view json);

}  // namespace vc
