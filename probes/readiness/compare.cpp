#include "probes/readiness/compare.h"

#include <map>
#include <utility>

#include "probes/readiness/settings.h"

namespace vc {
namespace {

using Key = std::pair<InventoryKind, std::string>;
using Index = std::map<Key, const InventoryEntity*>;

Index index_of(const Inventory& inventory) {
    Index index;
    for (const InventoryEntity& entity : inventory.entities)
        index.emplace(Key{entity.kind, in_lower_case(entity.path)}, &entity);
    return index;
}

std::string name_of(const InventoryEntity& entity) {
    return std::string(to_text(entity.kind)) + " " + entity.path;
}

std::string value_of(const InventoryEntity& entity, std::string_view setting) {
    const auto found = entity.settings.find(std::string(setting));
    return found == entity.settings.end() ? std::string() : found->second;
}

std::string shown(const std::string& value) {
    return value.empty() ? "not set" : value;
}

void compare_settings(const InventoryEntity& primary, const InventoryEntity& standby,
                      Differences& out) {
    for (const SettingRule& setting : compared_settings()) {
        const std::string ours = value_of(primary, setting.name);
        const std::string theirs = value_of(standby, setting.name);
        // Both were read before, when they were listed.
        const auto meant = meaning_of(setting.kind, ours);
        const auto found = meaning_of(setting.kind, theirs);
        if (meant && found && *meant == *found) continue;
        // A standby that is active where the primary is not can serve all the same.
        const bool serves =
            setting.name == "Status" && (found.value_or("") == "active" || theirs.empty());
        auto& list = setting.weight == Weight::unfit && !serves ? out.unfit : out.told;
        list.push_back(name_of(primary) + ": " + std::string(setting.name) + " " + shown(ours) +
                       " on the primary, " + shown(theirs) + " on the standby");
    }
}

void compare_rules(const InventoryEntity& primary, const InventoryEntity& standby,
                   Differences& out) {
    std::map<std::string, std::pair<const InventoryRule*, const InventoryRule*>> rules;
    for (const InventoryRule& rule : primary.rules)
        rules[in_lower_case(rule.name)].first = &rule;
    for (const InventoryRule& rule : standby.rules)
        rules[in_lower_case(rule.name)].second = &rule;
    for (const auto& [key, pair] : rules) {
        const auto& [ours, theirs] = pair;
        const std::string name =
            name_of(primary) + ": rule " + (ours != nullptr ? ours : theirs)->name + " ";
        if (theirs == nullptr) {
            out.unfit.push_back(name + "is missing on the standby");
        } else if (ours == nullptr) {
            // It lets in what no consumer expects, such as the rule that lets in everything.
            out.unfit.push_back(name + "(" + theirs->filter + ") is only on the standby");
        } else {
            if (ours->filter != theirs->filter) {
                out.unfit.push_back(name + "filters '" + ours->filter + "' on the primary, '" +
                                    theirs->filter + "' on the standby");
            }
            if (ours->action != theirs->action) {
                out.unfit.push_back(name + "does '" + ours->action + "' on the primary, '" +
                                    theirs->action + "' on the standby");
            }
        }
    }
}

// What is forwarded to nowhere is lost, or stays.
void check_targets(const InventoryEntity& standby, const Inventory& inventory, const Index& there,
                   Differences& out) {
    for (const char* setting : {"ForwardTo", "ForwardDeadLetteredMessagesTo"}) {
        const auto target = meaning_of(SettingKind::target, value_of(standby, setting));
        if (!target || target->empty()) continue;
        if (there.contains({InventoryKind::queue, *target}) ||
            there.contains({InventoryKind::topic, *target}) ||
            inventory.ignored.contains(*target)) {
            continue;
        }
        out.unfit.push_back(name_of(standby) + ": " + setting + " names " + *target +
                            ", which is missing on the standby");
    }
}

// That the topic is missing says all.
bool topic_missing(const InventoryEntity& entity, const Index& there) {
    if (entity.kind != InventoryKind::subscription) return false;
    const std::string path = in_lower_case(entity.path);
    return !there.contains({InventoryKind::topic, path.substr(0, path.rfind('/'))});
}

}  // namespace

Differences compare(const Inventory& primary, const Inventory& standby) {
    const Index here = index_of(primary);
    const Index there = index_of(standby);
    Differences out;
    for (const auto& [key, entity] : here) {
        const auto found = there.find(key);
        if (found == there.end()) {
            if (topic_missing(*entity, there)) continue;
            out.unfit.push_back(name_of(*entity) + ": missing on the standby");
            continue;
        }
        compare_settings(*entity, *found->second, out);
        check_targets(*found->second, standby, there, out);
        if (entity->kind == InventoryKind::subscription) {
            compare_rules(*entity, *found->second, out);
        }
    }
    for (const auto& [key, entity] : there) {
        if (!here.contains(key)) out.told.push_back(name_of(*entity) + ": only on the standby");
    }
    return out;
}

}  // namespace vc
