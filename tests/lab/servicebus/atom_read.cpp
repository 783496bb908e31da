#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <pugixml.hpp>

#include "tests/lab/servicebus/atom_xml.h"

namespace vc::lab::servicebus {
namespace {

// Prefixes of namespaces are the sender's own business.
std::string_view local_name(const pugi::xml_node& node) {
    const std::string_view name = node.name();
    const auto colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
    for (const pugi::xml_node& one : node.children()) {
        if (one.type() == pugi::node_element && local_name(one) == name) return one;
    }
    return {};
}

std::string type_of(const pugi::xml_node& node) {
    for (const pugi::xml_attribute& one : node.attributes()) {
        const std::string_view name = one.name();
        if (name != "type" && !name.ends_with(":type")) continue;
        const std::string_view value = one.value();
        const auto colon = value.find(':');
        return std::string(colon == std::string_view::npos ? value : value.substr(colon + 1));
    }
    return "";
}

tl::unexpected<Refusal> bad(const std::string& words) {
    return refuse("amqp:invalid-field", words);
}

using Reader = std::function<bool(const std::string&, EntityOptions&)>;

bool read_bool(const std::string& text, bool& out) {
    const std::string word = lowered(text);
    out = word == "true" || word == "1";
    return out || word == "false" || word == "0";
}

template <class Number>
bool read_number(const std::string& text, Number& out) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, out);
    return read.ec == std::errc{} && read.ptr == end;
}

Reader flag(bool EntityOptions::*field) {
    return [field](const std::string& text, EntityOptions& out) {
        return read_bool(text, out.*field);
    };
}

Reader length(Duration EntityOptions::*field) {
    return [field](const std::string& text, EntityOptions& out) {
        const auto read = duration_of(text);
        if (read) out.*field = *read;
        return read.has_value();
    };
}

template <class Number>
Reader number(Number EntityOptions::*field) {
    return [field](const std::string& text, EntityOptions& out) {
        return read_number(text, out.*field);
    };
}

// "sb://host/name", "https://host/name" and "name" are all that entity.
Reader forward(std::string EntityOptions::*field) {
    return [field](const std::string& text, EntityOptions& out) {
        out.*field = parse_address(text).entity;
        return true;
    };
}

bool read_status(const std::string& text, EntityOptions& out) {
    const auto status = status_of(text);
    if (status) out.status = *status;
    return status.has_value();
}

bool read_metadata(const std::string& text, EntityOptions& out) {
    out.user_metadata = text;
    return text.size() <= 1024;
}

const std::map<std::string, Reader, std::less<>>& readers() {
    using O = EntityOptions;
    static const std::map<std::string, Reader, std::less<>> all{
        {"LockDuration", length(&O::lock_duration)},
        {"MaxSizeInMegabytes", number(&O::max_size_mb)},
        {"RequiresDuplicateDetection", flag(&O::requires_duplicate_detection)},
        {"RequiresSession", flag(&O::requires_session)},
        {"DefaultMessageTimeToLive", length(&O::default_ttl)},
        {"DeadLetteringOnMessageExpiration", flag(&O::dead_letter_on_expiration)},
        {"DeadLetteringOnFilterEvaluationExceptions", flag(&O::dead_letter_on_filter_error)},
        {"DuplicateDetectionHistoryTimeWindow", length(&O::duplicate_window)},
        {"MaxDeliveryCount", number(&O::max_delivery_count)},
        {"EnableBatchedOperations", flag(&O::batched_operations)},
        {"Status", read_status},
        {"ForwardTo", forward(&O::forward_to)},
        {"ForwardDeadLetteredMessagesTo", forward(&O::forward_dead_letters_to)},
        {"UserMetadata", read_metadata},
        {"AutoDeleteOnIdle", length(&O::auto_delete_on_idle)},
        {"EnablePartitioning", flag(&O::partitioned)},
        {"SupportOrdering", flag(&O::ordered)},
        {"EnableExpress", flag(&O::express)},
        {"MaxMessageSizeInKilobytes", number(&O::max_message_kb)},
    };
    return all;
}

Answer<Value> read_value(const pugi::xml_node& node) {
    const std::string type = type_of(node);
    const std::string text = node.text().get();
    bool yes = false;
    std::int64_t whole = 0;
    double real = 0;
    if (type == "string") return string(text);
    if (type == "boolean" && read_bool(text, yes)) return boolean(yes);
    if (type == "int" && read_number(text, whole) && whole == static_cast<std::int32_t>(whole)) {
        return int_value(static_cast<std::int32_t>(whole));
    }
    if (type == "long" && read_number(text, whole)) return long_value(whole);
    if (type == "double" && read_number(text, real)) {
        Value value;
        value.type = Type::Double;
        value.real = real;
        return value;
    }
    return bad("The value '" + text + "' of type '" + type + "' is not understood.");
}

Answer<std::map<std::string, Value>> read_pairs(const pugi::xml_node& node) {
    std::map<std::string, Value> pairs;
    for (const pugi::xml_node& pair : node.children()) {
        if (pair.type() != pugi::node_element) continue;
        auto value = read_value(child(pair, "Value"));
        if (!value) return tl::unexpected<Refusal>(value.error());
        pairs[child(pair, "Key").text().get()] = std::move(*value);
    }
    return pairs;
}

Answer<Filter> read_correlation(const pugi::xml_node& node) {
    CorrelationFilter filter;
    const auto read = [&](const char* name, std::optional<std::string>& out) {
        if (const pugi::xml_node found = child(node, name)) out = found.text().get();
    };
    read("CorrelationId", filter.correlation_id);
    read("MessageId", filter.message_id);
    read("To", filter.to);
    read("ReplyTo", filter.reply_to);
    read("Label", filter.label);
    read("SessionId", filter.session_id);
    read("ReplyToSessionId", filter.reply_to_session_id);
    read("ContentType", filter.content_type);
    auto pairs = read_pairs(child(node, "Properties"));
    if (!pairs) return tl::unexpected<Refusal>(pairs.error());
    filter.properties = std::move(*pairs);
    return filter;
}

Answer<Filter> read_sql(const pugi::xml_node& node) {
    auto parameters = read_pairs(child(node, "Parameters"));
    if (!parameters) return tl::unexpected<Refusal>(parameters.error());
    return SqlFilter{child(node, "SqlExpression").text().get(), std::move(*parameters)};
}

Answer<Filter> read_filter(const pugi::xml_node& node) {
    const std::string type = type_of(node);
    if (node.empty() || type == "TrueFilter") return TrueFilter{};
    if (type == "FalseFilter") return FalseFilter{};
    if (type == "CorrelationFilter") return read_correlation(node);
    if (type == "SqlFilter") return read_sql(node);
    return bad("The filter type '" + type + "' is not known.");
}

Answer<RuleDescription> rule_of(const pugi::xml_node& node) {
    auto filter = read_filter(child(node, "Filter"));
    if (!filter) return tl::unexpected<Refusal>(filter.error());
    RuleDescription rule;
    rule.filter = std::move(*filter);
    const pugi::xml_node action = child(node, "Action");
    auto parameters = read_pairs(child(action, "Parameters"));
    if (!parameters) return tl::unexpected<Refusal>(parameters.error());
    rule.action_parameters = std::move(*parameters);
    rule.action = child(action, "SqlExpression").text().get();
    rule.name = child(node, "Name").text().get();
    return rule;
}

// The description inside entry/content, whatever it is of.
Answer<pugi::xml_node> description_in(pugi::xml_document& document, std::string_view xml) {
    const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
    if (!parsed) return bad(std::string("The body is no XML: ") + parsed.description() + ".");
    const pugi::xml_node content = child(child(document, "entry"), "content");
    for (const pugi::xml_node& one : content.children()) {
        if (one.type() == pugi::node_element) return one;
    }
    return bad("The body has no content in an Atom entry.");
}

}  // namespace

Answer<EntityBody> read_entity(std::string_view xml, const EntityOptions& given) {
    pugi::xml_document document;
    const auto node = description_in(document, xml);
    if (!node) return tl::unexpected<Refusal>(node.error());
    EntityBody body;
    body.options = given;
    const std::string_view kind = local_name(*node);
    if (kind == "TopicDescription") {
        body.kind = EntityKind::Topic;
    } else if (kind == "SubscriptionDescription") {
        body.kind = EntityKind::Subscription;
    } else if (kind != "QueueDescription") {
        return bad("'" + std::string(kind) + "' describes no entity.");
    }
    for (const pugi::xml_node& one : node->children()) {
        const std::string_view name = local_name(one);
        if (name == "DefaultRuleDescription") {
            auto rule = rule_of(one);
            if (!rule) return tl::unexpected<Refusal>(rule.error());
            body.first_rule = std::move(*rule);
        } else if (name == "AuthorizationRules" && !one.first_child().empty()) {
            return bad("AuthorizationRules of a single entity are not supported.");
        } else if (const auto reader = readers().find(name); reader != readers().end()) {
            const std::string text = one.text().get();
            if (!reader->second(text, body.options)) {
                return bad("The value '" + text + "' of " + std::string(name) + " is not valid.");
            }
        }
    }
    return body;
}

Answer<RuleDescription> read_rule(std::string_view xml) {
    pugi::xml_document document;
    const auto node = description_in(document, xml);
    if (!node) return tl::unexpected<Refusal>(node.error());
    if (local_name(*node) != "RuleDescription") return bad("The body describes no rule.");
    return rule_of(*node);
}

}  // namespace vc::lab::servicebus
