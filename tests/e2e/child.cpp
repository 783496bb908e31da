#include "tests/e2e/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace vc::e2e {
namespace {

std::vector<std::string> merged(const std::map<std::string, std::string>& more) {
    std::map<std::string, std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const auto equals = text.find('=');
        all[text.substr(0, equals)] = text.substr(equals + 1);
    }
    for (const auto& [name, value] : more)
        all[name] = value;
    std::vector<std::string> lines;
    for (const auto& [name, value] : all)
        lines.push_back(name + "=" + value);
    return lines;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (const std::string& text : texts)
        result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Child::Child(const std::vector<std::string>& argv,
             const std::map<std::string, std::string>& environment, std::filesystem::path log)
    : log_(std::move(log)) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    const auto env_lines = merged(environment);
    const int error = posix_spawn(&pid_, argv.front().c_str(), &files, nullptr,
                                  pointers(argv).data(), pointers(env_lines).data());
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) throw std::runtime_error(argv.front() + ": " + std::strerror(error));
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ < 0) throw std::runtime_error(std::string("pidfd_open: ") + std::strerror(errno));
}

Child::~Child() {
    if (running()) {
        signal(SIGKILL);
        wait(std::chrono::seconds(10));
    }
    if (pidfd_ >= 0) close(pidfd_);
}

bool Child::running() {
    return !wait(std::chrono::milliseconds(0));
}

void Child::signal(int number) {
    if (!status_) kill(pid_, number);
}

std::optional<int> Child::wait(std::chrono::milliseconds limit) {
    if (status_) return status_;
    pollfd ended{pidfd_, POLLIN, 0};
    if (poll(&ended, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
    int status = 0;
    if (waitpid(pid_, &status, 0) == pid_) status_ = exit_code(status);
    return status_;
}

std::string Child::log_text() const {
    return read_text(log_);
}

std::size_t Child::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::chrono::milliseconds Child::cpu_time() const {
    // Fields 14 and 15 of stat, counted after the parenthesised name (which may hold spaces).
    const std::string text = read_text("/proc/" + std::to_string(pid_) + "/stat");
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        rest >> skipped;
    long user = 0;
    long system = 0;
    rest >> user >> system;
    return std::chrono::milliseconds((user + system) * 1000 / sysconf(_SC_CLK_TCK));
}

TempDir::TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "voltcanary-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
}

TempDir::~TempDir() {
    std::error_code ignored;  // a leftover folder is no reason to end the test run
    std::filesystem::remove_all(path_, ignored);
}

void write_text(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace vc::e2e
