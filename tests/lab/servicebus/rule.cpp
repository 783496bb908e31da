#include "tests/lab/servicebus/rule.h"

#include "tests/lab/servicebus/sql.h"

namespace vc::lab::servicebus {
namespace {

using Kind = SqlCondition::Kind;

// % is any text, _ any one character; by hand, because a backtracking matcher could be made slow.
bool is_like(std::string_view text, std::string_view pattern) {
    std::size_t t = 0, p = 0;
    std::size_t star = std::string_view::npos, after_star = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '%') {
            star = p++;
            after_star = t;
        } else if (p < pattern.size() && (pattern[p] == '_' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++after_star;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '%')
        ++p;
    return p == pattern.size();
}

std::optional<bool> compared(const SqlCondition& node, const SqlNames& names) {
    const auto order = compare(node.parts[0].value(names), node.parts[1].value(names));
    if (!order) return std::nullopt;
    switch (node.kind) {
        case Kind::Equal:
            return *order == 0;
        case Kind::NotEqual:
            return *order != 0;
        case Kind::Less:
            return *order < 0;
        case Kind::LessEqual:
            return *order <= 0;
        case Kind::Greater:
            return *order > 0;
        case Kind::GreaterEqual:
            return *order >= 0;
        default:
            return std::nullopt;
    }
}

std::optional<bool> joined(const SqlCondition& node, const SqlNames& names) {
    const bool any = node.kind == Kind::Or;
    const auto left = node.parts[0].truth(names);
    if (left == any) return any;
    const auto right = node.parts[1].truth(names);
    if (right == any) return any;
    if (!left || !right) return std::nullopt;
    return !any;
}

std::optional<bool> among(const SqlCondition& node, const SqlNames& names) {
    const Value& wanted = node.parts[0].value(names);
    if (wanted.null()) return std::nullopt;
    for (std::size_t i = 1; i < node.parts.size(); ++i) {
        if (compare(wanted, node.parts[i].value(names)) == 0) return true;
    }
    return false;
}

bool same_text(const std::optional<std::string>& wanted, const Value& is) {
    return !wanted || (is.is_text() && is.text == *wanted) ||
           (is.is_integer() && std::to_string(is.number) == *wanted);
}

bool correlates(const CorrelationFilter& filter, const Message& message) {
    const std::vector<Value> fields = property_fields(message);
    const bool fields_match =
        same_text(filter.message_id, fields[0]) && same_text(filter.to, fields[2]) &&
        same_text(filter.label, fields[3]) && same_text(filter.reply_to, fields[4]) &&
        same_text(filter.correlation_id, fields[5]) && same_text(filter.content_type, fields[6]) &&
        same_text(filter.session_id, fields[10]) &&
        same_text(filter.reply_to_session_id, fields[12]);
    if (!fields_match) return false;
    if (filter.properties.empty()) return true;
    const Value properties = application_properties(message);
    for (const auto& [name, wanted] : filter.properties) {
        const Value* is = properties.find(name);
        if (is == nullptr || compare(*is, wanted) != 0) return false;
    }
    return true;
}

}  // namespace

std::optional<int> compare(const Value& a, const Value& b) {
    if (a.is_number() && b.is_number() && a.type != Type::Bool && b.type != Type::Bool) {
        const double left = a.as_real();
        const double right = b.as_real();
        return left < right ? -1 : left > right ? 1 : 0;
    }
    const bool texts = a.is_text() && b.is_text();
    if (texts || (a.type == Type::Uuid && b.type == Type::Uuid)) {
        const int order = a.text.compare(b.text);
        return order < 0 ? -1 : order > 0 ? 1 : 0;
    }
    if (a.type == Type::Bool && b.type == Type::Bool) {
        return static_cast<int>(a.number != 0) - static_cast<int>(b.number != 0);
    }
    return std::nullopt;
}

const Value& SqlCondition::value(const SqlNames& names) const {
    return kind == Kind::Property ? names.value(name, system) : literal;
}

std::optional<bool> SqlCondition::truth(const SqlNames& names) const {
    switch (kind) {
        case Kind::Or:
        case Kind::And:
            return joined(*this, names);
        case Kind::Not: {
            const auto inner = parts[0].truth(names);
            return inner ? std::optional<bool>(!*inner) : std::nullopt;
        }
        case Kind::Equal:
        case Kind::NotEqual:
        case Kind::Less:
        case Kind::LessEqual:
        case Kind::Greater:
        case Kind::GreaterEqual:
            return compared(*this, names);
        case Kind::In:
            return among(*this, names);
        case Kind::IsNull:
            return parts[0].value(names).null();
        case Kind::Exists:
            return !parts[0].value(names).null();
        case Kind::Like: {
            const Value& text = parts[0].value(names);
            if (!text.is_text()) return std::nullopt;
            return is_like(text.text, parts[1].literal.text);
        }
        case Kind::Literal:
        case Kind::Property: {
            const Value& is = value(names);
            if (is.type != Type::Bool) return std::nullopt;
            return is.number != 0;
        }
    }
    return std::nullopt;
}

Rule::Rule() = default;
Rule::Rule(Rule&&) noexcept = default;
Rule& Rule::operator=(Rule&&) noexcept = default;
Rule::~Rule() = default;

Answer<Rule> Rule::compile(RuleDescription description) {
    Rule rule;
    if (const auto* sql = std::get_if<SqlFilter>(&description.filter)) {
        auto condition = parse_condition(sql->expression, sql->parameters);
        if (!condition) return tl::unexpected<Refusal>(condition.error());
        rule.condition_ = std::make_unique<SqlCondition>(std::move(*condition));
    }
    auto actions = parse_actions(description.action, description.action_parameters);
    if (!actions) return tl::unexpected<Refusal>(actions.error());
    rule.actions_ = std::move(*actions);
    rule.description_ = std::move(description);
    return rule;
}

bool Rule::matches(const Message& message) const {
    if (std::holds_alternative<TrueFilter>(description_.filter)) return true;
    if (std::holds_alternative<FalseFilter>(description_.filter)) return false;
    if (const auto* filter = std::get_if<CorrelationFilter>(&description_.filter)) {
        return correlates(*filter, message);
    }
    return condition_->truth(SqlNames(message)) == true;
}

Message Rule::changed(Message message) const {
    for (const SqlAction& action : actions_)
        apply_action(action, message);
    return message;
}

}  // namespace vc::lab::servicebus
