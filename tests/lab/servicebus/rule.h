// The rules of a subscription: which messages of the topic it gets, and what they are changed to.
// Pure. SQL as Service Bus documents it, as far as this goes: comparisons (= <> != < <= > >=),
// AND OR NOT, parentheses, IS [NOT] NULL, [NOT] IN (...), EXISTS(name), LIKE with % and _, string,
// number and boolean literals, user properties by name or user.name, system properties by
// sys.Name. An unknown property makes a comparison unknown, and a message passes only on true.
// Anything else is refused when the rule is made, in words that say what was not understood.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tests/lab/servicebus/message.h"
#include "tests/lab/servicebus/refusal.h"

namespace vc::lab::servicebus {

struct TrueFilter {};
struct FalseFilter {};
struct SqlFilter {
    std::string expression;
    std::map<std::string, Value> parameters{};  // "@name" and what stands for it
};
struct CorrelationFilter {
    // What is not set is not looked at; an empty string has to be there and empty.
    std::optional<std::string> correlation_id, message_id, to, reply_to, label, session_id,
        reply_to_session_id, content_type;
    std::map<std::string, Value> properties;
};
using Filter = std::variant<TrueFilter, FalseFilter, SqlFilter, CorrelationFilter>;

struct RuleDescription {
    std::string name;
    Filter filter = TrueFilter{};
    std::string action;  // "SET a = 'x'; REMOVE b"; empty: none
    Instant created{};
    std::map<std::string, Value> action_parameters{};
};

struct SqlCondition;  // sql.h
struct SqlAction;

// A rule that can be evaluated.
class Rule {
  public:
    // Refuses what cannot be evaluated.
    static Answer<Rule> compile(RuleDescription description);
    Rule(Rule&&) noexcept;
    Rule& operator=(Rule&&) noexcept;
    ~Rule();

    const RuleDescription& description() const { return description_; }
    bool matches(const Message& message) const;
    bool changes() const { return !actions_.empty(); }
    // The message as the action leaves it.
    Message changed(Message message) const;

  private:
    Rule();
    RuleDescription description_;
    std::unique_ptr<SqlCondition> condition_;
    std::vector<SqlAction> actions_;
};

}  // namespace vc::lab::servicebus
