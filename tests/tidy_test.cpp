// The rules of the house, as a test, so that they cannot rot: who may include whom, which file may
// see which library, where clocks, sleeps and randomness may be, and what no file may hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

struct Source {
    std::string path;  // from the project's root, with forward slashes
    std::vector<std::string> lines;
};

constexpr std::array layers{"rules", "probes", "daemon", "tests"};

std::vector<std::string> read_lines(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

std::vector<Source> load(const std::set<std::string>& extensions) {
    std::vector<Source> sources;
    const fs::path root = VC_SOURCE_DIR;
    for (const char* layer : layers) {
        for (const auto& entry : fs::recursive_directory_iterator(root / layer)) {
            if (!entry.is_regular_file()) continue;
            const std::string path = fs::relative(entry.path(), root).generic_string();
            if (path.find("node_modules") != std::string::npos) continue;
            if (extensions.contains(entry.path().extension().string())) {
                sources.push_back({path, read_lines(entry.path())});
            }
        }
    }
    std::sort(sources.begin(), sources.end(),
              [](const Source& a, const Source& b) { return a.path < b.path; });
    return sources;
}

const std::vector<Source>& code() {
    static const std::vector<Source> sources = load({".cpp", ".h"});
    return sources;
}

std::size_t layer_of(const std::string& path) {
    const std::string top = path.substr(0, path.find('/'));
    return static_cast<std::size_t>(std::find(layers.begin(), layers.end(), top) - layers.begin());
}

// The part of a line that is code: string literals and comments are somebody else's words.
std::string code_of(const std::string& line) {
    static const std::regex literal("\"([^\"\\\\]|\\\\.)*\"");
    std::string text = std::regex_replace(line, literal, "\"\"");
    return text.substr(0, text.find("//"));
}

std::string at(const Source& source, std::size_t line) {
    return source.path + ":" + std::to_string(line + 1) + ": " + source.lines[line];
}

// Every line of `source` whose code matches, as text for the report.
std::vector<std::string> matches(const Source& source, const std::regex& pattern) {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
        if (std::regex_search(code_of(source.lines[i]), pattern)) found.push_back(at(source, i));
    }
    return found;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines)
        text += "\n  " + line;
    return text;
}

const std::regex include_line("^#include ([<\"])([^>\"]+)[>\"]");

// Libraries and the files that may see them: one per layer and use. Of Boost, Asio is bound by the
// rule on rules and probes below, and tests read JSON wherever they need to.
const std::map<std::string, std::set<std::string>> library_users{
    {"yaml-cpp/", {"rules/base/yaml.cpp"}},
    {"websocketpp/", {"probes/websocket/websocket.cpp", "tests/probes/websocket_server.cpp"}},
    {"proton/",
     {"probes/amqp/codec.cpp", "probes/amqp/engine.cpp", "tests/lab/servicebus/cbs_message.cpp",
      "tests/lab/amqp_data.cpp", "tests/lab/amqp_driver.h", "tests/lab/amqp_engine.cpp",
      "tests/lab/amqp_links.cpp", "tests/lab/amqp_message.cpp", "tests/lab/amqp_proton.cpp",
      "tests/probes/amqp_nodes.cpp", "tests/probes/amqp_peer.cpp", "tests/bench/bare_peer.cpp"}},
    {"sqlite3.h", {"daemon/journal/sqlite.cpp"}},
    {"pugixml.hpp",
     {"probes/readiness/atom.cpp", "tests/lab/servicebus/atom_read.cpp",
      "tests/lab/servicebus/atom_xml.cpp"}},
    {"prometheus/", {"daemon/metrics/metrics.cpp", "daemon/metrics/series.h"}},
    {"CLI/", {"daemon/cli/cli.cpp", "tests/lab/main.cpp"}},
    {"spdlog/", {"daemon/host/log.cpp"}},
    {"boost/beast/",
     {"probes/http/get.cpp", "daemon/host/http_client.cpp", "daemon/http/server.cpp",
      "tests/lab/door_http.cpp", "tests/lab/http.cpp", "tests/lab/ws.cpp"}},
    {"boost/json",
     {"rules/base/json.cpp", "rules/record.cpp", "probes/json.cpp", "daemon/http/status_json.cpp",
      "daemon/cli/order.cpp", "daemon/cli/daemon_client.cpp", "daemon/cli/status_view.cpp"}},
    {"openssl/",
     {"daemon/credentials/sas.cpp", "daemon/host/tls.cpp",
      "tests/daemon/host/localhost_certificate.cpp", "tests/lab/certificates.cpp",
      "tests/lab/signature.cpp", "tests/lab/tls.cpp"}},
};

}  // namespace

TEST_CASE("a layer includes only itself and the layers to its left") {
    std::vector<std::string> wrong;
    for (const Source& source : code()) {
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            std::smatch include;
            if (!std::regex_search(source.lines[i], include, include_line)) continue;
            const std::size_t to = layer_of(include[2]);
            const bool ours = to < layers.size();
            // Ours in quotes and from the root, everybody else's in angle brackets.
            const bool quoted = include[1] == "\"";
            if (ours != quoted || (ours && to > layer_of(source.path))) {
                wrong.push_back(at(source, i));
            }
        }
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("a library is seen by one file of a layer") {
    std::vector<std::string> wrong;
    std::map<std::string, int> seen;
    for (const Source& source : code()) {
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            std::smatch include;
            if (!std::regex_search(source.lines[i], include, include_line)) continue;
            const std::string header = include[2];
            for (const auto& [library, users] : library_users) {
                if (!header.starts_with(library)) continue;
                ++seen[library];
                const bool test_json = library == "boost/json" && layer_of(source.path) == 3;
                if (!users.contains(source.path) && !test_json) wrong.push_back(at(source, i));
            }
        }
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
    for (const auto& [library, users] : library_users) {
        CHECK_MESSAGE(seen[library] > 0, library << " is listed here and used nowhere");
    }
}

TEST_CASE("rules and probes know no sockets, threads or processes") {
    const std::regex machine(
        "#include <(boost/asio|boost/beast/(core/tcp|websocket|ssl)|thread|mutex|atomic|future|"
        "condition_variable|sys/|unistd|netdb|poll|signal|filesystem|fstream)");
    std::vector<std::string> wrong;
    for (const Source& source : code()) {
        if (layer_of(source.path) > 1) continue;
        for (const auto& line : matches(source, machine))
            wrong.push_back(line);
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("only daemon/host reads a clock, sleeps or asks the system for randomness") {
    const std::regex banned(
        "(system_clock|steady_clock|high_resolution_clock)::now|sleep_for|sleep_until|"
        "\\bu?sleep\\b|\\bpoll\\(nullptr|\\bppoll\\b|\\bnanosleep\\b|clock_gettime|gettimeofday|"
        "\\btime\\((nullptr|NULL|0)\\)|random_device|"
        "\\bs?rand\\(|getrandom|getentropy");
    std::vector<std::string> wrong;
    for (const Source& source : code()) {
        if (source.path.starts_with("daemon/host/")) continue;
        // eventually(): whole processes are asked again and again for what they have no event for.
        if (source.path == "tests/e2e/platform.cpp") continue;
        for (const auto& line : matches(source, banned))
            wrong.push_back(line);
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("no code has what hides failures") {
    const std::regex banned("asio::detached|catch *\\(\\.\\.\\.\\) *\\{ *\\}|using namespace std;");
    std::vector<std::string> wrong;
    for (const Source& source : code()) {
        for (const auto& line : matches(source, banned))
            wrong.push_back(line);
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("no file speaks of unfinished work or of anything outside the project") {
    // Spelt in two halves, so that this file does not find itself.
    const std::regex banned(std::string("\\b(TO") + "DO|FIX" + "ME|XX" + "X)\\b|\\.\\./sha" +
                            "red|/wo" + "rk/");
    std::vector<std::string> wrong;
    auto sources = load({".cpp", ".h", ".md", ".txt", ".yaml", ".sh", ".json", ".jsonl", ".py"});
    const fs::path root = VC_SOURCE_DIR;
    for (const char* top : {"README.md", "dev", "CMakeLists.txt", "CMakePresets.json", ".ci/run"}) {
        sources.push_back({top, read_lines(root / top)});
    }
    for (const char* folder : {"dashboards", "systemd"}) {
        for (const auto& entry : fs::directory_iterator(root / folder)) {
            const std::string path = fs::relative(entry.path(), root).generic_string();
            sources.push_back({path, read_lines(entry.path())});
        }
    }
    for (const Source& source : sources) {
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            if (std::regex_search(source.lines[i], banned)) wrong.push_back(at(source, i));
        }
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("every document that the code refers to exists") {
    const std::regex document("[A-Za-z_/]+\\.md\\b");
    std::set<std::string> names{"README.md"};
    for (const Source& source : load({".md"}))
        names.insert(fs::path(source.path).filename());
    std::vector<std::string> wrong;
    for (const Source& source : load({".cpp", ".h", ".yaml", ".txt"})) {
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            std::smatch found;
            if (source.path == "tests/tidy_test.cpp") continue;
            if (!std::regex_search(source.lines[i], found, document)) continue;
            if (!names.contains(fs::path(found.str()).filename())) wrong.push_back(at(source, i));
        }
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("a header is included once and begins with what it is") {
    std::vector<std::string> wrong;
    for (const Source& source : code()) {
        if (!source.path.ends_with(".h")) continue;
        const auto& lines = source.lines;
        const bool comment = !lines.empty() && lines.front().starts_with("// ");
        const bool once = std::find(lines.begin(), lines.end(), "#pragma once") != lines.end();
        if (!comment || !once) wrong.push_back(source.path);
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("a file is one room: at most 500 lines of 100 columns") {
    std::vector<std::string> wrong;
    for (const Source& source : code()) {
        if (source.lines.size() > 500) {
            wrong.push_back(source.path + ": " + std::to_string(source.lines.size()) + " lines");
        }
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            // Bytes, not columns: a rare accent costs one, which nobody will miss.
            if (source.lines[i].size() > 102) wrong.push_back(at(source, i));
        }
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("every source of rules and probes has its test at the mirrored path") {
    std::set<std::string> paths;
    for (const Source& source : code())
        paths.insert(source.path);
    std::vector<std::string> wrong;
    for (const std::string& path : paths) {
        if (!path.ends_with(".cpp") || layer_of(path) > 1) continue;
        if (path == "rules/base/json.cpp") continue;  // only compiles the library
        const std::string test = "tests/" + path.substr(0, path.size() - 4) + "_test.cpp";
        if (!paths.contains(test)) wrong.push_back(path + " has no " + test);
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
}

TEST_CASE("the top level holds what it is meant to hold, and nothing else") {
    const std::set<std::string> meant{
        "CMakeLists.txt", "CMakePresets.json", "README.md", "dev",   "daemon", "probes",
        "rules",          "dashboards",        "systemd",   "tests", "build"};
    std::vector<std::string> wrong;
    for (const auto& entry : fs::directory_iterator(VC_SOURCE_DIR)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(".") && !meant.contains(name)) wrong.push_back(name);
    }
    CHECK_MESSAGE(wrong.empty(), joined(wrong));
    for (const std::string& name : meant) {
        if (name == "build") continue;
        CHECK_MESSAGE(fs::exists(fs::path(VC_SOURCE_DIR) / name), name << " is missing");
    }
}
