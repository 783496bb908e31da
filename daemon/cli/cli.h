// The command line: what an operator types, and how a script reads the answer. Every subcommand is
// a function of its own file; cli.cpp alone knows the library that takes arguments apart.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "daemon/config/config.h"
#include "daemon/host/clock.h"

namespace vc {

// The same numbers for every subcommand.
enum class ExitCode : std::uint8_t {
    ok = 0,
    failed = 1,
    usage = 2,        // or a configuration with errors
    degraded = 3,     // an incident is confirmed
    refused = 4,      // by a rule
    no_quorum = 5,    // an incident is confirmed, and only the missing quorum forbids a move
    in_progress = 6,  // a migration is on its way
    unknown = 7,      // the daemon does not answer, or is blind
};

// What the command line works with. The streams must outlive the call.
struct CliContext {
    std::ostream& out;
    std::ostream& err;
    Clock clock;
    // Runs the daemon until it is told to stop; gives the process' exit status.
    std::function<int(const Config&, const Clock&)> run_daemon;
};

int run_cli(int argc, const char* const* argv, CliContext& context);

struct CommandOptions {
    std::string command;  // pause, resume, ack
    std::string reason;
};
struct IncidentOptions {
    bool list = false;
    std::uint64_t id = 0;  // to show, when not listing
    bool json = false;
};

// The subcommands. `config` is the configuration's path.
int run_command(const std::string& config, CliContext& context);
ExitCode check_command(const std::string& config, CliContext& context);
// With --live: the brokers themselves are tried.
ExitCode check_live_command(const std::string& config, CliContext& context);
ExitCode status_command(const std::string& config, bool json, CliContext& context);
ExitCode incident_command(const std::string& config, const IncidentOptions& options,
                          CliContext& context);
ExitCode order_command(const std::string& config, const CommandOptions& options,
                       CliContext& context);
ExitCode version_command(CliContext& context);

// Every error on a line of its own, as "file:line:column: words".
void print_errors(const Errors& errors, CliContext& context);

// Text from peers and hooks for a terminal: no control characters, no escape sequences.
std::string harmless(std::string_view text);

}  // namespace vc
