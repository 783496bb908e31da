#include "daemon/host/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

namespace vc {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

std::string reason(int error) {
    return std::generic_category().message(error);
}

// The attributes and file actions of posix_spawn, freed on every path.
struct SpawnSettings {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};

    SpawnSettings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;

    int prepare(int output) {
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        int error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
        if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, output, 2);
        if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (error == 0) error = posix_spawn_file_actions_addchdir_np(&actions, "/");
        if (error == 0) error = posix_spawnattr_setpgroup(&attributes, 0);
        if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
        if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &all);
        const int flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        if (error == 0) {
            error = posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
        }
        return error;
    }
};

// A started child and its group. Whatever happens to its owner, the group is killed and the child
// reaped.
class Child {
  public:
    explicit Child(pid_t pid) : pid_(pid) {}
    Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
    Child& operator=(Child&&) = delete;
    ~Child() {
        if (pid_ == 0) return;
        signal(SIGKILL);
        reap();
    }

    void signal(int number) const { ::kill(-pid_, number); }

    // True when the child itself has ended. It stays a zombie, so its number cannot be another's
    // and the rest of its group can still be named.
    bool ended() const {
        siginfo_t facts{};
        const int error =
            ::waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT);
        return error == 0 && facts.si_pid == pid_;
    }

    // Blocks until it has ended.
    int reap() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return status;
    }

    int pidfd() const { return static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)); }

  private:
    pid_t pid_;
};

struct Started {
    Child child;
    Descriptor output;
    Descriptor end;  // readable when the child has ended
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (std::string& text : texts)
        list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

Result<Started> start(ProcessRequest& request, const asio::any_io_executor& executor) {
    if (request.argv.empty() || request.argv.front().empty()) {
        return failure("cannot run a program without a name");
    }
    const std::string program = request.argv.front();
    const auto cannot = [&](int error) {
        return failure("cannot run " + program + ": " + reason(error));
    };
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return cannot(errno);
    Descriptor output(executor, pipe[0]);
    Descriptor input(executor, pipe[1]);
    // The child's end blocks as programs expect; only ours must not.
    ::fcntl(pipe[1], F_SETFL, 0);

    SpawnSettings settings;
    if (const int error = settings.prepare(pipe[1]); error != 0) return cannot(error);
    const auto argv = pointers(request.argv);
    const auto environment = pointers(request.environment);
    pid_t pid = 0;
    // posix_spawn shares our memory until the exec and reports the exec's own failure.
    const int error = ::posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes,
                                    argv.data(), environment.data());
    if (error != 0) return cannot(error);
    Child child(pid);
    const int pidfd = child.pidfd();
    if (pidfd < 0) return cannot(errno);
    return Started{std::move(child), std::move(output), Descriptor(executor, pidfd)};
}

// The last bytes of a stream.
class Tail {
  public:
    explicit Tail(std::size_t limit) : limit_(limit) {}

    void add(const char* data, std::size_t size) {
        text_.append(data, size);
        // Trimmed only when it has doubled: each byte is moved at most once.
        if (text_.size() > 2 * limit_) trim();
    }

    void finish(ProcessEnd& end) {
        trim();
        end.output = std::move(text_);
        end.truncated = cut_;
    }

  private:
    void trim() {
        if (text_.size() <= limit_) return;
        text_.erase(0, text_.size() - limit_);
        cut_ = true;
    }

    std::size_t limit_;
    std::string text_;
    bool cut_ = false;
};

enum class Pipe : std::uint8_t { open, closed };

// Reads what is there now, at most `most` bytes, so that a flood cannot keep us from the clock.
Pipe read_some(int fd, Tail& tail, std::size_t most) {
    char piece[16 * 1024];
    while (most > 0) {
        const ssize_t got = ::read(fd, piece, std::min(most, sizeof piece));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN ? Pipe::open : Pipe::closed;
        if (got == 0) return Pipe::closed;
        tail.add(piece, static_cast<std::size_t>(got));
        most -= static_cast<std::size_t>(got);
    }
    return Pipe::open;
}

constexpr std::size_t pipe_at_once = 256 * 1024;

// Until the child has ended, `until` has passed or (when `pipe` is open) there is output. Only
// readiness is waited for: nothing read can be lost when two of them come together.
asio::awaitable<void> wait_for_any(Started& run, Pipe pipe, std::chrono::nanoseconds until) {
    using namespace asio::experimental::awaitable_operators;
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_after(until);
    if (pipe == Pipe::open) {
        co_await (run.end.async_wait(Descriptor::wait_read, token) || timer.async_wait(token) ||
                  run.output.async_wait(Descriptor::wait_read, token));
    } else {
        co_await (run.end.async_wait(Descriptor::wait_read, token) || timer.async_wait(token));
    }
}

ProcessEnd end_of(int status, bool timed_out) {
    ProcessEnd end;
    if (WIFEXITED(status)) {
        end.code = WEXITSTATUS(status);
    } else {
        end.how = ProcessEnd::How::killed;
        end.code = WTERMSIG(status);
    }
    if (timed_out) end.how = ProcessEnd::How::timed_out;
    return end;
}

}  // namespace

asio::awaitable<Result<ProcessEnd>> run_process(ProcessRequest request, Clock clock) {
    auto started = start(request, co_await asio::this_coro::executor);
    if (!started) co_return tl::unexpected(started.error());
    Started run = std::move(*started);

    Tail tail(request.output_limit);
    Pipe pipe = Pipe::open;
    bool timed_out = false;
    Instant next = request.deadline;
    while (!run.child.ended()) {
        if (clock.now() >= next) {
            run.child.signal(timed_out ? SIGKILL : SIGTERM);
            next = timed_out ? Instant::max() : clock.now() + request.grace;
            timed_out = true;
        }
        // Never for ever, whatever the kernel makes of a deadline in the far future.
        const std::chrono::nanoseconds at_most = std::chrono::hours(1);
        const auto left = next == Instant::max() ? at_most : clock.machine_time_until(next);
        co_await wait_for_any(run, pipe, std::min(left, at_most));
        if (pipe == Pipe::open) {
            pipe = read_some(run.output.native_handle(), tail, pipe_at_once);
        }
    }
    // What the program itself wrote is in the pipe by now; others may hold it open.
    run.child.signal(SIGKILL);
    if (pipe == Pipe::open) read_some(run.output.native_handle(), tail, pipe_at_once);
    ProcessEnd end = end_of(run.child.reap(), timed_out);
    tail.finish(end);
    co_return end;
}

}  // namespace vc
