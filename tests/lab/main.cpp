// voltcanary-lab: a charging platform to break. See README.md beside this file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/lab/commands.h"

namespace {

// "user:password"; the password may hold colons.
vc::lab::Credentials credentials(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {text, ""};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

// What is given as text and is read when all of it is there.
struct Given {
    std::string lapse;
    std::string primary;
    std::string standby;
    std::vector<std::string> primary_keys;
    std::vector<std::string> standby_keys;
    std::string entities;
};

void add_run(CLI::App& app, vc::lab::RunOptions& run, Given& given) {
    CLI::App* command = app.add_subcommand("run", "run the lab until SIGTERM");
    command->add_option("--seed", run.lab.seed, "seed of every random stream");
    command->add_option("--chargers", run.lab.chargers, "ordinary chargers")
        ->check(CLI::Range(0, 5000));
    command->add_option("--time-lapse", given.lapse, "FACTOR@ORIGIN, shared with the daemon");
    command->add_option("--truth", run.truth_file, "append the ground truth to this file");
    command->add_option("--ports-file", run.ports_file, "write the ports here once ready");
    command->add_option("--primary-plain", given.primary, "USER:PASSWORD for SASL PLAIN");
    command->add_option("--standby-plain", given.standby, "USER:PASSWORD for SASL PLAIN");
    const char* key = "NAME:KEY[:Send,Listen,Manage] of an access policy; none: open to all";
    command->add_option("--primary-key", given.primary_keys, key)->take_all();
    command->add_option("--standby-key", given.standby_keys, key)->take_all();
    command->add_option("--primary-amqps", run.lab.primary_amqps, "listens on ADDRESS:5671 too");
    command->add_option("--standby-amqps", run.lab.standby_amqps, "listens on ADDRESS:5671 too");
    command->add_option("--tls-dir", run.tls_folder, "ca.pem, client.pem, client.key go there");
    command->add_option("--entities", given.entities, "JSON file of more entities");
    command->add_option("--fates", run.fates_file, "append what faults did to each message");
    command->add_flag("--machine-idle", run.lab.machine_idle,
                      "peers may be silent for the machine's time, whatever the time-lapse");
}

vc::Result<void> read_keys(const char* option, const std::vector<std::string>& texts,
                           std::vector<vc::lab::servicebus::AccessKey>& keys) {
    for (const std::string& text : texts) {
        const auto key = vc::lab::servicebus::parse_access_key(text);
        if (!key) return vc::failure(std::string(option) + ": " + key.error().message);
        keys.push_back(*key);
    }
    return {};
}

vc::Result<void> read_given(const Given& given, vc::lab::LabOptions& lab) {
    const auto lapse = vc::parse_time_lapse(given.lapse);
    if (!lapse) return tl::unexpected<vc::Error>(lapse.error());
    lab.time_lapse = *lapse;
    lab.primary_plain = credentials(given.primary);
    lab.standby_plain = credentials(given.standby);
    if (auto read = read_keys("--primary-key", given.primary_keys, lab.primary_keys); !read) {
        return read;
    }
    if (auto read = read_keys("--standby-key", given.standby_keys, lab.standby_keys); !read) {
        return read;
    }
    if (given.entities.empty()) return {};
    std::ifstream file(given.entities);
    if (!file) return vc::failure(given.entities + ": cannot be read");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto entities = vc::lab::servicebus::read_entities(text);
    if (!entities) return tl::unexpected<vc::Error>(entities.error());
    lab.entities = std::move(*entities);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("a charging platform to break, on loopback", "voltcanary-lab");
    app.require_subcommand(1);

    vc::lab::RunOptions run;
    Given given;
    add_run(app, run, given);

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
    if (const auto read = read_given(given, run.lab); !read) {
        std::fprintf(stderr, "voltcanary-lab: %s\n", vc::to_text(read.error()).c_str());
        return 2;
    }
    return vc::lab::run_lab(run);
}
