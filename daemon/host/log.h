// The daemon's own words, on stderr: one line each, `level message key=value ...`, with systemd's
// priority prefix (<3>) when stderr is the journal. Lines go through a bounded queue to a thread of
// their own, so that a blocked terminal or disk cannot stop the watchdog; when it is full the
// oldest line is lost and counted. Text from peers is made harmless: no control characters.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace vc {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
std::string_view to_text(LogLevel level);

struct LogField {
    std::string_view key;
    std::string value;
};

class Log {
  public:
    struct Options {
        LogLevel least = LogLevel::info;
        int fd = 2;            // written to, never closed
        bool systemd = false;  // priority prefixes instead of a time stamp
        std::size_t lines_max = 4096;
    };
    explicit Log(Options options);
    ~Log();  // writes what is queued
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    using Fields = std::initializer_list<LogField>;
    void debug(std::string_view message, Fields fields = {}) {
        write(LogLevel::debug, message, fields);
    }
    void info(std::string_view message, Fields fields = {}) {
        write(LogLevel::info, message, fields);
    }
    void warning(std::string_view message, Fields fields = {}) {
        write(LogLevel::warning, message, fields);
    }
    void error(std::string_view message, Fields fields = {}) {
        write(LogLevel::error, message, fields);
    }
    void write(LogLevel level, std::string_view message, Fields fields);

    std::uint64_t lines_lost() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// `message key=value key="two words"`, control characters escaped. Visible for tests.
std::string log_line(std::string_view message, Log::Fields fields);

}  // namespace vc
