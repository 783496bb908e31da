#include "daemon/host/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>

namespace vc {
namespace {

using spdlog::details::null_mutex;

// Writes whole lines to a descriptor; the logger's single thread is the only caller. A descriptor
// that fails loses the line: there is nowhere left to say so.
class DescriptorSink : public spdlog::sinks::base_sink<null_mutex> {
  public:
    explicit DescriptorSink(int fd) : fd_(fd) {}

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t text;
        formatter_->format(message, text);
        const char* at = text.data();
        std::size_t left = text.size();
        while (left > 0) {
            const ssize_t wrote = ::write(fd_, at, left);
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) return;
            at += wrote;
            left -= static_cast<std::size_t>(wrote);
        }
    }
    void flush_() override {}

  private:
    int fd_;
};

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

// syslog(3): debug 7, info 6, warning 4, error 3.
int priority_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return 7;
        case LogLevel::info:
            return 6;
        case LogLevel::warning:
            return 4;
        case LogLevel::error:
            return 3;
    }
    return 3;
}

void append_harmless(std::string& line, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            line += c;
        } else {
            line += "\\x";
            line += digits[byte >> 4];
            line += digits[byte & 15];
        }
    }
}

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
}

}  // namespace

std::string_view to_text(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "error";
}

std::string log_line(std::string_view message, Log::Fields fields) {
    std::string line;
    append_harmless(line, message);
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        if (!needs_quotes(field.value)) {
            append_harmless(line, field.value);
            continue;
        }
        line += '"';
        for (const char c : field.value) {
            if (c == '"' || c == '\\') line += '\\';
            append_harmless(line, std::string_view(&c, 1));
        }
        line += '"';
    }
    return line;
}

// The pool is shared because spdlog's async logger holds it weakly and asks for a shared_ptr.
struct Log::State {
    explicit State(const Options& chosen)
        : options(chosen),
          pool(std::make_shared<spdlog::details::thread_pool>(chosen.lines_max, 1)),
          logger(std::make_shared<spdlog::async_logger>(
              "voltcanary", std::make_shared<DescriptorSink>(chosen.fd), pool,
              spdlog::async_overflow_policy::overrun_oldest)) {}

    Options options;
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

Log::Log(Options options) : state_(std::make_unique<State>(options)) {
    state_->logger->set_level(level_of(options.least));
    if (options.systemd) {
        state_->logger->set_pattern("%v");
    } else {
        state_->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
    }
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message, Fields fields) {
    if (level < state_->options.least) return;
    std::string line;
    if (state_->options.systemd) {
        line = "<" + std::to_string(priority_of(level)) + ">";
    } else {
        line = std::string(to_text(level)) + " ";
    }
    line += log_line(message, fields);
    state_->logger->log(level_of(level), line);
}

std::uint64_t Log::lines_lost() const {
    return state_->pool->overrun_counter();
}

}  // namespace vc
