// A broker that is not Azure's: two RabbitMQ nodes as primary and standby, probed by the daemon
// while one of them is frozen, killed and started again. Real time: these are real timeouts. The
// bridge and the control target are the lab's.
#include <doctest/doctest.h>
#include <signal.h>

#include <boost/json.hpp>

#include "daemon/host/http_client.h"
#include "tests/e2e/platform.h"
#include "tests/e2e/rabbitmq.h"

using namespace vc::e2e;
using namespace std::chrono_literals;

namespace {

namespace json = boost::json;

std::string broker(const RabbitNode& node) {
    return "{url: \"amqp://127.0.0.1:" + std::to_string(node.port()) +
           "\", entities: [canary-0], address: \"/queue/{entity}\", management: false,\n"
           "    auth: {plain: {user: probe, password: {env: VC_RABBIT_PASSWORD}}}}\n";
}

std::string configuration(const Platform& platform, const RabbitNode& primary,
                          const RabbitNode& standby, const std::filesystem::path& state) {
    const auto port = [&](const char* name) { return std::to_string(platform.port(name)); };
    return "mode: observe\nstate: " + state.string() + "\nlisten: 127.0.0.1:0\nplatform:\n" +
           "  bridge:\n    url: ws://127.0.0.1:" + port("bridge") + "/ocpp\n" +
           "    identity_prefix: SYN-\n    standby_identity_prefix: SYN-STANDBY-\n" +
           "    id_tag: SYNTH01\n" + "  primary: " + broker(primary) +
           "  standby: " + broker(standby) + "control: [\"http://127.0.0.1:" + port("ping") +
           "/ping\"]\n" + R"(probes:
  HB: {chargers: 1}
  DL: {every: 500ms, budget: 500ms}
  SL: {every: 500ms, budget: 500ms}
  DF: {every: 1s, budget: 1s}
  SF: {every: 1s, budget: 1s}
)";
}

// The daemon as this test sees it.
class Daemon {
  public:
    Daemon(const TempDir& dir, const std::string& configuration) : dir_(dir.path()) {
        write_text(dir_ / "voltcanary.yaml", configuration);
        process_ = std::make_unique<Child>(
            std::vector<std::string>{binary("voltcanary"), "run", "--config",
                                     (dir_ / "voltcanary.yaml").string()},
            std::map<std::string, std::string>{{"VC_RABBIT_PASSWORD", "probe"}},
            dir_ / "daemon.log");
        const auto place = dir_ / "state" / "http.json";
        const bool up = eventually(vc::Clock(), 20s, [&] {
            return std::filesystem::exists(place) || !process_->running();
        });
        if (!up || !process_->running()) throw std::runtime_error(process_->log_text());
        port_ = json::parse(read_text(place)).at("port").as_int64();
    }

    // Attempts of a channel that ended so, since the start.
    std::int64_t finished(const char* channel, const char* outcome) const {
        const auto status = json::parse(get("/api/status"));
        const auto& of = status.at("channels").at(channel).at("finished").as_object();
        const auto* count = of.if_contains(outcome);
        return count == nullptr ? 0 : count->to_number<std::int64_t>();
    }
    std::int64_t failures(const char* channel) const {
        const auto status = json::parse(get("/api/status"));
        std::int64_t sum = 0;
        for (const auto& [outcome, count] :
             status.at("channels").at(channel).at("finished").as_object()) {
            if (outcome != "ok") sum += count.to_number<std::int64_t>();
        }
        return sum;
    }
    std::string shown(const char* channel) const {
        return json::serialize(json::parse(get("/api/status")).at("channels").at(channel));
    }
    bool accounted() const { return json::parse(get("/api/status")).at("accounted").as_bool(); }

    // The phases in which attempts of a channel have failed with an outcome.
    std::string phases(const std::string& channel, const std::string& outcome) const {
        const std::string all = get("/metrics");
        const std::string head = "voltcanary_probe_failures_total{";
        std::string found;
        for (auto at = all.find("\n" + head); at != std::string::npos;
             at = all.find("\n" + head, at + 1)) {
            const std::string line = all.substr(at + 1, all.find('\n', at + 1) - at - 1);
            if (line.find("channel=\"" + channel + "\"") == std::string::npos ||
                line.find("outcome=\"" + outcome + "\"") == std::string::npos ||
                line.ends_with(" 0")) {
                continue;
            }
            const auto phase = line.find("phase=\"") + 7;
            found += (found.empty() ? "" : " ") + line.substr(phase, line.find('"', phase) - phase);
        }
        return found;
    }

    std::optional<int> stop() {
        process_->signal(SIGTERM);
        return process_->wait(40s);
    }
    std::string log() const { return process_->log_text(); }
    bool running() { return process_->running(); }

  private:
    std::string get(const std::string& path) const {
        vc::HttpRequest request;
        request.url = "http://127.0.0.1:" + std::to_string(port_) + path;
        request.answer_limit = 16 << 20;
        const auto answer = vc::http_fetch(request, 10s, vc::Clock());
        if (!answer) throw std::runtime_error(path + ": " + answer.error().message);
        return answer->body;
    }

    std::filesystem::path dir_;
    std::unique_ptr<Child> process_;
    std::int64_t port_ = 0;
};

bool within(vc::Duration limit, const std::function<bool()>& met) {
    return eventually(vc::Clock(), limit, met);
}

bool more_ok(const Daemon& daemon, const char* channel, std::int64_t more,
             vc::Duration limit = 20s) {
    const std::int64_t wanted = daemon.finished(channel, "ok") + more;
    return within(limit, [&] { return daemon.finished(channel, "ok") >= wanted; });
}

// From now until attempts of the kind succeed again.
void print_recovery(const Daemon& daemon, const std::string& after) {
    const vc::Clock clock;
    const vc::Instant from = clock.now();
    for (const char* channel : {"DL", "DF"}) {
        REQUIRE(more_ok(daemon, channel, 1));
        MESSAGE(after << ": " << std::string(channel) << " works again after "
                      << vc::seconds(clock.now() - from) << " s");
    }
}

}  // namespace

TEST_CASE("two RabbitMQ nodes are probed while one is frozen, killed and started again") {
    REQUIRE_MESSAGE(RabbitSite::available(), "rabbitmq-server is not installed: ./dev setup");
    TempDir dir;
    RabbitSite site(dir.path() / "rabbit");
    RabbitNode primary(site, "primary");
    RabbitNode standby(site, "standby");
    PlatformOptions options;
    options.factor = 1;
    options.chargers = 1;
    Platform platform(dir, options);
    REQUIRE(within(60s, [&] { return primary.listens() && standby.listens(); }));
    Daemon daemon(dir, configuration(platform, primary, standby, dir.path() / "state"));

    // Both are good, though neither knows $cbs, annotations or $management.
    for (const char* channel : {"DL", "DF", "SL", "SF"}) {
        REQUIRE_MESSAGE(more_ok(daemon, channel, 3), channel, ": ", daemon.shown(channel));
    }
    const std::int64_t standby_before = daemon.failures("SL") + daemon.failures("SF");

    // Frozen: connections stay, and everything on them times out in a phase of its own.
    primary.freeze();
    REQUIRE(within(20s, [&] {
        return daemon.finished("DL", "timeout") >= 3 && daemon.finished("DF", "timeout") >= 2;
    }));
    MESSAGE("frozen: DL times out in " << daemon.phases("DL", "timeout") << ", DF in "
                                       << daemon.phases("DF", "timeout"));
    CHECK(daemon.phases("DL", "timeout").find("send_") != std::string::npos);
    CHECK(daemon.phases("DF", "timeout").find("sasl") != std::string::npos);
    CHECK(daemon.failures("SL") + daemon.failures("SF") == standby_before);
    primary.thaw();
    print_recovery(daemon, "after SIGCONT");

    // Killed: the kept connection is reset, new ones are refused.
    const std::int64_t resets = daemon.finished("DL", "reset") + daemon.finished("DL", "refused");
    const std::int64_t refused = daemon.finished("DF", "refused");
    primary.kill_hard();
    REQUIRE(within(20s, [&] {
        return daemon.finished("DL", "reset") + daemon.finished("DL", "refused") >= resets + 1 &&
               daemon.finished("DF", "refused") >= refused + 2;
    }));
    CHECK(daemon.failures("SL") + daemon.failures("SF") == standby_before);

    // Started again: the probes come back by themselves.
    primary.start();
    REQUIRE(within(60s, [&] { return primary.listens(); }));
    print_recovery(daemon, "after the restart");
    CHECK(more_ok(daemon, "SL", 2));
    CHECK(more_ok(daemon, "SF", 2));
    CHECK(daemon.failures("SL") + daemon.failures("SF") == standby_before);
    CHECK(daemon.accounted());
    CHECK(daemon.stop() == 0);
}
