#include "tests/bench/idle.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "tests/e2e/platform.h"
#include "tests/e2e/watcher.h"

namespace vc::bench {
namespace {

namespace json = boost::json;

double number(const json::value& value) {
    return value.is_null() ? std::nan("") : value.to_number<double>();
}

std::uint64_t attempts_of(const json::object& status) {
    std::uint64_t sum = 0;
    for (const auto& [channel, facts] : status.at("channels").as_object()) {
        sum += facts.at("started").to_number<std::uint64_t>();
    }
    return sum;
}

}  // namespace

void idle(Figures& figures) {
    using std::chrono::minutes;
    constexpr double factor = 10;
    e2e::TempDir dir;
    e2e::PlatformOptions options;
    options.factor = factor;
    options.chargers = 0;
    e2e::Platform platform(dir, options);
    e2e::Watcher watcher(dir, platform, {});
    const auto pass = [&](Duration span) {
        e2e::eventually(platform.clock(), span, [] { return false; });
    };
    pass(minutes(1));
    const Instant from = platform.clock().now();
    const auto cpu_from = watcher.process().cpu_time();
    const std::uint64_t attempts_from = attempts_of(watcher.status());
    pass(minutes(10));
    const json::object status = watcher.status();
    const double machine_s = seconds(platform.clock().now() - from) / factor;
    const double cpu_s = seconds(watcher.process().cpu_time() - cpu_from);
    const auto attempts = static_cast<double>(attempts_of(status) - attempts_from);

    for (const auto& [channel, facts] : status.at("channels").as_object()) {
        const json::object& recent = facts.at("recent").as_object();
        const std::string name = channel;
        figures.add(name + "_p50_of_100_ms", number(recent.at("p50_s")) * 1e3 / factor, "ms");
        figures.add(name + "_p99_of_100_ms", number(recent.at("p99_s")) * 1e3 / factor, "ms");
        figures.add(name + "_bad", number(recent.at("bad")), "of the last 100 attempts");
    }
    figures.add("attempts_per_second", attempts / machine_s, "1/s");
    figures.add("cpu_cores", cpu_s / machine_s, "cores");
    figures.add("cpu_us_per_attempt", cpu_s * 1e6 / attempts, "us");
    figures.add("resident_bytes", static_cast<double>(watcher.process().resident_bytes()), "bytes");
    const std::string unaccounted = watcher.unaccounted();
    if (!unaccounted.empty()) throw std::runtime_error("not accounted for: " + unaccounted);
    if (watcher.stop() != 0) throw std::runtime_error("the daemon did not stop cleanly");
}

}  // namespace vc::bench
