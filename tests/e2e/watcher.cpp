#include "tests/e2e/watcher.h"

#include <csignal>
#include <stdexcept>

#include "daemon/host/http_client.h"

namespace vc::e2e {
namespace {

constexpr std::chrono::seconds start_limit{20};  // machine time

std::string quoted(const std::string& text) {
    return boost::json::serialize(boost::json::string(text));
}

std::string list_of(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : ", ") + quoted(word);
    return "[" + text + "]";
}

std::string platform_part(const Platform& platform, bool relays) {
    const auto port = [&](const char* name) {
        return std::to_string(relays ? platform.relay_port(name) : platform.port(name));
    };
    return "platform:\n"
           "  bridge:\n"
           "    url: ws://127.0.0.1:" +
           port("bridge") +
           "/ocpp\n"
           "    identity_prefix: SYN-\n"
           "    standby_identity_prefix: SYN-STANDBY-\n"
           "    id_tag: SYNTH01\n"
           "  primary: {url: \"amqp://127.0.0.1:" +
           port("primary") +
           "\", entities: [canary-0]}\n"
           "  standby: {url: \"amqp://127.0.0.1:" +
           port("standby") +
           "\", entities: [canary-0]}\n"
           "control: [\"http://127.0.0.1:" +
           port("ping") +
           "/ping\"]\n"
           "vendor: {url: \"http://127.0.0.1:" +
           port("vendor") + "/vendor/health\", every: 60s}\n";
}

// One hook is a program, the other a request: both ways are walked in every run.
std::string hooks_part(const Platform& platform, const std::vector<std::string>& through) {
    const std::string control = std::to_string(platform.port("control"));
    const std::string base = "http://127.0.0.1:" + control;
    const auto lab = [&](std::vector<std::string> argv, const std::vector<std::string>& before) {
        std::vector<std::string> all = before;
        all.insert(all.end(), {binary("voltcanary-lab"), "ctl", "--port", control});
        all.insert(all.end(), argv.begin(), argv.end());
        return list_of(all);
    };
    const std::string standby = R"({"broker":"standby"})";
    return "hooks:\n"
           "  attach-consumers:\n"
           "    exec:\n"
           "      apply: " +
           lab({"POST", "/consumers/attach", standby}, through) +
           "\n"
           "      verify: " +
           lab({"GET", "/consumers/attached?broker=standby"}, {}) +
           "\n"
           "      undo: " +
           lab({"POST", "/consumers/detach", standby}, {}) +
           "\n"
           "  switch-producers:\n"
           "    http:\n"
           "      apply: {method: POST, url: \"" +
           base + "/producers/switch\", body: " + quoted(standby) +
           "}\n"
           "      verify: {method: GET, url: \"" +
           base +
           "/producers/active?broker=standby\"}\n"
           "migration:\n"
           "  steps:\n"
           "    - {name: attach-consumers, hook: attach-consumers, deadline: 60s, attempts: 3}\n"
           "    - {name: switch-producers, hook: switch-producers, deadline: 60s, attempts: 3, "
           "point_of_no_return: true}\n"
           "notify:\n"
           "  - http: {url: \"" +
           base + "/pages\"}\n";
}

std::string configuration(const Platform& platform, const WatcherOptions& options,
                          const std::filesystem::path& state) {
    return std::string(options.automatic ? "mode: auto\n" : "mode: observe\n") +
           (options.accept_single ? "quorum: single\n" : "") + "state: " + quoted(state.string()) +
           "\nlisten: 127.0.0.1:0\n" + platform_part(platform, options.over_relays) +
           "probes:\n  HB: {chargers: " + std::to_string(options.chargers) + "}\n" +
           hooks_part(platform, options.attach_through);
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
    : platform_(platform), dir_(dir.path()), config_(dir.path() / "voltcanary.yaml") {
    write_text(config_, configuration(platform, options, dir_ / "state"));
    start();
}

void Watcher::start() {
    // A daemon that was killed has left its port behind.
    std::filesystem::remove(dir_ / "state" / "http.json");
    process_ = std::make_unique<Child>(
        std::vector<std::string>{binary("voltcanary"), "run", "--config", config_.string()},
        std::map<std::string, std::string>{{"VOLTCANARY_TIME_LAPSE", platform_.time_lapse()}},
        dir_ / "daemon.log");
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
    Child child(argv, {{"VOLTCANARY_TIME_LAPSE", platform_.time_lapse()}}, log);
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
