#include "tests/e2e/platform.h"

#include <sys/poll.h>

#include <cstdio>
#include <functional>
#include <stdexcept>

#include "daemon/host/http_client.h"

namespace vc::e2e {
namespace {

constexpr std::chrono::seconds start_limit{20};  // machine time

std::string shared_time_line(double factor) {
    // The two time lines meet now, so that the first readings are today's.
    const WallTime now = Clock().wall();
    return to_text(TimeLapse{factor, now.unix_ns});
}

Clock clock_of(const std::string& lapse) {
    const auto parsed = parse_time_lapse(lapse);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    return Clock(*parsed);
}

}  // namespace

bool eventually(const Clock& clock, Duration within, const std::function<bool()>& met) {
    const Instant end = clock.now() + within;
    while (!met()) {
        if (clock.now() >= end) return false;
        poll(nullptr, 0, 50);  // what is asked for has no event that we could wait for
    }
    return true;
}

std::string binary(const std::string& name) {
    return std::string(VC_BINARY_DIR) + "/" + name;
}

Platform::Platform(const TempDir& dir, const PlatformOptions& options)
    : time_lapse_(shared_time_line(options.factor)), clock_(clock_of(time_lapse_)) {
    const auto ports_file = dir.path() / "ports.json";
    std::vector<std::string> argv{binary("voltcanary-lab"),
                                  "run",
                                  "--seed",
                                  std::to_string(options.seed),
                                  "--chargers",
                                  std::to_string(options.chargers),
                                  "--time-lapse",
                                  time_lapse_,
                                  "--truth",
                                  (dir.path() / "truth.jsonl").string(),
                                  "--ports-file",
                                  ports_file.string()};
    if (!options.primary_plain.empty()) {
        argv.insert(argv.end(), {"--primary-plain", options.primary_plain});
    }
    argv.insert(argv.end(), options.more.begin(), options.more.end());
    process_ =
        std::make_unique<Child>(argv, std::map<std::string, std::string>{}, dir.path() / "lab.log");
    const bool ready = eventually(Clock(), start_limit, [&] {
        return std::filesystem::exists(ports_file) || !process_->running();
    });
    if (!ready || !process_->running()) {
        throw std::runtime_error("the lab did not start: " + process_->log_text());
    }
    ports_ = boost::json::parse(read_text(ports_file)).as_object();
}

int Platform::port(const char* name) const {
    return static_cast<int>(ports_.at(name).as_int64());
}

int Platform::relay_port(const char* name) const {
    return static_cast<int>(ports_.at("relay").as_object().at(name).as_int64());
}

boost::json::value Platform::ask(const std::string& method, const std::string& path,
                                 const std::string& body) const {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(port("control")) + path;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    request.answer_limit = 64 << 20;
    const HttpAnswer answer = http_fetch(request, std::chrono::seconds(20), Clock());
    if (!answer) throw std::runtime_error(method + " " + path + ": " + answer.error().message);
    if (answer->status / 100 != 2) {
        throw std::runtime_error(method + " " + path + ": " + std::to_string(answer->status) + " " +
                                 answer->body);
    }
    return answer->body.empty() ? boost::json::value{} : boost::json::parse(answer->body);
}

boost::json::value Platform::get(const std::string& path) const {
    return ask("GET", path, "");
}

boost::json::value Platform::post(const std::string& path, const boost::json::value& body) const {
    return ask("POST", path, body.is_null() ? "" : boost::json::serialize(body));
}

void Platform::erase(const std::string& path) const {
    ask("DELETE", path, "");
}

std::string Platform::inject(const boost::json::value& fault) const {
    return std::string(post("/faults", fault).at("id").as_string());
}

boost::json::object Platform::settled_ledger() const {
    using namespace std::chrono_literals;
    post("/load/pause", {{"paused", true}});
    boost::json::object ledger;
    eventually(clock_, 3min, [&] {
        ledger = get("/ledger").as_object();
        return ledger.at("in_flight").to_number<std::int64_t>() == 0 &&
               ledger.at("lost").to_number<std::int64_t>() == 0;
    });
    return ledger;
}

}  // namespace vc::e2e
