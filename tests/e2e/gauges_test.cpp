// What others publish: the vendor's claims from a fake Azure and from a real Prometheus, each
// green, red and missing in turn; and a vendor that stays green beside a broker that is gray.
#include <doctest/doctest.h>

#include <filesystem>
#include <regex>

#include "tests/e2e/story.h"

using namespace vc::e2e;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

// Both of Azure's sources of the primary, one by the machine's identity, one by a client secret.
std::string azure_gauges(const Platform& platform, const TempDir& dir) {
    const std::string azure = "http://127.0.0.1:" + std::to_string(platform.port("azure"));
    const std::string of =
        "resource: /subscriptions/lab/resourceGroups/lab/providers/"
        "Microsoft.ServiceBus/namespaces/primary\n      endpoint: " +
        azure + "\n      identity:\n        token_url: " + azure;
    write_text(dir.path() / "client.secret", "not-a-secret\n");
    return "gauges:\n"
           "  - name: azure-metrics\n    role: vendor_claim\n    every: 20s\n    max_age: 8m\n"
           "    azure_monitor:\n      " +
           of +
           "/metadata/identity/oauth2/token\n"
           "  - name: azure-health\n    role: vendor_claim\n    every: 20s\n"
           "    resource_health:\n      " +
           of + "/lab/oauth2/v2.0/token\n        tenant: lab\n        client_id: voltcanary\n" +
           "        client_secret: {file: " + (dir.path() / "client.secret").string() + "}\n";
}

// {"source": .., "claim" or "value": .., "age_s": .., "reason": ..} of one source.
json::object gauge(const Watcher& watcher, std::string_view source) {
    const json::object status = watcher.status();
    for (const json::value& one : status.at("gauges").as_array()) {
        if (one.at("source").as_string() == json::string_view(source)) return one.as_object();
    }
    return {{"claim", "never read"}, {"reason", ""}, {"value", nullptr}, {"age_s", nullptr}};
}

std::string claim(const Watcher& watcher, std::string_view source) {
    return std::string(gauge(watcher, source).at("claim").as_string());
}

std::string reason(const Watcher& watcher, std::string_view source) {
    return std::string(gauge(watcher, source).at("reason").as_string());
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// Debian's Prometheus on a port that the kernel chose. Whom it watches stands in a file that it
// reads again, because the daemon is started after it and asks it.
class Prometheus {
  public:
    explicit Prometheus(const TempDir& dir)
        : targets_(dir.path() / "targets.json"), log_(dir.path() / "prometheus.log") {
        write_text(targets_, "[]");
        write_text(dir.path() / "prometheus.yml",
                   "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                   "scrape_configs:\n  - job_name: voltcanary\n    file_sd_configs:\n"
                   "      - {files: [" +
                       targets_.string() + "], refresh_interval: 1s}\n");
        process_ = std::make_unique<Child>(
            std::vector<std::string>{"/usr/bin/prometheus",
                                     "--config.file=" + (dir.path() / "prometheus.yml").string(),
                                     "--storage.tsdb.path=" + (dir.path() / "tsdb").string(),
                                     "--web.listen-address=127.0.0.1:0"},
            std::map<std::string, std::string>{}, log_);
        const std::regex listens("msg=\"Listening on\" address=127.0.0.1:([0-9]+)");
        const bool up = eventually(vc::Clock(), 20s, [&] {
            const std::string log = process_->log_text();
            std::smatch found;
            if (!std::regex_search(log, found, listens)) return false;
            port_ = std::stoi(found[1]);
            return true;
        });
        if (!up) throw std::runtime_error("Prometheus did not start: " + process_->log_text());
    }
    int port() const { return port_; }
    void watch(const TempDir& dir) const {
        const auto place = json::parse(read_text(dir.path() / "state" / "http.json"));
        const auto made = dir.path() / "targets.new";
        write_text(made, "[{\"targets\": [\"127.0.0.1:" +
                             std::to_string(place.at("port").to_number<int>()) + "\"]}]");
        std::filesystem::rename(made, targets_);
    }
    void end() { process_.reset(); }

  private:
    std::filesystem::path targets_;
    std::filesystem::path log_;
    std::unique_ptr<Child> process_;
    int port_ = 0;
};

}  // namespace

TEST_CASE("Azure's metrics and its resource health are green, red and missing in turn") {
    const TempDir dir;
    const Platform platform(dir, {});
    WatcherOptions options;
    options.automatic = false;
    options.more = azure_gauges(platform, dir);
    Watcher watcher(dir, platform, options);
    const auto comes = [&](const char* source, const char* what) {
        const bool came =
            eventually(platform.clock(), 15min, [&] { return claim(watcher, source) == what; });
        CHECK_MESSAGE(came, source << " is not " << what << " but " << claim(watcher, source)
                                   << ": " << reason(watcher, source));
    };
    comes("azure-metrics", "green");
    comes("azure-health", "green");
    // A minute of the metrics is over when it can be read.
    CHECK(gauge(watcher, "azure-metrics").at("age_s").to_number<double>() >= 60);

    platform.post("/azure", {{"part", "metrics"}, {"mode", "lagging"}, {"minutes", 4}});
    CHECK(eventually(platform.clock(), 10min, [&] {
        const json::object lagging = gauge(watcher, "azure-metrics");
        return lagging.at("claim").as_string() == "green" &&
               lagging.at("age_s").to_number<double>() >= 240;
    }));
    platform.post("/azure", {{"part", "metrics"}, {"mode", "missing"}});
    platform.post("/azure", {{"part", "health"}, {"mode", "missing"}, {"empty", true}});
    comes("azure-metrics", "missing");
    CHECK(reason(watcher, "azure-metrics") == "HTTP 503");
    comes("azure-health", "missing");
    CHECK(reason(watcher, "azure-health") == "the state is Unknown");
    platform.post("/azure", {{"part", "metrics"}, {"mode", "missing"}, {"empty", true}});
    CHECK(eventually(platform.clock(), 10min, [&] {
        return reason(watcher, "azure-metrics") == "IncomingRequests has no minute with a value";
    }));

    platform.post("/azure", {{"part", "metrics"}, {"mode", "honest"}});
    platform.post("/azure", {{"part", "health"}, {"mode", "honest"}});
    platform.inject({{"component", "primary"}, {"kind", "server_busy"}, {"p", 1}});
    comes("azure-metrics", "red");
    comes("azure-health", "red");
    CHECK(watcher.status().at("vendor").as_string() == "red");
    CHECK(watcher.stop() == 0);
}

TEST_CASE("a vendor that stays green beside a gray broker is cited and measured") {
    const TempDir dir;
    const Platform platform(dir, {});
    platform.post("/azure", {{"part", "metrics"}, {"mode", "always_healthy"}});
    platform.post("/azure", {{"part", "health"}, {"mode", "always_healthy"}});
    WatcherOptions options;
    options.automatic = false;
    options.more = azure_gauges(platform, dir);
    Watcher watcher(dir, platform, options);
    REQUIRE(eventually(platform.clock(), 10min,
                       [&] { return claim(watcher, "azure-metrics") == "green"; }));
    CHECK(has(watcher.metrics(), "voltcanary_vendor_disagrees{how=\"green_while_broken\"} 0"));

    platform.inject({{"component", "primary"}, {"kind", "stall"}, {"p", 0.5}});
    const auto diagnosed = [&] {
        const json::object status = watcher.status();
        const json::value& incident = status.at("incident");
        return !incident.is_null() && incident.at("diagnosis").as_string() == "primary_broker" &&
               incident.at("state").as_string() == "confirmed";
    };
    REQUIRE(eventually(platform.clock(), 25min, diagnosed));
    CHECK(claim(watcher, "azure-metrics") == "green");
    CHECK(claim(watcher, "azure-health") == "green");
    CHECK(watcher.status().at("vendor_disagreement").as_string() == "green_while_broken");
    const std::string metrics = watcher.metrics();
    CHECK(has(metrics, "voltcanary_vendor_disagrees{how=\"green_while_broken\"} 1"));
    for (const char* source : {"azure-metrics", "azure-health"}) {
        const std::regex series("voltcanary_vendor_claim\\{[^}]*" + std::string(source) +
                                "[^}]*\\} 1");
        CHECK_MESSAGE(std::regex_search(metrics, series), source);
    }
    const auto made = records_of(watcher.incident(1), "diagnosis_made");
    REQUIRE_FALSE(made.empty());
    CHECK(made.back().at("body").at("vendor").as_string() == "green");
    CHECK_FALSE(made.back().at("body").at("vendor_source").as_string().empty());
    CHECK(has(watcher.say({"status"}).output, "OUR PROBES SAY OTHERWISE"));
    CHECK(has(watcher.say({"incident", "show", "1"}).output, "the vendor said green ("));
    CHECK(watcher.stop() == 0);
}

TEST_CASE("any query of a real Prometheus plays any part, and says why when it does not") {
    const TempDir dir;
    PlatformOptions real_time;  // as Prometheus' own clock
    real_time.factor = 1;
    real_time.chargers = 2;
    const Platform platform(dir, real_time);
    Prometheus prometheus(dir);
    const auto source = [&](const std::string& name, const std::string& rest) {
        return "  - {name: " + name + ", every: 1s, " +
               "prometheus: {url: \"http://127.0.0.1:" + std::to_string(prometheus.port()) +
               "\", " + rest + "\n";
    };
    WatcherOptions options;
    options.chargers = 1;
    options.more =
        "gauges:\n" +
        source("paused", "query: voltcanary_paused, green: \"== 0\"}, role: vendor_claim}") +
        source("several", "query: voltcanary_probe_started_total}, role: own_messages}") +
        source("none", "query: no_such_series}, role: own_connections}") +
        source("wrong", "query: \"sum(\"}, role: own_connections}") +
        source("nan", "query: \"vector(0) / 0\"}, role: own_connections}") +
        source("stale",
               "query: vector(900), data_time: vector(time() - 400)}, role: own_messages}") +
        source("too-old",
               "query: vector(900), data_time: vector(time() - 4000)}, role: own_messages}") +
        source("dated",
               "query: voltcanary_paused, data_time: timestamp(voltcanary_paused), "
               "green: \"== 0\"}, role: vendor_claim}") +
        source("fleet", "query: vector(900), usual: 1200}, role: chargers_connected}") +
        source("load", "query: scalar(vector(3))}, role: own_messages}");
    Watcher watcher(dir, platform, options);
    CHECK(eventually(platform.clock(), 10s,
                     [&] { return reason(watcher, "paused") == "no series matches"; }));
    prometheus.watch(dir);
    const auto comes = [&](const char* what) {
        const bool came =
            eventually(platform.clock(), 30s, [&] { return claim(watcher, "paused") == what; });
        CHECK_MESSAGE(came, what << ": " << reason(watcher, "paused"));
    };
    const auto number = [&](const char* name) {
        const json::value value = gauge(watcher, name).at("value");
        return value.is_number() ? value.to_number<double>() : -1;
    };
    comes("green");
    CHECK(eventually(platform.clock(), 30s, [&] { return number("fleet") == 0.75; }));
    CHECK(number("load") == 3);
    CHECK(gauge(watcher, "fleet").at("age_s").to_number<double>() < 10);
    // Evaluated as just now as the others; what differs is what Prometheus has of them.
    CHECK(eventually(platform.clock(), 10s, [&] { return number("stale") == 900; }));
    CHECK(gauge(watcher, "stale").at("age_s").to_number<double>() >= 399);
    CHECK(has(reason(watcher, "too-old"), "the data is older than "));
    CHECK(eventually(platform.clock(), 10s, [&] { return claim(watcher, "dated") == "green"; }));
    CHECK(gauge(watcher, "dated").at("age_s").to_number<double>() < 10);
    CHECK(eventually(platform.clock(), 10s, [&] {
        return has(reason(watcher, "several"), " series match where one is needed; aggregate them");
    }));
    CHECK(reason(watcher, "none") == "no series matches");
    CHECK(reason(watcher, "wrong") == "HTTP 400: the question is not understood");
    CHECK(reason(watcher, "nan") == "the value is NaN");
    CHECK(watcher.say({"pause", "--reason", "to be red"}).exit_code == 0);
    comes("red");
    prometheus.end();
    comes("missing");
    CHECK(reason(watcher, "paused") == "refused at tcp");
    CHECK_FALSE(gauge(watcher, "fleet").at("value").is_number());
    CHECK(watcher.stop() == 0);
}
