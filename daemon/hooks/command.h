// How a hook or a page is carried out, as the configuration gives it: a program or a request.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "rules/migration/plan.h"

namespace vc {

struct ExecCommand {
    std::vector<std::string> argv;  // [0] is an absolute path; no shell, no search
    // Besides the minimal environment and VOLTCANARY_*. The values are taken for secrets.
    std::vector<std::pair<std::string, std::string>> environment;
};

struct HttpCommand {
    std::string method = "POST";
    std::string url;
    std::optional<std::string> body;  // absent: what the hook is told, as a JSON object
};

using HookCommand = std::variant<ExecCommand, HttpCommand>;

struct HookDefinition {
    std::string name;
    std::map<HookVerb, HookCommand> verbs;  // apply is required; the others are optional
};

// How a run ended, in the core's words. `detail` is one harmless, bounded line.
struct HookResult {
    HookOutcome outcome = HookOutcome::failed;
    std::string detail;
};

}  // namespace vc
