// A state directory of its own with a configuration in it, and the command line run on it.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/cli.h"

namespace vc::test {

struct Told {
    int code = -1;
    std::string out;
    std::string err;
    std::string daemon_state;  // of the configuration that the daemon was started with
};

class Scratch {
  public:
    Scratch() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "voltcanary-cli-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        directory_ = pattern;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::string& directory() const { return directory_; }
    std::string config() const { return directory_ + "/voltcanary.yaml"; }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(directory_ + "/" + name) << text;
    }
    void write_config(const std::string& more = "") const {
        write("voltcanary.yaml", "state: " + directory_ + R"(
listen: 127.0.0.1:0
platform:
  bridge:
    url: ws://127.0.0.1:9000/ocpp
    identity_prefix: SYN-
    standby_identity_prefix: SYN-STANDBY-
    id_tag: SYNTH01
  primary: {url: "amqp://127.0.0.1:5672", entities: [canary-0]}
  standby: {url: "amqp://127.0.0.1:5673", entities: [canary-0]}
control: [http://127.0.0.1:9100/ping]
)" + more);
    }

    Told run(const std::vector<std::string>& arguments, int daemon_code = 0) const {
        std::vector<const char*> argv{"voltcanary"};
        for (const std::string& argument : arguments)
            argv.push_back(argument.c_str());
        std::ostringstream out, err;
        Told told;
        CliContext context{out, err, Clock{}, [&](const Config& config, const Clock&) {
                               told.daemon_state = config.state;
                               return daemon_code;
                           }};
        told.code = run_cli(static_cast<int>(argv.size()), argv.data(), context);
        told.out = out.str();
        told.err = err.str();
        return told;
    }

  private:
    std::string directory_;
};

}  // namespace vc::test
