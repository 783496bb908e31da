// For tests of the daemon: an event loop that is run until something has happened, and a directory
// that goes away.
#pragma once

#include <stdlib.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <string>

#include "daemon/host/clock.h"

namespace vc::test {

// Runs the loop until `done()` holds; false when that takes more than 30 seconds, which no test
// needs, so that a broken one fails instead of hanging.
template <class Done>
bool run_until(boost::asio::io_context& io, Done done) {
    const Clock clock;
    const Instant end = clock.now() + std::chrono::seconds(30);
    while (!done()) {
        if (clock.now() > end) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "voltcanary.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace vc::test
