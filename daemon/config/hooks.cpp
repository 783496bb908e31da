// What the daemon may run or call: the hooks of a migration, and where pages go.
#include <algorithm>

#include "daemon/config/reader.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

constexpr std::array<std::pair<std::string_view, HookVerb>, 4> verbs{{{"plan", HookVerb::plan},
                                                                      {"apply", HookVerb::apply},
                                                                      {"verify", HookVerb::verify},
                                                                      {"undo", HookVerb::undo}}};
constexpr std::size_t most_hooks = 64;
constexpr std::size_t most_places = 16;

enum class Method : std::uint8_t { get, post, put, patch, del };
constexpr std::array<std::pair<std::string_view, Method>, 5> methods{{{"GET", Method::get},
                                                                      {"POST", Method::post},
                                                                      {"PUT", Method::put},
                                                                      {"PATCH", Method::patch},
                                                                      {"DELETE", Method::del}}};

std::string_view name_of(Method method) {
    const auto* found = std::find_if(methods.begin(), methods.end(),
                                     [&](const auto& m) { return m.second == method; });
    return found->first;
}

HttpCommand read_request(const YamlNode& node, const std::string& what, HookVerb verb,
                         Errors& errors) {
    Fields fields(node, what, errors);
    // Plan and verify only look.
    Method method = verb == HookVerb::plan || verb == HookVerb::verify ? Method::get : Method::post;
    fields.choice("method", method, methods);
    HttpCommand request;
    request.method = std::string(name_of(method));
    Url url;
    read_url(fields, "url", url, http_schemes);
    request.url = url.text;
    std::string body;
    fields.text("body", body);
    if (fields.child("body") != nullptr) {
        if (method == Method::get) fields.error("body", "a GET request has none");
        request.body = std::move(body);
    }
    fields.finish();
    return request;
}

// A program and its arguments: a list whose first is an absolute path.
std::vector<std::string> read_argv(Fields& fields, std::string_view key, Errors& errors) {
    std::vector<std::string> argv;
    const std::size_t errors_before = errors.size();
    fields.texts(key, argv);
    const YamlNode* node = fields.child(key);
    if (node == nullptr || errors.size() != errors_before) return {};
    if (argv.empty()) {
        fields.error(key, "names no program");
    } else if (!argv.front().starts_with('/')) {
        errors.push_back({node->items[0].pos, std::string(key) + ": " + quoted(argv.front()) +
                                                  " must be an absolute path; no shell is used"});
    }
    return argv;
}

bool is_environment_name(std::string_view name) {
    const auto belongs = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
           std::all_of(name.begin(), name.end(), belongs);
}

using Environment = std::vector<std::pair<std::string, std::string>>;

Environment read_environment(const YamlNode& node, Errors& errors) {
    Environment environment;
    if (node.kind != YamlNode::Kind::mapping) {
        errors.push_back({node.pos, "environment: expected a mapping, found " +
                                        std::string(kind_name(node.kind))});
    }
    for (const YamlNode::Field& field : node.fields) {
        if (!is_environment_name(field.key)) {
            errors.push_back({field.key_pos,
                              "environment: " + quoted(field.key) + " is no name for a variable"});
        } else if (field.key.starts_with("VOLTCANARY_")) {
            errors.push_back({field.key_pos, "environment: " + quoted(field.key) +
                                                 " is the daemon's own; choose another name"});
        }
        if (auto value = read_text(field.value, field.key, errors)) {
            environment.emplace_back(field.key, std::move(*value));
        }
    }
    return environment;
}

// The verbs of one hook, all requests or all programs.
void read_verbs(const YamlNode& node, const std::string& what, bool is_http,
                const Environment& environment, HookDefinition& hook, Errors& errors) {
    Fields fields(node, what, errors);
    fields.child("apply", Need::required);
    for (const auto& [name, verb] : verbs) {
        const YamlNode* command = fields.child(name);
        if (command == nullptr) continue;
        if (is_http) {
            hook.verbs[verb] = read_request(*command, what + "." + std::string(name), verb, errors);
        } else {
            hook.verbs[verb] = ExecCommand{read_argv(fields, name, errors), environment};
        }
    }
    fields.finish();
}

void read_hook(const YamlNode::Field& field, HookDefinition& hook, Errors& errors) {
    const std::string what = "hooks." + field.key;
    Fields fields(field.value, what, errors);
    const YamlNode* http = fields.child("http");
    const YamlNode* exec = fields.child("exec");
    const bool is_mapping = field.value.kind == YamlNode::Kind::mapping;
    if (is_mapping && (http == nullptr) == (exec == nullptr)) {
        errors.push_back({field.key_pos, what + ": needs exactly one of http and exec"});
    }
    Environment environment;
    if (const auto* variables = fields.child("environment")) {
        environment = read_environment(*variables, errors);
        if (exec == nullptr) fields.error("environment", "only programs have one");
    }
    if (http != nullptr) read_verbs(*http, what + ".http", true, environment, hook, errors);
    if (exec != nullptr) read_verbs(*exec, what + ".exec", false, environment, hook, errors);
    fields.finish();
}

}  // namespace

void ConfigReader::read_hooks(const YamlNode& node) {
    const Fields is_mapping(node, "hooks", errors);
    if (node.fields.size() > most_hooks) {
        error(node.pos, "hooks: " + std::to_string(node.fields.size()) + " are too many, at most " +
                            std::to_string(most_hooks));
        return;
    }
    for (const YamlNode::Field& field : node.fields) {
        // Part of idempotency keys and metrics.
        if (!is_plain_name(field.key, 64)) {
            error(field.key_pos, "hooks: " + quoted(field.key) +
                                     " must be 1 to 64 letters, digits, points, _ or -");
        }
        HookDefinition hook;
        hook.name = field.key;
        read_hook(field, hook, errors);
        config.hooks.push_back(std::move(hook));
    }
}

void ConfigReader::read_notify(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::sequence) {
        error(node.pos, "notify: expected a list, found " + std::string(kind_name(node.kind)));
        return;
    }
    if (node.items.size() > most_places) {
        error(node.pos, "notify: " + std::to_string(node.items.size()) + " are too many, at most " +
                            std::to_string(most_places));
        return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const YamlNode& item = node.items[i];
        const std::string what = "notify[" + std::to_string(i + 1) + "]";
        Fields fields(item, what, errors);
        const YamlNode* http = fields.child("http");
        const bool exec = fields.child("exec") != nullptr;
        if (item.kind == YamlNode::Kind::mapping && (http == nullptr) != exec) {
            error(item.pos, what + ": needs exactly one of http and exec");
        }
        if (http != nullptr) {
            Url url;
            Fields request(*http, what + ".http", errors);
            read_url(request, "url", url, http_schemes);
            request.finish();
            config.notify.emplace_back(HttpCommand{"POST", url.text, std::nullopt});
        } else if (exec) {
            config.notify.emplace_back(ExecCommand{read_argv(fields, "exec", errors), {}});
        }
        fields.finish();
    }
}

}  // namespace vc
