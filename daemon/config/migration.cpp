// The steps that move the platform, each carried out by a hook.
#include <algorithm>

#include "daemon/config/reader.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_steps = 32;

void check_hook(ConfigReader& reader, Fields& fields, const MigrationStep& step) {
    if (fields.child("hook") == nullptr || step.hook.empty()) return;
    const HookDefinition* hook = reader.config.hook(step.hook);
    if (hook == nullptr) {
        std::vector<std::string_view> known;
        for (const HookDefinition& other : reader.config.hooks)
            known.push_back(other.name);
        fields.error("hook",
                     "there is no hook " + quoted(step.hook) + suggestion(step.hook, known));
        return;
    }
    if (!hook->verbs.contains(HookVerb::verify)) {
        reader.warn(fields.where("hook"),
                    "hook: " + quoted(step.hook) +
                        " has no verify; after a restart nobody can tell whether it took effect");
    }
}

MigrationStep read_step(ConfigReader& reader, const YamlNode& node, const std::string& what) {
    Fields fields(node, what, reader.errors);
    MigrationStep step;
    step.deadline = 30s;  // a hook that takes longer than this to switch something has hung
    step.attempts = 3;
    fields.text("name", step.name, Need::required);
    if (fields.child("name") != nullptr && !is_plain_name(step.name, 64)) {
        fields.error("name", "must be 1 to 64 letters, digits, points, _ or -");
    }
    fields.text("hook", step.hook, Need::required);
    if (fields.child("hook") != nullptr && step.hook.empty()) fields.error("hook", "is empty");
    check_hook(reader, fields, step);
    fields.duration("deadline", step.deadline, Need::optional, {1s, 1h});
    fields.integer("attempts", step.attempts, Need::optional, {1, 10});
    fields.boolean("point_of_no_return", step.point_of_no_return);
    fields.finish();
    const HookDefinition* hook = reader.config.hook(step.hook);
    step.verify = hook != nullptr && hook->verbs.contains(HookVerb::verify);
    return step;
}

// What the order of the steps says, beyond each step by itself.
void check_order(ConfigReader& reader, const YamlNode& list) {
    const std::vector<MigrationStep>& steps = reader.config.rules.steps;
    bool returned = true;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const SourcePos& pos = list.items[i].pos;
        for (std::size_t j = 0; j < i; ++j) {
            if (steps[j].name != steps[i].name || steps[i].name.empty()) continue;
            reader.error(pos, "name: two steps are called " + quoted(steps[i].name) +
                                  ", the first at line " + std::to_string(list.items[j].pos.line));
            break;
        }
        if (steps[i].point_of_no_return && !returned) {
            reader.error(pos, "point_of_no_return: only one step can be it");
        }
        if (steps[i].point_of_no_return) returned = false;
        const HookDefinition* hook = reader.config.hook(steps[i].hook);
        if (returned && hook != nullptr && !hook->verbs.contains(HookVerb::undo)) {
            reader.warn(pos, "step " + quoted(steps[i].name) +
                                 " has no undo before the point of no return; giving up there "
                                 "needs a person");
        }
    }
    if (returned) {
        reader.warn(list.pos,
                    "steps: none is the point_of_no_return; a move that fails would be undone "
                    "even after messages went to the new broker");
    }
}

}  // namespace

void ConfigReader::read_migration(const YamlNode& node) {
    Fields fields(node, "migration", errors);
    const YamlNode* list = fields.child("steps", Need::required);
    fields.finish();
    if (list == nullptr) return;
    if (list->kind != YamlNode::Kind::sequence) {
        error(list->pos, "steps: expected a list, found " + std::string(kind_name(list->kind)));
        return;
    }
    if (list->items.empty()) error(list->pos, "steps: the list is empty, at least one is needed");
    if (list->items.size() > most_steps) {
        error(list->pos, "steps: " + std::to_string(list->items.size()) +
                             " are too many, at most " + std::to_string(most_steps));
        return;
    }
    for (std::size_t i = 0; i < list->items.size(); ++i) {
        const std::string what = "migration.steps[" + std::to_string(i + 1) + "]";
        config.rules.steps.push_back(read_step(*this, list->items[i], what));
    }
    if (!list->items.empty()) check_order(*this, *list);
    for (const HookDefinition& hook : config.hooks) {
        const auto uses = [&](const MigrationStep& step) { return step.hook == hook.name; };
        if (std::none_of(config.rules.steps.begin(), config.rules.steps.end(), uses)) {
            warn(node.pos, "migration: no step uses the hook " + quoted(hook.name));
        }
    }
}

}  // namespace vc
