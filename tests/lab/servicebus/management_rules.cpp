#include "tests/lab/servicebus/management_rules.h"

namespace vc::lab::servicebus {
namespace {

constexpr std::uint64_t rule_code = 0x13700000004;
constexpr std::uint64_t no_action_code = 0x13700000005;
constexpr std::uint64_t sql_action_code = 0x13700000006;
constexpr std::uint64_t sql_filter_code = 0x1370000006;
constexpr std::uint64_t true_filter_code = 0x1370000007;
constexpr std::uint64_t false_filter_code = 0x1370000008;
constexpr std::uint64_t correlation_filter_code = 0x1370000009;
constexpr std::int32_t compatibility = 20;  // of the SQL dialect, as Service Bus tells it

std::optional<std::string> text_in(const Value& map, std::string_view key) {
    const Value* value = map.find(key);
    if (value == nullptr || !value->is_text()) return std::nullopt;
    return value->text;
}

Value or_null(const std::optional<std::string>& text) {
    return text ? string(*text) : Value{};
}

CorrelationFilter read_correlation(const Value& map) {
    CorrelationFilter filter;
    filter.correlation_id = text_in(map, "correlation-id");
    filter.message_id = text_in(map, "message-id");
    filter.to = text_in(map, "to");
    filter.reply_to = text_in(map, "reply-to");
    filter.label = text_in(map, "label");
    filter.session_id = text_in(map, "session-id");
    filter.reply_to_session_id = text_in(map, "reply-to-session-id");
    filter.content_type = text_in(map, "content-type");
    if (const Value* properties = map.find("properties"); properties != nullptr) {
        for (std::size_t i = 0; i + 1 < properties->items.size(); i += 2)
            filter.properties[properties->items[i].text] = properties->items[i + 1];
    }
    return filter;
}

Value describe(const CorrelationFilter& filter) {
    Value properties = map();
    for (const auto& [name, value] : filter.properties)
        properties.add(name, value);
    return described(
        correlation_filter_code,
        list({or_null(filter.correlation_id), or_null(filter.message_id), or_null(filter.to),
              or_null(filter.reply_to), or_null(filter.label), or_null(filter.session_id),
              or_null(filter.reply_to_session_id), or_null(filter.content_type),
              filter.properties.empty() ? Value{} : properties}));
}

Value describe(const Filter& filter) {
    if (std::holds_alternative<TrueFilter>(filter)) return described(true_filter_code, list());
    if (std::holds_alternative<FalseFilter>(filter)) return described(false_filter_code, list());
    if (const auto* correlation = std::get_if<CorrelationFilter>(&filter)) {
        return describe(*correlation);
    }
    return described(sql_filter_code, list({string(std::get<SqlFilter>(filter).expression),
                                            int_value(compatibility)}));
}

}  // namespace

Answer<RuleDescription> read_rule(const std::string& name, const Value& description) {
    RuleDescription rule;
    rule.name = name;
    const Value* sql = description.find("sql-filter");
    const Value* correlation = description.find("correlation-filter");
    if (sql != nullptr && sql->type == Type::Map) {
        const auto expression = text_in(*sql, "expression");
        if (!expression) return refuse("com.microsoft:argument-error", "expression: is missing");
        rule.filter = SqlFilter{*expression};
    } else if (correlation != nullptr && correlation->type == Type::Map) {
        rule.filter = read_correlation(*correlation);
    } else {
        return refuse("com.microsoft:argument-error",
                      "rule-description: has neither sql-filter nor correlation-filter");
    }
    if (const Value* action = description.find("sql-rule-action"); action != nullptr) {
        rule.action = text_in(*action, "expression").value_or("");
    }
    return rule;
}

Value describe_rule(const RuleDescription& rule) {
    const Value action =
        rule.action.empty()
            ? described(no_action_code, list())
            : described(sql_action_code, list({string(rule.action), int_value(compatibility)}));
    return described(rule_code, list({describe(rule.filter), action, string(rule.name),
                                      timestamp(unix_ms(rule.created))}));
}

}  // namespace vc::lab::servicebus
