// What the daemon may run or call: the hooks of a migration, and where pages go.
#include <algorithm>

#include "daemon/config/reader.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

constexpr std::array<std::string_view, 4> verbs{"plan", "apply", "verify", "undo"};
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

HttpCall read_call(const YamlNode& node, const std::string& what, std::string_view verb,
                   Errors& errors) {
    Fields fields(node, what, errors);
    // Plan and verify only look.
    Method method = verb == "plan" || verb == "verify" ? Method::get : Method::post;
    fields.choice("method", method, methods);
    HttpCall call;
    call.method = std::string(name_of(method));
    read_url(fields, "url", call.url, http_schemes);
    std::string body;
    fields.text("body", body);
    if (fields.child("body") != nullptr) {
        if (method == Method::get) fields.error("body", "a GET request has none");
        call.body = std::move(body);
    }
    fields.finish();
    return call;
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

void read_environment(const YamlNode& node, ExecHook& hook, Errors& errors) {
    if (node.kind == YamlNode::Kind::null) return;
    if (node.kind != YamlNode::Kind::mapping) {
        errors.push_back({node.pos, "environment: expected a mapping, found " +
                                        std::string(kind_name(node.kind))});
        return;
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
            hook.environment.emplace_back(field.key, std::move(*value));
        }
    }
}

HttpHook read_http_hook(const YamlNode& node, const std::string& what, Errors& errors) {
    HttpHook hook;
    Fields fields(node, what + ".http", errors);
    const std::array<std::optional<HttpCall>*, 4> calls{&hook.plan, &hook.apply, &hook.verify,
                                                        &hook.undo};
    for (std::size_t i = 0; i < verbs.size(); ++i) {
        const bool apply = verbs[i] == "apply";
        const auto* call = fields.child(verbs[i], apply ? Need::required : Need::optional);
        if (call == nullptr) continue;
        *calls[i] = read_call(*call, what + ".http." + std::string(verbs[i]), verbs[i], errors);
    }
    fields.finish();
    return hook;
}

ExecHook read_exec_hook(const YamlNode& node, const std::string& what, Errors& errors) {
    ExecHook hook;
    Fields fields(node, what + ".exec", errors);
    const std::array<std::vector<std::string>*, 4> programs{&hook.plan, &hook.apply, &hook.verify,
                                                            &hook.undo};
    fields.child("apply", Need::required);
    for (std::size_t i = 0; i < verbs.size(); ++i)
        *programs[i] = read_argv(fields, verbs[i], errors);
    fields.finish();
    return hook;
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
        const std::string what = "hooks." + field.key;
        Fields fields(field.value, what, errors);
        HookConfig hook;
        hook.name = field.key;
        const YamlNode* http = fields.child("http");
        const YamlNode* exec = fields.child("exec");
        const bool is_map = field.value.kind == YamlNode::Kind::mapping;
        if (is_map && (http == nullptr) == (exec == nullptr)) {
            error(field.key_pos, what + ": needs exactly one of http and exec");
        }
        if (http != nullptr) hook.how = read_http_hook(*http, what, errors);
        if (exec != nullptr) {
            ExecHook programs = read_exec_hook(*exec, what, errors);
            if (const auto* environment = fields.child("environment")) {
                read_environment(*environment, programs, errors);
            }
            hook.how = std::move(programs);
        } else if (fields.child("environment") != nullptr) {
            fields.error("environment", "only programs have one");
        }
        fields.finish();
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
            NotifyHttp place;
            Fields call(*http, what + ".http", errors);
            read_url(call, "url", place.url, http_schemes);
            call.finish();
            config.notify.emplace_back(std::move(place));
        } else if (exec) {
            config.notify.emplace_back(NotifyExec{read_argv(fields, "exec", errors)});
        }
        fields.finish();
    }
}

}  // namespace vc
