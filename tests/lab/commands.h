// What voltcanary-lab does from the command line: run the lab, ask it something, play a timeline.
// Each returns the process's exit code.
#pragma once

#include <cstdint>
#include <string>

#include "tests/lab/lab.h"

namespace vc::lab {

struct RunOptions {
    LabOptions lab;
    std::string truth_file;  // empty: none
    std::string fates_file;  // empty: none; what the faults did to each message
    std::string tls_folder;  // empty: none; ca.pem, client.pem and client.key are written there
    std::string ports_file;  // empty: none; written when everything is connected
};

// Runs until SIGTERM or SIGINT. Prints the ports as one line of JSON once the lab is ready.
int run_lab(const RunOptions& options);

struct Ask {
    std::uint16_t port = 0;
    std::string method;
    std::string path;
    std::string body;
    std::string key;
    double patience_s = 10;  // machine time
};

// 0 for 2xx, 10 for 208, 20 for 409, 75 for no connection and 503, 1 for the rest.
int ask_lab(const Ask& ask);

// JSON lines {"at": "90s", "do": "POST /faults", "body": {...}, "as": "name"}, in order; offsets
// count from the start of playing, in the lab's time. "DELETE /faults/name" clears what was
// injected as `name`. Empty lines and lines that begin with # are skipped.
int play_timeline(std::uint16_t port, const std::string& file);

}  // namespace vc::lab
