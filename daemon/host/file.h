// Small files, whole, and a lock. Blocking: for start-up, the command line and tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/base/error.h"

namespace vc {

// The whole file. More than `limit` bytes, or anything but a regular file, is an error: a path may
// be a pipe, a device or somebody's log.
Result<std::string> read_file(const std::string& path, std::size_t limit);

// Readers see the old text or the new one, also after a loss of power: written beside it, synced,
// renamed, and the directory synced. `mode` is that of the new file.
Result<void> write_file(const std::string& path, std::string_view text, unsigned mode = 0644);

// Made with its parents if it is missing.
Result<void> make_directory(const std::string& path, unsigned mode = 0750);

// An exclusive lock on a file (made if it is missing, holding this process' number), for as long
// as the object lives. The kernel lets go of it when the process ends, however it ends.
class FileLock {
  public:
    // Does not wait: "locked by process 4711" when somebody else has it.
    static Result<FileLock> take(const std::string& path);
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock();

  private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace vc
