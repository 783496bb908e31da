// voltcanary run
#include <ostream>

#include "daemon/cli/cli.h"

namespace vc {

int run_command(const std::string& config_path, CliContext& context) {
    Errors errors;
    const auto config = load_config(config_path, errors);
    if (!config) {
        print_errors(errors, context);
        return static_cast<int>(ExitCode::usage);
    }
    return context.run_daemon(*config, context.clock);
}

}  // namespace vc
