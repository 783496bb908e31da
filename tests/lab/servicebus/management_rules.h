// Rules as `$management` speaks of them: maps when they are made, described lists when they are
// told (the descriptors of Microsoft's clients). Pure translations.
#pragma once

#include <string>

#include "tests/lab/servicebus/rule.h"

namespace vc::lab::servicebus {

// Refuses what is neither an sql-filter nor a correlation-filter.
Answer<RuleDescription> read_rule(const std::string& name, const Value& description);
Value describe_rule(const RuleDescription& rule);

}  // namespace vc::lab::servicebus
