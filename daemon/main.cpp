// voltcanary: takes the environment and the arguments, and hands over.
#include <cstdlib>
#include <iostream>

#include "daemon/app.h"
#include "daemon/cli/cli.h"
#include "daemon/host/clock.h"
#include "daemon/host/dump.h"

int main(int argc, char** argv) {
    vc::forbid_dumps();
    // A demonstration's factor of time; see host/clock.h. Never set in production.
    const char* lapse_text = std::getenv("VOLTCANARY_TIME_LAPSE");
    const auto lapse = vc::parse_time_lapse(lapse_text != nullptr ? lapse_text : "");
    if (!lapse) {
        std::cerr << "VOLTCANARY_TIME_LAPSE: " << vc::to_text(lapse.error()) << "\n";
        return static_cast<int>(vc::ExitCode::usage);
    }
    vc::CliContext context{std::cout, std::cerr, vc::Clock(*lapse), vc::run_daemon};
    return vc::run_cli(argc, argv, context);
}
