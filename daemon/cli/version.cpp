// voltcanary version
#include <ostream>

#include "daemon/cli/cli.h"

namespace vc {

ExitCode version_command(CliContext& context) {
    context.out << "voltcanary " << VC_VERSION << "\n";
    return ExitCode::ok;
}

}  // namespace vc
