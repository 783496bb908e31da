// voltcanary-lab: a charging platform to break. See README.md beside this file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "tests/lab/commands.h"

namespace {

// "user:password"; the password may hold colons.
vc::lab::Credentials credentials(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {text, ""};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

void add_run(CLI::App& app, vc::lab::RunOptions& run, std::string& lapse, std::string& primary,
             std::string& standby) {
    CLI::App* command = app.add_subcommand("run", "run the lab until SIGTERM");
    command->add_option("--seed", run.lab.seed, "seed of every random stream");
    command->add_option("--chargers", run.lab.chargers, "ordinary chargers")
        ->check(CLI::Range(0, 5000));
    command->add_option("--time-lapse", lapse, "FACTOR@ORIGIN, shared with the daemon");
    command->add_option("--truth", run.truth_file, "append the ground truth to this file");
    command->add_option("--ports-file", run.ports_file, "write the ports here once ready");
    command->add_option("--primary-plain", primary, "USER:PASSWORD for SASL PLAIN");
    command->add_option("--standby-plain", standby, "USER:PASSWORD for SASL PLAIN");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("a charging platform to break, on loopback", "voltcanary-lab");
    app.require_subcommand(1);

    vc::lab::RunOptions run;
    std::string lapse;
    std::string primary;
    std::string standby;
    add_run(app, run, lapse, primary, standby);

    vc::lab::Ask ask;
    CLI::App* ctl = app.add_subcommand("ctl", "send one request to the control port");
    ctl->add_option("--port", ask.port, "the control port")->required();
    ctl->add_option("--key", ask.key, "Idempotency-Key")->envname("VOLTCANARY_IDEMPOTENCY_KEY");
    ctl->add_option("--patience", ask.patience_s, "machine seconds to wait for the answer");
    ctl->add_option("method", ask.method, "GET, POST or DELETE")->required();
    ctl->add_option("path", ask.path, "such as /faults")->required();
    ctl->add_option("body", ask.body, "JSON");

    std::string timeline;
    std::uint16_t play_port = 0;
    CLI::App* play = app.add_subcommand("play", "play a timeline of requests");
    play->add_option("--port", play_port, "the control port")->required();
    play->add_option("file", timeline, "JSON lines")->required();

    CLI11_PARSE(app, argc, argv);
    if (ctl->parsed()) return vc::lab::ask_lab(ask);
    if (play->parsed()) return vc::lab::play_timeline(play_port, timeline);
    const auto parsed = vc::parse_time_lapse(lapse);
    if (!parsed) {
        std::fprintf(stderr, "voltcanary-lab: %s\n", parsed.error().message.c_str());
        return 2;
    }
    run.lab.time_lapse = *parsed;
    run.lab.primary_plain = credentials(primary);
    run.lab.standby_plain = credentials(standby);
    return vc::lab::run_lab(run);
}
