// Runs one program to its end, without a shell: own process group, standard input /dev/null, no
// other descriptors of ours, the environment it is given and nothing else, working directory "/".
//
// Its standard output and error are read as they come and the last `output_limit` bytes are kept,
// so a program can neither block on a full pipe nor fill our memory. At the deadline its group gets
// SIGTERM, and after `grace` SIGKILL. It is always reaped. What is left of its group when it ends
// is killed: a hook has ended when it says so, and cannot leave workers behind. A grandchild that
// left the group and holds the pipe open is not waited for.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/host/clock.h"
#include "rules/base/error.h"

namespace vc {

struct ProcessRequest {
    std::vector<std::string> argv;         // [0] is the program: a path, never searched for
    std::vector<std::string> environment;  // "NAME=value"
    Instant deadline{};
    Duration grace = std::chrono::seconds(5);  // from SIGTERM to SIGKILL
    std::size_t output_limit = 16 * 1024;
};

struct ProcessEnd {
    enum class How : std::uint8_t {
        exited,
        killed,     // by a signal that was not ours
        timed_out,  // by us, at its deadline
    };
    How how = How::exited;
    int code = 0;  // exit status, or the signal's number
    std::string output;
    bool truncated = false;  // output began with more
};

// An error when the program could not be started, and why. Destroying the coroutine (or its
// io_context) kills the group at once. Runs on the calling coroutine's executor, which must be
// single-threaded.
boost::asio::awaitable<Result<ProcessEnd>> run_process(ProcessRequest request, Clock clock);

}  // namespace vc
