#include "tests/e2e/watcher.h"

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "daemon/host/http_client.h"

namespace vc::e2e {
namespace {

constexpr std::chrono::seconds start_limit{20};  // machine time

std::string quoted(const std::string& text) {
    return boost::json::serialize(boost::json::string(text));
}

// One hook is a program, the other a request: both ways are walked in every story.
constexpr const char* configuration_template = R"(mode: @MODE@
@QUORUM@
state: @STATE@
listen: 127.0.0.1:0
platform:
  bridge:
    url: ws://127.0.0.1:@BRIDGE@/ocpp
    identity_prefix: SYN-
    standby_identity_prefix: SYN-STANDBY-
    id_tag: SYNTH01
  primary:
    url: @PRIMARY_SCHEME@://127.0.0.1:@PRIMARY@
    entities: [canary-0]
@PRIMARY_KEYS@
  standby:
    url: @STANDBY_SCHEME@://127.0.0.1:@STANDBY@
    entities: [canary-0]
@STANDBY_KEYS@
control: ["http://127.0.0.1:@PING@/ping"]
vendor: {url: "http://127.0.0.1:@VENDOR@/vendor/health", every: 60s}
probes:
  HB: {chargers: @CHARGERS@}
hooks:
  attach-consumers:
    exec:
      apply: [@THROUGH@@LAB@, POST, /consumers/attach, '{"broker":"standby"}']
      verify: [@LAB@, GET, "/consumers/attached?broker=standby"]
      undo: [@LAB@, POST, /consumers/detach, '{"broker":"standby"}']
  switch-producers:
    http:
      apply:
        url: http://127.0.0.1:@CONTROL@/producers/switch
        body: '{"broker":"standby"}'
      verify: {method: GET, url: "http://127.0.0.1:@CONTROL@/producers/active?broker=standby"}
migration:
  steps:
    - {name: attach-consumers, hook: attach-consumers, deadline: 60s}
    - {name: switch-producers, hook: switch-producers, deadline: 60s, point_of_no_return: true}
notify:
  - http: {url: "http://127.0.0.1:@CONTROL@/pages"}
@PAGER@
@MORE@
)";

std::string filled(std::string text, const std::map<std::string, std::string>& values) {
    for (const auto& [name, value] : values) {
        const std::string mark = "@" + name + "@";
        for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
            text.replace(at, mark.size(), value);
            at += value.size();
        }
    }
    return text;
}

std::string scheme_of(const std::vector<std::string>& keys) {
    const bool tls = std::any_of(keys.begin(), keys.end(),
                                 [](const std::string& key) { return key.starts_with("tls:"); });
    return tls ? "amqps" : "amqp";
}

std::string lines_of(const std::vector<std::string>& keys) {
    std::string lines;
    for (const std::string& key : keys)
        lines += "    " + key + "\n";
    return lines;
}

std::string configuration(const Platform& platform, const WatcherOptions& options,
                          const std::filesystem::path& state) {
    const auto port = [&](const char* name) {
        return std::to_string(options.over_relays ? platform.relay_port(name)
                                                  : platform.port(name));
    };
    const std::string control = std::to_string(platform.port("control"));
    std::string through;
    for (const std::string& word : options.attach_through)
        through += quoted(word) + ", ";
    std::string pager;
    for (const std::string& word : options.pager)
        pager += (pager.empty() ? "  - exec: [" : ", ") + quoted(word);
    std::vector<std::string> primary = options.primary;
    if (!options.primary_password.empty()) {
        primary.insert(primary.end(), {"user: probe", "password: {env: VC_PRIMARY_PASSWORD}"});
    }
    return filled(configuration_template,
                  {{"MODE", options.automatic ? "auto" : "observe"},
                   {"QUORUM", options.accept_single ? "quorum: single" : ""},
                   {"STATE", quoted(state.string())},
                   {"BRIDGE", port("bridge")},
                   {"PRIMARY", port("primary")},
                   {"PRIMARY_SCHEME", scheme_of(primary)},
                   {"PRIMARY_KEYS", lines_of(primary)},
                   {"STANDBY_SCHEME", scheme_of(options.standby)},
                   {"STANDBY_KEYS", lines_of(options.standby)},
                   {"STANDBY", port("standby")},
                   {"PING", port("ping")},
                   {"VENDOR", port("vendor")},
                   {"CHARGERS", std::to_string(options.chargers)},
                   {"THROUGH", through},
                   {"MORE", options.more},
                   {"PAGER", pager.empty() ? "" : pager + "]"},
                   {"LAB", quoted(binary("voltcanary-lab")) + ", ctl, --port, \"" + control + "\""},
                   {"CONTROL", control}});
}

HttpAnswer fetch(const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.answer_limit = 16 << 20;
    return http_fetch(request, std::chrono::seconds(10), Clock());
}

std::string fetched(const std::string& url) {
    const HttpAnswer answer = fetch(url);
    if (!answer) throw std::runtime_error(url + ": " + answer.error().message);
    if (answer->status != 200) {
        throw std::runtime_error(url + ": " + std::to_string(answer->status) + " " + answer->body);
    }
    return answer->body;
}

}  // namespace

Watcher::Watcher(const TempDir& dir, const Platform& platform, const WatcherOptions& options)
    : platform_(platform),
      environment_{{"VOLTCANARY_TIME_LAPSE", platform.time_lapse()}},
      dir_(dir.path()),
      config_(dir.path() / "voltcanary.yaml") {
    if (!options.primary_password.empty()) {
        environment_["VC_PRIMARY_PASSWORD"] = options.primary_password;
    }
    write_text(config_, configuration(platform, options, dir_ / "state"));
    start();
}

void Watcher::start() {
    // A daemon that was killed has left its port behind.
    std::filesystem::remove(dir_ / "state" / "http.json");
    process_ = std::make_unique<Child>(
        std::vector<std::string>{binary("voltcanary"), "run", "--config", config_.string()},
        environment_, dir_ / "daemon.log");
    const bool ready = eventually(Clock(), start_limit, [&] {
        if (!process_->running()) return true;
        if (!std::filesystem::exists(dir_ / "state" / "http.json")) return false;
        const HttpAnswer answer = fetch(url("/healthz"));
        return answer && answer->status == 200;
    });
    if (!ready || !process_->running()) {
        throw std::runtime_error("the daemon did not start: " + process_->log_text());
    }
}

std::optional<int> Watcher::stop() {
    process_->signal(SIGTERM);
    return process_->wait(std::chrono::seconds(30));
}

void Watcher::kill_hard() {
    process_->signal(SIGKILL);
    process_->wait(std::chrono::seconds(10));
}

std::string Watcher::url(const std::string& path) const {
    const auto place = boost::json::parse(read_text(dir_ / "state" / "http.json"));
    return "http://127.0.0.1:" + std::to_string(place.at("port").as_int64()) + path;
}

boost::json::object Watcher::status() const {
    return boost::json::parse(fetched(url("/api/status"))).as_object();
}

std::string Watcher::metrics() const {
    return fetched(url("/metrics"));
}

int Watcher::http_status(const std::string& path) const {
    const HttpAnswer answer = fetch(url(path));
    return answer ? static_cast<int>(answer->status) : -1;
}

Watcher::Said Watcher::say(std::vector<std::string> arguments) const {
    std::vector<std::string> argv{binary("voltcanary")};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"--config", config_.string()});
    const auto log = dir_ / ("say-" + std::to_string(++runs_) + ".log");
    Child child(argv, environment_, log);
    const auto code = child.wait(std::chrono::seconds(20));
    return {code.value_or(-1), child.log_text()};
}

boost::json::object Watcher::incident(int id) const {
    const Said said = say({"incident", "show", std::to_string(id), "--json"});
    if (said.exit_code != 0) throw std::runtime_error("incident show: " + said.output);
    return boost::json::parse(said.output).as_object();
}

bool Watcher::standby_certified() const {
    return status().at("standby").at("certified").as_bool();
}

std::string Watcher::unaccounted() const {
    const boost::json::object now = status();
    std::string wrong;
    for (const auto& [channel, facts] : now.at("channels").as_object()) {
        std::int64_t ended = facts.at("in_flight").to_number<std::int64_t>();
        for (const auto& [outcome, count] : facts.at("finished").as_object()) {
            ended += count.to_number<std::int64_t>();
        }
        const auto started = facts.at("started").to_number<std::int64_t>();
        if (started == 0) wrong += std::string(channel) + " never started; ";
        if (started != ended) {
            wrong += std::string(channel) + " started " + std::to_string(started) +
                     ", ended or open " + std::to_string(ended) + "; ";
        }
    }
    return wrong;
}

std::vector<boost::json::object> records_of(const boost::json::object& incident,
                                            std::string_view kind) {
    std::vector<boost::json::object> found;
    for (const auto& record : incident.at("records").as_array()) {
        if (record.at("kind").as_string() == boost::json::string_view(kind.data(), kind.size())) {
            found.push_back(record.as_object());
        }
    }
    return found;
}

}  // namespace vc::e2e
