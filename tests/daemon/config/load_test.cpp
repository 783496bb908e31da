#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <type_traits>

#include "daemon/config/config.h"

using namespace vc;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const std::string good = VC_SOURCE_DIR "/tests/daemon/config/good/";
const std::string bad = VC_SOURCE_DIR "/tests/daemon/config/bad/";

Config loaded(const std::string& path) {
    REQUIRE(::unsetenv("CREDENTIALS_DIRECTORY") == 0);
    REQUIRE(::setenv("VOLTCANARY_CONFIG_TEST_SECRET", "from the environment", 1) == 0);
    Errors errors;
    auto config = load_config(path, errors);
    for (const Error& error : errors)
        MESSAGE(to_text(error));
    REQUIRE(errors.empty());
    REQUIRE(config.has_value());
    return std::move(*config);
}

std::string without(std::string text, const std::string& part) {
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part))
        text.erase(at, part.size());
    return text;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
        text += "\n" + line;
    return text;
}

// The "# expect: " lines that a bad file begins with.
std::vector<std::string> expected_of(const fs::path& path) {
    constexpr std::string_view mark = "# expect: ";
    std::ifstream file(path);
    std::vector<std::string> expected;
    for (std::string line; std::getline(file, line) && line.starts_with(mark);)
        expected.push_back(line.substr(mark.size()));
    return expected;
}

}  // namespace

TEST_CASE("every error of every bad file has exactly its place and its words") {
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(bad)) {
        if (entry.path().extension() != ".yaml") continue;
        ++files;
        const std::string path = entry.path().string();
        const auto expected = expected_of(path);
        CHECK_MESSAGE(!expected.empty(), path << " expects nothing");
        Errors errors;
        CHECK_FALSE(load_config(path, errors).has_value());
        std::vector<std::string> found;
        for (const Error& error : errors) {
            std::string text = to_text(error);
            if (text.starts_with(path + ":")) text.erase(0, path.size() + 1);
            found.push_back(without(std::move(text), bad));
        }
        CAPTURE(path);
        CHECK(joined(found) == joined(expected));
    }
    CHECK(files > 100);
}

TEST_CASE("no error repeats a secret that stands in the wrong place") {
    for (const auto& entry : fs::directory_iterator(bad)) {
        Errors errors;
        if (entry.path().extension() == ".yaml") load_config(entry.path().string(), errors);
        for (const Error& error : errors) {
            CHECK(error.message.find("hunter2") == std::string::npos);
            CHECK(error.message.find("s3cr3t") == std::string::npos);
        }
    }
}

TEST_CASE("a file that cannot be read is one error without a line") {
    Errors errors;
    CHECK_FALSE(load_config("/no/such/voltcanary.yaml", errors).has_value());
    REQUIRE(errors.size() == 1);
    CHECK(to_text(errors[0]) == "cannot read /no/such/voltcanary.yaml: No such file or directory");
}

TEST_CASE("every key of the configuration arrives where it belongs") {
    const Config config = loaded(good + "full.yaml");
    CHECK(config.file == good + "full.yaml");
    CHECK(config.rules.mode == Mode::automatic);
    CHECK(config.rules.single_watcher_accepted);
    CHECK(config.state == "/var/lib/voltcanary-test");
    CHECK(config.listen.host == "::1");
    CHECK(config.listen.port == 0);
    CHECK(config.seed == 7);
    CHECK(config.bridge.url.host == "bridge.example");
    CHECK(config.bridge.url.port == 9000);
    CHECK(config.bridge.url.target == "/ocpp");
    CHECK(config.bridge.url.tls);
    CHECK(config.bridge.identity_prefix == "SYN-");
    CHECK(config.bridge.standby_identity_prefix == "SYN-STANDBY-");
    CHECK(config.bridge.id_tag == "SYNTH01");
    CHECK(config.bridge.password.reveal() == "from the environment");
    CHECK(config.primary.url.port == 5671);
    CHECK(config.primary.entities == std::vector<std::string>{"canary-0", "canary-1"});
    const auto* plain = std::get_if<PlainAuth>(&config.primary.auth);
    REQUIRE(plain != nullptr);
    CHECK(plain->user == "probe");
    CHECK(plain->password.reveal() == "s3cr3t");
    CHECK(plain->source.path == good + "secret.txt");
    CHECK(config.primary.tls_ca == good + "some.pem");
    CHECK(config.primary.kept_address(1) == "/queue/canary-1");
    CHECK(config.primary.fresh_address(1) == "/queue/canary-1.new");
    CHECK(config.primary.management);
    CHECK(std::holds_alternative<AnonymousAuth>(config.standby.auth));
    CHECK(config.standby.kept_address(0) == "canary-0");
    CHECK(config.standby.fresh_address(0) == "canary-0-fresh");
    CHECK_FALSE(config.standby.management);
    REQUIRE(config.control.size() == 2);
    CHECK(config.control[1].host == "::1");
    CHECK(config.retention == 24h * 400);
    CHECK(config.stop_deadline == 45s);
    CHECK(config.warnings.empty());
}

TEST_CASE("every kind of gauge is read, the plain vendor among them") {
    const Config config = loaded(good + "full.yaml");
    REQUIRE(config.gauges.size() == 7);
    const GaugeConfig& vendor = config.gauges[0];
    CHECK(vendor.name == "vendor");
    CHECK(vendor.role == GaugeRole::vendor_claim);
    CHECK(vendor.every == 30s);
    CHECK(vendor.max_age == 10min);
    CHECK(std::get<AvailabilityQuestion>(vendor.question).path == "/vendor/health");
    CHECK(std::holds_alternative<AnonymousAuth>(vendor.auth));

    const GaugeConfig& monitor = config.gauges[1];
    CHECK(monitor.max_age == 15min);
    CHECK(monitor.url.text == "https://management.azure.com");
    CHECK(monitor.url.tls);
    const auto& asked = std::get<AzureMonitorQuestion>(monitor.question);
    CHECK(asked.resource.ends_with("/namespaces/n"));
    REQUIRE(asked.metrics.size() == 4);
    CHECK(asked.metrics[0].red_above == 3.0);
    CHECK(asked.metrics[1].name == "ServerSendLatency");
    CHECK(asked.metrics[1].aggregation == AzureMetric::Aggregation::average);
    CHECK(asked.metrics[1].red_above == 250.5);
    CHECK(asked.metrics[2].missing_below == 1.0);
    CHECK_FALSE(asked.metrics[2].red_above);
    CHECK(asked.metrics[3].optional);
    const auto& machine = std::get<IdentityConfig>(monitor.auth);
    CHECK(machine.managed());
    CHECK(machine.client_id == "0000-1111");
    CHECK(machine.resource == "https://management.azure.com");

    const GaugeConfig& health = config.gauges[2];
    CHECK(std::get<AvailabilityQuestion>(health.question)
              .path.ends_with("/namespaces/n/providers/Microsoft.ResourceHealth/"
                              "availabilityStatuses/current?api-version=2020-05-01"));
    CHECK(health.url.port == 9201);
    CHECK(health.ca == good + "some.pem");
    CHECK(std::get<IdentityConfig>(health.auth).client_secret.reveal() == "s3cr3t");
    CHECK(std::get<AvailabilityQuestion>(config.gauges[3].question).path == "/v1?x=1");
}

TEST_CASE("any query of Prometheus can play any part") {
    const Config config = loaded(good + "full.yaml");
    REQUIRE(config.gauges.size() == 7);
    const auto& red = std::get<PrometheusQuestion>(config.gauges[4].question);
    CHECK(red.prefix == "/prom");
    CHECK(red.query == "max(errors)");
    CHECK_FALSE(red.green);
    REQUIRE(red.red);
    CHECK(red.red->kind == Comparison::Kind::more);
    CHECK(red.red->than == 0.05);

    const GaugeConfig& fleet = config.gauges[5];
    CHECK(fleet.role == GaugeRole::chargers_connected);
    CHECK(fleet.every == 20s);
    CHECK(std::get<PrometheusQuestion>(fleet.question).usual == 1200);
    CHECK(std::get<PrometheusQuestion>(fleet.question).data_time ==
          "min(timestamp(ocpp_connected))");
    CHECK(red.data_time.empty());
    CHECK(std::get<PlainAuth>(fleet.auth).user == "canary");
    CHECK(std::get<PlainAuth>(fleet.auth).password.reveal() == "s3cr3t");
    const GaugeConfig& connections = config.gauges[6];
    CHECK(connections.role == GaugeRole::own_connections);
    CHECK(std::get<PrometheusQuestion>(connections.question).usual == 1);
    CHECK(std::get<BearerAuth>(connections.auth).token.reveal() == "s3cr3t");
    CHECK(to_text(connections) ==
          "own_connections by the query x / x offset 1w at http://127.0.0.1:9090, every 1m");
    CHECK(to_text(config.gauges[1]) ==
          "vendor_claim by Azure Monitor of /subscriptions/s/resourceGroups/g/providers/"
          "Microsoft.ServiceBus/namespaces/n at https://management.azure.com, every 1m");
    CHECK(to_text(config.gauges[0]) ==
          "vendor_claim by the availability /vendor/health at "
          "http://127.0.0.1:9200/vendor/health, every 30s");
}

TEST_CASE("a comparison is a sign and a number") {
    using Kind = Comparison::Kind;
    const auto read = [](std::string_view text, Kind kind, double than) {
        CAPTURE(text);
        const auto comparison = parse_comparison(text);
        REQUIRE(comparison);
        CHECK(comparison->kind == kind);
        CHECK(comparison->than == than);
    };
    read("== 1", Kind::equal, 1);
    read("!=0", Kind::not_equal, 0);
    read("<  0.05", Kind::less, 0.05);
    read("<= -3", Kind::at_most, -3);
    read("> 1e3", Kind::more, 1000);
    read(">=2", Kind::at_least, 2);
    for (const char* text : {"", "1", "= 1", "=<1", ">", "> ", "> x", "> 1 ", "> 1s", "> nan",
                             "> inf", "> 1e999", "> +1", ">> 1", "> 0x1", ">\t1"}) {
        CAPTURE(text);
        const auto comparison = parse_comparison(text);
        REQUIRE_FALSE(comparison);
        CHECK(comparison.error().message == "must be a comparison with a number, e.g. \"> 0.05\"");
    }
}

TEST_CASE("cadences are read for every channel, with the number of targets") {
    const Config config = loaded(good + "full.yaml");
    CHECK(config.rules.cadences.size() == all_channels.size());
    const auto check = [&](Channel channel, Duration every, Duration budget,
                           std::uint32_t targets) {
        const ChannelCadence& probe = config.probe(channel);
        CAPTURE(to_text(channel));
        CHECK(probe.every == every);
        CHECK(probe.budget == budget);
        CHECK(probe.targets == targets);
    };
    check(Channel::CT, 2s, 500ms, 2);
    check(Channel::BH, 3s, 1s, 1);
    check(Channel::HB, 4s, 3s, 12);
    check(Channel::TX, 60s, 20s, 12);
    check(Channel::DL, 500ms, 1s, 2);
    check(Channel::DF, 5s, 4s, 2);
    check(Channel::SL, 6s, 1s, 1);
    check(Channel::SF, 7s, 4s, 1);
    check(Channel::SC, 90s, 15s, 1);
    check(Channel::DX, 30s, 5s, 2);
    check(Channel::SX, 60s, 5s, 1);
    check(Channel::DM, 60s, 5s, 2);
    check(Channel::SM, 60s, 5s, 0);  // it has no management
}

TEST_CASE("hooks, steps and pages are read") {
    const Config config = loaded(good + "full.yaml");
    const HookDefinition* attach = config.hook("attach-consumers");
    REQUIRE(attach != nullptr);
    const auto request = [&](HookVerb verb) {
        return std::get<HttpCommand>(attach->verbs.at(verb));
    };
    CHECK(request(HookVerb::plan).method == "GET");
    CHECK(request(HookVerb::plan).url == "http://127.0.0.1:9300/consumers?broker=standby");
    CHECK_FALSE(request(HookVerb::plan).body.has_value());
    CHECK(request(HookVerb::apply).method == "PUT");
    CHECK(request(HookVerb::apply).body == "{\"broker\":\"standby\"}");
    CHECK(request(HookVerb::verify).method == "GET");
    CHECK(request(HookVerb::undo).method == "DELETE");
    const HookDefinition* producers = config.hook("switch-producers");
    REQUIRE(producers != nullptr);
    CHECK(producers->verbs.size() == 4);
    const auto& apply = std::get<ExecCommand>(producers->verbs.at(HookVerb::apply));
    CHECK(apply.argv ==
          std::vector<std::string>{"/usr/local/bin/switch-producers", "--to", "standby"});
    CHECK(apply.environment ==
          std::vector<std::pair<std::string, std::string>>{{"REGION", "west"}, {"EMPTY", ""}});
    const auto& undo = std::get<ExecCommand>(producers->verbs.at(HookVerb::undo));
    CHECK(undo.argv.back() == "primary");
    CHECK(config.hook("attach") == nullptr);

    REQUIRE(config.rules.steps.size() == 2);
    const MigrationStep& first = config.rules.steps[0];
    CHECK(first.name == "attach");
    CHECK(first.hook == "attach-consumers");
    CHECK(first.deadline == 45s);
    CHECK(first.attempts == 2);
    CHECK_FALSE(first.point_of_no_return);
    const MigrationStep& second = config.rules.steps[1];
    CHECK(second.deadline == 30s);
    CHECK(second.attempts == 3);
    CHECK(second.point_of_no_return);

    REQUIRE(config.notify.size() == 2);
    CHECK(std::get<HttpCommand>(config.notify[0]).url == "http://127.0.0.1:9300/pages");
    CHECK(std::get<HttpCommand>(config.notify[0]).method == "POST");
    CHECK(std::get<ExecCommand>(config.notify[1]).argv ==
          std::vector<std::string>{"/usr/local/bin/page", "--now"});
}

TEST_CASE("the least file watches with the shipped values and never acts") {
    const Config config = loaded(good + "least.yaml");
    CHECK(config.rules.mode == Mode::observe);
    CHECK_FALSE(config.rules.single_watcher_accepted);
    CHECK(config.rules.steps.empty());
    CHECK(config.state == "/var/lib/voltcanary");
    CHECK(to_text(config.listen) == "127.0.0.1:9470");
    CHECK(config.gauges.empty());
    CHECK(config.probe(Channel::HB).every == 5s);
    CHECK(config.probe(Channel::HB).targets == 8);
    CHECK(config.probe(Channel::DL).targets == 2);
    CHECK(config.retention == 24h * 90);
    CHECK(config.stop_deadline == 30s);
}

TEST_CASE("what is allowed and hardly meant is warned of, in the order of the file") {
    const std::string path = good + "doubtful.yaml";
    const Config config = loaded(path);
    std::vector<std::string> found;
    for (const Error& warning : config.warnings)
        found.push_back(without(to_text(warning), path + ":"));
    CHECK(joined(found) ==
          joined({"2:1: notify: nobody is told of an incident; pages stay in the journal",
                  "2:7: mode: auto with one watcher moves nothing until `quorum: single` accepts a "
                  "quorum of one (quorum_not_accepted)",
                  "5:10: url: the password is sent in clear, use wss://",
                  "11:10: url: the password is sent in clear, use amqps://",
                  "21:3: migration: no step uses the hook 'spare'",
                  "22:5: steps: none is the point_of_no_return; a move that fails would be undone "
                  "even after messages went to the new broker",
                  "22:7: step 'switch' has no undo before the point of no return; giving up there "
                  "needs a person",
                  "22:28: hook: 'switch' has no verify; after a restart nobody can tell whether it "
                  "took effect"}));
}

TEST_CASE("the shipped example loads, and warns of nothing") {
    const Config config = loaded(VC_SOURCE_DIR "/systemd/voltcanary.yaml");
    CHECK(config.rules.mode == Mode::observe);
    for (const Error& warning : config.warnings)
        CHECK_MESSAGE(false, to_text(warning));
}

namespace {
template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};
}  // namespace

TEST_CASE("a secret cannot be printed, converted or compared by accident") {
    CHECK_FALSE(Printable<Secret>);
    CHECK_FALSE(std::is_convertible_v<Secret, std::string>);
    CHECK_FALSE(std::is_convertible_v<Secret, std::string_view>);
    CHECK_FALSE(std::is_convertible_v<std::string, Secret>);
    CHECK(Secret("x").reveal() == "x");
    CHECK(Secret().empty());
}
