// voltcanary status
#include <ostream>

#include "daemon/cli/cli.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/status_view.h"

namespace vc {

ExitCode status_command(const std::string& config_path, bool json, CliContext& context) {
    Errors errors;
    const auto place = load_place(config_path, errors);
    if (!place) {
        print_errors(errors, context);
        return ExitCode::usage;
    }
    const auto answer = ask_daemon(*place, "/api/status");
    if (!answer) {
        context.err << harmless(answer.error().message) << "\n";
        return ExitCode::unknown;
    }
    const auto view = view_status(answer->body);
    if (answer->status != 200 || !view) {
        context.err << "the daemon's answer is no status (HTTP " << answer->status << ")\n";
        return ExitCode::unknown;
    }
    context.out << (json ? answer->body + "\n" : view->text);
    return view->code;
}

}  // namespace vc
