#include "tests/lab/commands.h"

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <vector>

#include "tests/lab/control.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

int failed(const std::string& words) {
    std::fprintf(stderr, "voltcanary-lab: %s\n", words.c_str());
    return 1;
}

// Whoever waits for the file never reads half of it.
bool write_whole(const std::string& path, const std::string& text) {
    const std::string next = path + ".new";
    {
        std::ofstream file(next, std::ios::trunc);
        file << text << "\n";
        if (!file.flush()) return false;
    }
    return std::rename(next.c_str(), path.c_str()) == 0;
}

// Says where everything is, as soon as the platform has connected itself.
class Announcer {
  public:
    Announcer(Lab& lab, const Control& control, std::string file)
        : lab_(lab), control_(control), file_(std::move(file)) {
        look();
    }

  private:
    void look() {
        if (!lab_.ready()) {
            next_ = lab_.agenda.after(lab_.agenda.clock().from_machine(20ms), [this] { look(); });
            return;
        }
        json::object ports = lab_.ports();
        ports["control"] = control_.port();
        const std::string text = json::serialize(ports);
        std::printf("%s\n", text.c_str());
        std::fflush(stdout);
        if (!file_.empty() && !write_whole(file_, text)) failed(file_ + ": cannot be written");
    }

    Lab& lab_;
    const Control& control_;
    std::string file_;
    Timer next_;
};

struct Step {
    Duration at{};
    HttpRequest request;
    std::string name;
};

std::optional<Duration> read_offset(std::string_view text) {
    double number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || !(number >= 0)) return std::nullopt;
    const std::string_view unit(read.ptr, text.data() + text.size());
    const double ns = unit == "ms"  ? 1e6
                      : unit == "s" ? 1e9
                      : unit == "m" ? 60e9
                      : unit == "h" ? 3600e9
                                    : 0;
    if (ns == 0) return std::nullopt;
    return Duration{static_cast<std::int64_t>(number * ns)};
}

Result<Step> read_step(const std::string& line) {
    json::error_code error;
    const json::value read = json::parse(line, error);
    if (error || !read.is_object()) return failure("is no JSON object");
    Step step;
    for (const auto& field : read.as_object()) {
        const bool text = field.value().is_string();
        const std::string value = text ? std::string(field.value().as_string()) : "";
        if (field.key() == "at" && text) {
            const auto at = read_offset(value);
            if (!at) return failure("at: must be a time such as 90s");
            step.at = *at;
        } else if (field.key() == "do" && text && value.find(' ') != std::string::npos) {
            step.request.method = value.substr(0, value.find(' '));
            step.request.path = value.substr(value.find(' ') + 1);
        } else if (field.key() == "body" && field.value().is_object()) {
            step.request.body = json::serialize(field.value());
        } else if (field.key() == "as" && text) {
            step.name = value;
        } else {
            return failure("'" + std::string(field.key()) + "' is not understood");
        }
    }
    if (step.request.path.empty()) return failure("do: is missing");
    return step;
}

tl::unexpected<Error> at_line(const std::string& file, int line, const std::string& words) {
    Error error;
    error.pos.file = file;
    error.pos.line = line;
    error.message = words;
    return tl::unexpected<Error>(std::move(error));
}

Result<std::vector<Step>> read_timeline(const std::string& path) {
    std::ifstream file(path);
    if (!file) return failure(path + ": cannot be read");
    std::vector<Step> steps;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (line.empty() || line.front() == '#') continue;
        auto step = read_step(line);
        if (!step) return at_line(path, number, step.error().message);
        if (!steps.empty() && step->at < steps.back().at) {
            return at_line(path, number, "at: is before the line above");
        }
        steps.push_back(std::move(*step));
    }
    return steps;
}

Result<Clock> clock_of(std::uint16_t port) {
    const auto ports = http_ask(port, {"GET", "/ports", {}, {}, {}}, 10s);
    if (!ports) return tl::unexpected<Error>(ports.error());
    json::error_code error;
    const json::value read = json::parse(ports->body, error);
    const json::value* lapse =
        error || !read.is_object() ? nullptr : read.as_object().if_contains("time_lapse");
    if (lapse == nullptr || !lapse->is_string()) return failure("this is no lab");
    const auto parsed = parse_time_lapse(std::string(lapse->as_string()));
    if (!parsed) return tl::unexpected<Error>(parsed.error());
    return Clock(*parsed);
}

void wait_until(const Clock& clock, Instant at) {
    boost::asio::io_context io(1);
    boost::asio::steady_timer timer(io);
    timer.expires_after(clock.machine_time_until(at));
    timer.async_wait([](const boost::system::error_code&) {});
    io.run();
}

bool play_step(std::uint16_t port, Step step, std::map<std::string, std::string>& ids) {
    const std::string prefix = "/faults/";
    std::string& path = step.request.path;
    if (step.request.method == "DELETE" && path.starts_with(prefix)) {
        const auto named = ids.find(path.substr(prefix.size()));
        if (named != ids.end()) path = prefix + named->second;
    }
    const auto answer = http_ask(port, step.request, 10s);
    const std::string words = step.request.method + " " + path;
    if (!answer || answer->status / 100 != 2) {
        failed(words + ": " + (answer ? answer->body : answer.error().message));
        return false;
    }
    std::printf("%s %s %s\n", vc::to_text(step.at).c_str(), words.c_str(), answer->body.c_str());
    std::fflush(stdout);
    json::error_code error;
    const json::value read = json::parse(answer->body, error);
    const json::value* id =
        error || !read.is_object() ? nullptr : read.as_object().if_contains("id");
    if (!step.name.empty() && id != nullptr && id->is_string()) {
        ids[step.name] = std::string(id->as_string());
    }
    return true;
}

}  // namespace

int run_lab(const RunOptions& options) {
    try {
        boost::asio::io_context io(1);
        Lab lab(io, options.lab);
        if (!options.truth_file.empty()) {
            const auto opened = lab.truth.log_to(options.truth_file);
            if (!opened) return failed(opened.error().message);
        }
        if (!options.fates_file.empty()) {
            const auto opened = lab.fates.log_to(options.fates_file);
            if (!opened) return failed(opened.error().message);
        }
        if (!options.tls_folder.empty()) {
            const auto written = lab.tls.write_to(options.tls_folder);
            if (!written) return failed(written.error().message);
        }
        const Control control(lab);
        const Announcer announcer(lab, control, options.ports_file);
        boost::asio::signal_set stop(io, SIGTERM, SIGINT);
        stop.async_wait([&](const boost::system::error_code&, int) { io.stop(); });
        io.run();
        return 0;
    } catch (const boost::system::system_error& error) {
        return failed(error.what());  // no port could be bound
    }
}

int ask_lab(const Ask& ask) {
    const HttpRequest request{ask.method, ask.path, {}, ask.key, ask.body};
    const Duration patience{static_cast<std::int64_t>(ask.patience_s * 1e9)};
    const auto answer = http_ask(ask.port, request, patience);
    if (!answer) {
        failed(answer.error().message);
        return 75;
    }
    std::printf("%s\n", answer->body.c_str());
    if (answer->status == 208) return 10;
    if (answer->status / 100 == 2) return 0;
    if (answer->status == 409) return 20;
    return answer->status == 503 ? 75 : 1;
}

int play_timeline(std::uint16_t port, const std::string& file) {
    auto steps = read_timeline(file);
    if (!steps) return failed(to_text(steps.error()));
    const auto clock = clock_of(port);
    if (!clock) return failed(clock.error().message);
    const Instant start = clock->now();
    std::map<std::string, std::string> ids;
    for (Step& step : *steps) {
        wait_until(*clock, start + step.at);
        if (!play_step(port, std::move(step), ids)) return 1;
    }
    return 0;
}

}  // namespace vc::lab
