// One program that a test has started: its own process, known by its id and ended by it. Output
// goes to a file, for the report of a failure.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vc::e2e {

class Child {
  public:
    // Runs argv[0] with the caller's environment plus `environment`, both outputs into `log`.
    // Throws std::runtime_error when it cannot be started: a test can only fail then.
    Child(const std::vector<std::string>& argv,
          const std::map<std::string, std::string>& environment, std::filesystem::path log);
    // Kills it (SIGKILL) if it is still running, and reaps it.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }
    bool running();
    void signal(int number);

    // Exit status, 128 + signal number if a signal ended it; nothing while it runs on past the
    // limit (machine time).
    std::optional<int> wait(std::chrono::milliseconds limit);

    const std::filesystem::path& log() const { return log_; }
    std::string log_text() const;

    // Resident memory in bytes, as the kernel counts it now.
    std::size_t resident_bytes() const;
    // User plus system CPU time used so far.
    std::chrono::milliseconds cpu_time() const;

  private:
    std::filesystem::path log_;
    pid_t pid_ = -1;
    int pidfd_ = -1;
    std::optional<int> status_;
};

// A folder of the test's own under the system's temporary folder, removed at the end.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

void write_text(const std::filesystem::path& path, const std::string& text);
std::string read_text(const std::filesystem::path& path);

}  // namespace vc::e2e
