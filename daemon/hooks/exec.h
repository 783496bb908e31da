// Carries out a command as a program. Exit status: 0 done, 10 already done, 20 refused, 75
// transient (EX_TEMPFAIL of sysexits.h), anything else, a signal, or a program that cannot be
// started: failed. Killed at its deadline: timed out.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "daemon/hooks/command.h"
#include "daemon/hooks/text.h"
#include "daemon/host/clock.h"

namespace vc {

boost::asio::awaitable<HookResult> run_exec(ExecCommand command, std::vector<HookFact> facts,
                                            Instant deadline, Clock clock);

// Visible for tests: PATH and LANG, then the command's own, then the facts; a later one replaces
// an earlier one of the same name.
std::vector<std::string> exec_environment(const ExecCommand& command,
                                          const std::vector<HookFact>& facts);

}  // namespace vc
