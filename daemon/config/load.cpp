#include <algorithm>
#include <tuple>

#include "daemon/config/config.h"
#include "daemon/config/reader.h"
#include "daemon/host/file.h"
#include "rules/base/check.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_file_bytes = 1 << 20;

enum class Quorum : std::uint8_t { none, single };
constexpr std::array<std::pair<std::string_view, Quorum>, 1> quorums{{{"single", Quorum::single}}};
constexpr std::array<std::pair<std::string_view, Mode>, 2> modes{
    {{"observe", Mode::observe}, {"auto", Mode::automatic}}};

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return "";
    return path.substr(0, slash + 1);
}

// What is allowed and yet hardly meant, seen only when the whole file is known.
void warn_of_whole(ConfigReader& reader, const Fields& root) {
    const Config& config = reader.config;
    if (config.rules.mode == Mode::automatic && !config.rules.single_watcher_accepted) {
        reader.warn(root.where("mode"),
                    "mode: auto with one watcher moves nothing until `quorum: single` accepts a "
                    "quorum of one (quorum_not_accepted)");
    }
    if (config.notify.empty()) {
        reader.warn(root.where("notify"),
                    "notify: nobody is told of an incident; pages stay in the journal");
    }
}

// The file's own errors first, in its order; then those of the rule files, as they came.
void sort_by_place(Errors& errors, const std::string& own) {
    std::stable_sort(errors.begin(), errors.end(), [&own](const Error& a, const Error& b) {
        const bool is_own = a.pos.file == own;
        if (is_own != (b.pos.file == own)) return is_own;
        return is_own && std::tie(a.pos.line, a.pos.column) < std::tie(b.pos.line, b.pos.column);
    });
}

std::optional<YamlNode> read_yaml(const std::string& path, Errors& errors) {
    const auto text = read_file(path, most_file_bytes);
    if (text) return parse_yaml(*text, path, errors);
    errors.push_back(text.error());
    return std::nullopt;
}

}  // namespace

bool is_plain_name(std::string_view text, std::size_t most) {
    return !text.empty() && text.size() <= most &&
           std::all_of(text.begin(), text.end(), is_name_character);
}

std::string ConfigReader::resolve(const std::string& path) const {
    return path.starts_with('/') ? path : directory + path;
}

void ConfigReader::error(const SourcePos& pos, std::string message) {
    errors.push_back({pos, std::move(message)});
}

void ConfigReader::warn(const SourcePos& pos, std::string message) {
    config.warnings.push_back({pos, std::move(message)});
}

std::vector<PlacedText> read_list(Fields& fields, std::string_view key, std::size_t most, Need need,
                                  Errors& errors) {
    std::vector<std::string> texts;
    const std::size_t errors_before = errors.size();
    fields.texts(key, texts, need);
    const YamlNode* node = fields.child(key);
    if (node == nullptr || errors.size() != errors_before) return {};
    if (texts.empty()) fields.error(key, "the list is empty, at least one is needed");
    if (texts.size() > most) {
        fields.error(
            key, std::to_string(texts.size()) + " are too many, at most " + std::to_string(most));
        return {};
    }
    std::vector<PlacedText> list;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const SourcePos& pos = node->items[i].pos;
        const auto same = [&](const PlacedText& other) { return other.first == texts[i]; };
        const auto first = std::find_if(list.begin(), list.end(), same);
        if (texts[i].empty()) {
            errors.push_back({pos, std::string(key) + ": an empty text cannot be meant"});
        } else if (first != list.end()) {
            errors.push_back({pos, std::string(key) + ": " + quoted(texts[i]) +
                                       " is given twice, first at line " +
                                       std::to_string(first->second.line) + ", column " +
                                       std::to_string(first->second.column)});
        }
        list.emplace_back(std::move(texts[i]), pos);
    }
    return list;
}

void ConfigReader::read_rule_files(const YamlNode* node) {
    RuleTexts texts = shipped_rules();
    RuleTexts names{"shipped detectors.yaml", "shipped hypotheses.yaml", "shipped policy.yaml"};
    const YamlNode none;
    Fields fields(node == nullptr ? none : *node, "rules", errors);
    const auto replace = [&](std::string_view key, std::string& text, std::string& name) {
        std::string path;
        fields.text(key, path);
        if (path.empty()) {
            if (fields.child(key) != nullptr) fields.error(key, "names no file");
            return;
        }
        auto read = read_file(resolve(path), most_file_bytes);
        if (!read) {
            fields.error(key, read.error().message);
            return;
        }
        name = resolve(path);
        text = std::move(*read);
    };
    const std::size_t errors_before = errors.size();
    replace("detectors", texts.detectors, names.detectors);
    replace("hypotheses", texts.hypotheses, names.hypotheses);
    replace("policy", texts.policy, names.policy);
    fields.finish();
    // A file that could not be read would only repeat itself as wrong rules.
    if (errors.size() == errors_before) read_rules(texts, names, config.rules, errors);
}

void ConfigReader::read_place(Fields& fields) {
    fields.text("state", config.state);
    if (!config.state.starts_with('/')) fields.error("state", "must be an absolute path");
    std::string listen = to_text(config.listen);
    fields.text("listen", listen);
    if (const auto address = parse_listen(listen)) {
        config.listen = *address;
    } else {
        fields.error("listen", address.error().message);
    }
}

void ConfigReader::read_root(const YamlNode& root) {
    Fields fields(root, "", errors);
    if (root.kind != YamlNode::Kind::mapping && root.kind != YamlNode::Kind::null) return;

    fields.choice("mode", config.rules.mode, modes);
    Quorum quorum = Quorum::none;
    fields.choice("quorum", quorum, quorums);
    config.rules.single_watcher_accepted = quorum == Quorum::single;
    read_place(fields);
    fields.integer("seed", config.seed, Need::optional, {0, INT64_MAX});
    fields.duration("stop_deadline", config.stop_deadline, Need::optional, {1s, 10min});

    const YamlNode* rules = fields.child("rules");
    if (const auto* node = fields.child("platform", Need::required)) read_platform(*node);
    if (const auto* node = fields.child("control", Need::required)) read_control(*node);
    if (const auto* node = fields.child("vendor")) read_vendor(*node);
    if (const auto* node = fields.child("gauges")) read_gauges(*node);
    if (const auto* node = fields.child("readiness")) read_readiness(*node);
    read_probes(fields.child("probes"));
    if (const auto* node = fields.child("hooks")) read_hooks(*node);
    if (const auto* node = fields.child("migration")) {
        read_migration(*node);
    } else if (config.rules.mode == Mode::automatic) {
        fields.error("mode", "auto needs migration.steps; without them nothing can be moved");
    }
    if (const auto* node = fields.child("notify")) read_notify(*node);
    if (const auto* node = fields.child("journal")) {
        Fields journal(*node, "journal", errors);
        // Below a day an incident's beginning could be gone before its end.
        journal.duration("retention", config.retention, Need::optional, {24h, 24h * 3660});
        journal.finish();
    }
    fields.finish();
    read_rule_files(rules);
    warn_of_whole(*this, fields);
}

std::optional<Config> load_config(const std::string& path, Errors& errors) {
    const std::size_t errors_before = errors.size();
    const auto root = read_yaml(path, errors);
    if (!root) return std::nullopt;
    Config config;
    config.file = path;
    ConfigReader reader{config, errors, directory_of(path)};
    reader.read_root(*root);
    sort_by_place(errors, path);
    sort_by_place(config.warnings, path);
    if (errors.size() != errors_before) return std::nullopt;
    return config;
}

std::optional<DaemonPlace> load_place(const std::string& path, Errors& errors) {
    const std::size_t errors_before = errors.size();
    const auto root = read_yaml(path, errors);
    if (!root) return std::nullopt;
    Config config;
    ConfigReader reader{config, errors, directory_of(path)};
    Fields fields(*root, "", errors);
    reader.read_place(fields);
    if (errors.size() != errors_before) return std::nullopt;
    return DaemonPlace{config.state, config.listen};
}

const ChannelCadence& Config::probe(Channel channel) const {
    const auto found =
        std::find_if(rules.cadences.begin(), rules.cadences.end(),
                     [&](const ChannelCadence& cadence) { return cadence.channel == channel; });
    VC_CHECK(found != rules.cadences.end(), "a loaded configuration has every channel");
    return *found;
}

const HookDefinition* Config::hook(std::string_view name) const {
    const auto found = std::find_if(hooks.begin(), hooks.end(),
                                    [&](const HookDefinition& h) { return h.name == name; });
    return found == hooks.end() ? nullptr : &*found;
}

}  // namespace vc
