#include "daemon/host/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace vc {
namespace {

std::string reason(int error) {
    return std::generic_category().message(error);
}

// Closes on every path; -1 is nothing to close.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return 0;
}

std::string parent_of(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    // O_NONBLOCK: opening a pipe that nobody writes to must not hang.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return failure("cannot read " + path + ": " + reason(errno));
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) {
        return failure("cannot read " + path + ": " + reason(errno));
    }
    if (!S_ISREG(facts.st_mode)) return failure("cannot read " + path + ": not a regular file");
    std::string text;
    char piece[16 * 1024];
    for (;;) {
        const ssize_t got = ::read(file.get(), piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure("cannot read " + path + ": " + reason(errno));
        if (got == 0) return text;
        text.append(piece, static_cast<std::size_t>(got));
        if (text.size() > limit) {
            return failure("cannot read " + path + ": more than " + std::to_string(limit) +
                           " bytes");
        }
    }
}

Result<void> write_file(const std::string& path, std::string_view text, unsigned mode) {
    const auto cannot = [&](int error) {
        return failure("cannot write " + path + ": " + reason(error));
    };
    std::string beside = path + ".XXXXXX";
    const Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
    if (file.get() < 0) return cannot(errno);
    int error = write_all(file.get(), text);
    if (error == 0 && ::fchmod(file.get(), mode) != 0) error = errno;
    if (error == 0 && ::fsync(file.get()) != 0) error = errno;
    if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0) error = errno;
    if (error != 0) {
        ::unlink(beside.c_str());
        return cannot(error);
    }
    const Descriptor folder(::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) return cannot(errno);
    return {};
}

Result<void> make_directory(const std::string& path, unsigned mode) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return {};
    const std::string parent = parent_of(path);
    if (parent != path && !std::filesystem::is_directory(parent, error)) {
        if (auto made = make_directory(parent, 0755); !made) return made;
    }
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
        return failure("cannot make the directory " + path + ": " + reason(errno));
    }
    if (!std::filesystem::is_directory(path, error)) {
        return failure("cannot make the directory " + path + ": a file has that name");
    }
    return {};
}

Result<FileLock> FileLock::take(const std::string& path) {
    const auto cannot = [&](const std::string& why) {
        return failure("cannot lock " + path + ": " + why);
    };
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (file.get() < 0) return cannot(reason(errno));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return cannot(reason(errno));
        char holder[32] = {};
        const ssize_t got = ::pread(file.get(), holder, sizeof holder - 1, 0);
        std::string who(holder, static_cast<std::size_t>(got > 0 ? got : 0));
        while (!who.empty() && who.back() == '\n')
            who.pop_back();
        return cannot("locked by process " + (who.empty() ? "unknown" : who));
    }
    const std::string mine = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file.get(), 0) != 0) return cannot(reason(errno));
    if (const int error = write_all(file.get(), mine); error != 0) return cannot(reason(error));
    return FileLock(file.release());
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace vc
