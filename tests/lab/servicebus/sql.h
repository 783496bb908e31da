// The SQL of rules: conditions and actions as trees, from text. What it knows stands in rule.h.
// Pure, with three-valued logic: a comparison with what is not there is neither true nor false.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lab/servicebus/message.h"
#include "tests/lab/servicebus/refusal.h"

namespace vc::lab::servicebus {

// Where the values of names come from. An unknown one is null.
class SqlNames {
  public:
    explicit SqlNames(const Message& message) : message_(message) {}
    // `name` lower-case for the system's, as written for the user's.
    const Value& value(const std::string& name, bool system) const;

  private:
    const Message& message_;
    mutable std::optional<Value> user_;  // read when first asked for
    mutable std::vector<Value> system_;
};

struct SqlCondition {
    enum class Kind {
        Or,
        And,
        Not,
        Equal,
        NotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        In,      // the first is looked for among the others
        IsNull,  // of the first
        Exists,  // of the first, a property
        Like,    // the first against the second, a literal pattern
        Literal,
        Property
    };
    Kind kind = Kind::Literal;
    std::vector<SqlCondition> parts;
    Value literal;
    std::string name;
    bool system = false;

    std::optional<bool> truth(const SqlNames& names) const;
    const Value& value(const SqlNames& names) const;
};

struct SqlAction {
    std::string name;  // of a user property, or of a system property that a rule may set
    bool system = false;
    bool remove = false;
    Value value;
};

// By their names, with the '@'.
using SqlParameters = std::map<std::string, Value>;
Answer<SqlCondition> parse_condition(const std::string& text, const SqlParameters& parameters = {});
Answer<std::vector<SqlAction>> parse_actions(const std::string& text,
                                             const SqlParameters& parameters = {});
void apply_action(const SqlAction& action, Message& message);

// Whether two values of messages are equal; nothing when they cannot be compared.
std::optional<int> compare(const Value& a, const Value& b);

}  // namespace vc::lab::servicebus
