#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/host/http_client.h"
#include "tests/bench/broker.h"
#include "tests/e2e/child.h"
#include "tests/e2e/platform.h"

namespace vc::bench {
namespace {

using namespace std::chrono_literals;

constexpr int entities = 200;                // on each of the two brokers
const std::string key = "bm90IGEgc2VjcmV0";  // of the lab, and of no use anywhere else
constexpr auto warm_up = 25s;
constexpr auto measured = 60s;

std::string entity(int number) {
    char name[16];
    std::snprintf(name, sizeof name, "fleet-%03d", number);
    return name;
}

// Two queues for each entity, as both namespaces are to have them.
std::string entities_json() {
    std::string text = "{\"queues\":[";
    for (int i = 0; i < entities; ++i) {
        for (const char* suffix : {"", "-fresh"}) {
            text += text.back() == '[' ? "" : ",";
            text += "{\"name\":\"" + entity(i) + suffix + "\",\"default_ttl_s\":60}";
        }
    }
    return text + "]}\n";
}

// The channels that are not measured are slowed down: they are a daemon's, but not this figure's.
std::string configuration(const e2e::Platform& platform, const std::string& ca,
                          const std::filesystem::path& state) {
    std::string names;
    for (int i = 0; i < entities; ++i)
        names += (i == 0 ? "" : ", ") + entity(i);
    const auto port = [&](const char* name) { return std::to_string(platform.port(name)); };
    const auto broker = [&](const char* name) {
        return std::string("  ") + name + ":\n    url: amqps://localhost:" + port(name) +
               "\n    entities: [" + names + "]\n    tls: {ca: " + ca +
               "}\n    auth: {sas: {key_name: bench, key: {env: VC_BENCH_KEY}}}\n";
    };
    return "mode: observe\nstate: " + state.string() +
           "\nlisten: 127.0.0.1:0\nplatform:\n  bridge:\n    url: ws://127.0.0.1:" +
           port("bridge") +
           "/ocpp\n    identity_prefix: SYN-\n    standby_identity_prefix: SYN-STANDBY-\n"
           "    id_tag: SYNTH01\n" +
           broker("primary") + broker("standby") + "control: [\"http://127.0.0.1:" + port("ping") +
           "/ping\"]\n"
           "probes:\n"
           "  HB: {chargers: 1}\n"
           "  DL: {every: 1s}\n  SL: {every: 1s}\n  DF: {every: 15s}\n  SF: {every: 15s}\n"
           "  DX: {every: 1h}\n  SX: {every: 1h}\n  DM: {every: 1h}\n  SM: {every: 1h}\n";
}

// The daemon, from its start to its orderly end.
class Daemon {
  public:
    Daemon(const e2e::TempDir& dir, const e2e::Platform& platform) : state_(dir.path() / "state") {
        const auto file = dir.path() / "fleet.yaml";
        e2e::write_text(file, configuration(platform, dir.path() / "ca.pem", state_));
        process_ = std::make_unique<e2e::Child>(
            std::vector<std::string>{e2e::binary("voltcanary"), "run", "--config", file.string()},
            std::map<std::string, std::string>{{"VC_BENCH_KEY", key}}, dir.path() / "daemon.log");
        const bool runs = e2e::eventually(Clock(), 20s, [&] {
            return !process_->running() || std::filesystem::exists(state_ / "http.json");
        });
        if (!runs || !process_->running()) {
            throw std::runtime_error("the daemon did not start: " + process_->log_text());
        }
    }

    // Every series: name with labels -> value.
    std::map<std::string, double> metrics() const {
        const auto place = boost::json::parse(e2e::read_text(state_ / "http.json"));
        HttpRequest request;
        request.url =
            "http://127.0.0.1:" + std::to_string(place.at("port").as_int64()) + "/metrics";
        request.answer_limit = 64 << 20;
        const HttpAnswer answer = http_fetch(request, 10s, Clock());
        if (!answer) throw std::runtime_error(answer.error().message);
        std::map<std::string, double> series;
        std::istringstream lines(answer->body);
        for (std::string line; std::getline(lines, line);) {
            const auto space = line.rfind(' ');
            if (line.empty() || line.front() == '#' || space == std::string::npos) continue;
            series[line.substr(0, space)] = std::strtod(line.c_str() + space, nullptr);
        }
        return series;
    }

    void stop() {
        process_->signal(SIGTERM);
        if (process_->wait(60s) != 0) {
            throw std::runtime_error("the daemon did not stop cleanly: " + process_->log_text());
        }
    }
    e2e::Child& process() { return *process_; }

  private:
    std::filesystem::path state_;
    std::unique_ptr<e2e::Child> process_;
};

using Series = std::map<std::string, double>;

double rise(const Series& from, const Series& to, const std::string& name) {
    const auto value = [&name](const Series& of) {
        const auto found = of.find(name);
        return found == of.end() ? 0.0 : found->second;
    };
    return value(to) - value(from);
}

// Of a histogram between two looks; the upper edge of the bucket that holds it.
double quantile_of(const Series& from, const Series& to, const std::string& name, double q) {
    const std::string prefix = name + "_bucket{le=\"";
    std::map<double, double> buckets;  // edge -> attempts at or below
    for (const auto& [series, value] : to) {
        if (!series.starts_with(prefix)) continue;
        buckets[std::strtod(series.c_str() + prefix.size(), nullptr)] = rise(from, to, series);
    }
    const double all = rise(from, to, name + "_count");
    for (const auto& [edge, count] : buckets) {
        if (count >= q * all) return edge;
    }
    return std::nan("");
}

double sum_of(const Series& from, const Series& to, const std::string& family,
              const std::string& label) {
    double sum = 0;
    for (const auto& [series, value] : to) {
        if (series.starts_with(family + "{") && series.find(label) != std::string::npos) {
            sum += rise(from, to, series);
        }
    }
    return sum;
}

void pass(Duration span) {
    e2e::eventually(Clock(), span, [] { return false; });
}

}  // namespace

void fleet(Figures& figures) {
    e2e::TempDir dir;
    const auto file = dir.path() / "entities.json";
    e2e::write_text(file, entities_json());
    e2e::PlatformOptions options;
    options.factor = 1;
    options.chargers = 0;
    options.more = {"--entities",    file.string(),  "--tls-dir",     dir.path(),
                    "--primary-key", "bench:" + key, "--standby-key", "bench:" + key};
    e2e::Platform platform(dir, options);
    Daemon daemon(dir, platform);
    pass(warm_up);
    const Clock clock;
    const Series from = daemon.metrics();
    const Instant begin = clock.now();
    const auto cpu_from = daemon.process().cpu_time();
    const auto lab_from = platform.process().cpu_time();
    pass(measured);
    const double span = seconds(clock.now() - begin);
    const double cpu = seconds(daemon.process().cpu_time() - cpu_from) / span;
    const double lab_cpu = seconds(platform.process().cpu_time() - lab_from) / span;
    const Series to = daemon.metrics();
    const std::size_t resident = daemon.process().resident_bytes();
    daemon.stop();

    const std::string finished = "voltcanary_probe_finished_total";
    double ended = 0;
    double good = 0;
    for (const char* channel : {"DL", "DF", "SL", "SF"}) {
        const std::string label = std::string("channel=\"") + channel + "\"";
        ended += sum_of(from, to, finished, label);
        good += rise(from, to, finished + "{" + label + ",outcome=\"ok\"}");
    }
    char how[200];
    std::snprintf(how, sizeof how,
                  "%d entities x (L 1/s, F 1/15 s) x 2 brokers, TLS and signed tokens, for %.0f s: "
                  "%.0f attempts/s, "
                  "%.2f%% ok; the lab itself %.2f cores",
                  entities, span, ended / span, 100 * good / ended, lab_cpu);
    figures.add("fleet_cpu_cores", cpu, "cores", {}, {}, how);
    figures.add("fleet_rss_bytes", static_cast<double>(resident), "bytes", {}, {},
                "resident at the end");
    // Cores and lag of a fleet whose attempts fail would be no fleet's.
    std::snprintf(how, sizeof how, "attempts that ended ok, of %.0f on DL, DF, SL and SF", ended);
    figures.add_at_least("fleet_ok_share", good / ended, "share", 0.99, how);
    const std::string lag = "voltcanary_schedule_lag_seconds";
    std::snprintf(how, sizeof how,
                  "start of an attempt behind its due time, upper edge of its bucket; p50 %.2f ms, "
                  "p99.9 %.2f ms, n %.0f",
                  1e3 * quantile_of(from, to, lag, 0.5), 1e3 * quantile_of(from, to, lag, 0.999),
                  rise(from, to, lag + "_count"));
    figures.add("fleet_lag_p99_ms", 1e3 * quantile_of(from, to, lag, 0.99), "ms", 5.0, {}, how);
}

}  // namespace vc::bench
