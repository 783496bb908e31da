// Entities from a JSON text, for a lab that is to have more than its own:
//   {"queues": [{"name": "q", "lock_duration_s": 5, "max_delivery_count": 3,
//                "requires_session": true, "requires_duplicate_detection": true,
//                "duplicate_window_s": 60, "default_ttl_s": 60, "dead_letter_on_expiration": true,
//                "max_size_mb": 1, "forward_to": "other", "forward_dead_letters_to": "other",
//                "status": "SendDisabled", "locks_end_with_link": false}],
//    "topics": [{"name": "t", ..., "subscriptions": [{"name": "s", ...,
//                "rules": [{"name": "r", "sql": "a = 1", "action": "SET b = 2"}]}]}]}
// With "rules" a subscription has these and not "$Default". Unknown keys are errors, and so is what
// a store would refuse.
#pragma once

#include <string>
#include <vector>

#include "rules/base/error.h"
#include "tests/lab/servicebus/entity.h"
#include "tests/lab/servicebus/rule.h"

namespace vc::lab::servicebus {

class Store;

struct EntitySpec {
    EntityKind kind = EntityKind::Queue;
    std::string path;
    EntityOptions options;
    bool own_rules = false;  // instead of "$Default"
    std::vector<RuleDescription> rules;
};

// A topic comes before its subscriptions.
Result<std::vector<EntitySpec>> read_entities(const std::string& json);

// The first that the store refuses is told; those before it are made.
Result<void> make_entities(Store& store, const std::vector<EntitySpec>& specs, Instant now);

}  // namespace vc::lab::servicebus
