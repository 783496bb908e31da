// What a broker holds, as its management plane lists it: queues, topics, subscriptions and their
// rules, each with the settings that matter to whoever sends and receives. Pure data.
//
// A setting's value is kept as it was said and compared by what it means (settings.h). Names are
// the same in any case, as Service Bus has it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vc {

enum class InventoryKind : std::uint8_t { queue, topic, subscription };
std::string_view to_text(InventoryKind kind);

struct InventoryRule {
    std::string name;
    std::string filter;  // "sql: color = 'red'", "correlation: Label=a", "true", "false"
    std::string action;  // an SQL action's text; empty: none
};

struct InventoryEntity {
    InventoryKind kind = InventoryKind::queue;
    std::string path;  // "orders"; of a subscription its topic too: "events/billing"
    std::map<std::string, std::string> settings;  // by the name the service gives it
    std::vector<InventoryRule> rules;             // of a subscription
};

struct Inventory {
    std::vector<InventoryEntity> entities;
    std::set<std::string> ignored;  // paths in lower case: there, and not looked at
};

// ASCII only, as names are.
std::string in_lower_case(std::string_view text);

// Whether `text` fits a pattern of '*' (any characters, none too) and '?' (one), in any case.
bool fits(std::string_view pattern, std::string_view text);

}  // namespace vc
