#include "tests/lab/servicebus/atom_xml.h"

#include <charconv>
#include <cmath>
#include <functional>
#include <pugixml.hpp>
#include <sstream>

namespace vc::lab::servicebus {
namespace {

constexpr const char* atom_ns = "http://www.w3.org/2005/Atom";
constexpr const char* bus_ns =
    "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
constexpr const char* count_ns = "http://schemas.microsoft.com/netservices/2011/06/servicebus";
constexpr const char* schema_ns = "http://www.w3.org/2001/XMLSchema";
constexpr const char* instance_ns = "http://www.w3.org/2001/XMLSchema-instance";

void put(pugi::xml_node parent, const char* name, const std::string& text) {
    parent.append_child(name).text().set(text.c_str());
}

void put(pugi::xml_node parent, const char* name, bool yes) {
    put(parent, name, std::string(yes ? "true" : "false"));
}

template <class Number>
void put_number(pugi::xml_node parent, const char* name, Number number) {
    put(parent, name, std::to_string(number));
}

std::string written(const pugi::xml_document& document) {
    std::ostringstream out;
    document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
    return out.str();
}

std::string address(const AtomPlace& place, const std::string& path) {
    return "https://" + place.host + "/" + path + (place.query.empty() ? "" : "?" + place.query);
}

// An entry up to its content, which is given back for the caller to fill.
pugi::xml_node begin_entry(pugi::xml_document& document, const AtomPlace& place,
                           const std::string& path, const std::string& title, Instant published,
                           Instant updated) {
    pugi::xml_node entry = document.append_child("entry");
    entry.append_attribute("xmlns") = atom_ns;
    put(entry, "id", address(place, path));
    put(entry, "title", title);
    entry.child("title").append_attribute("type") = "text";
    put(entry, "published", to_text(published));
    put(entry, "updated", to_text(updated));
    put(entry.append_child("author"), "name", place.owner);
    pugi::xml_node link = entry.append_child("link");
    link.append_attribute("rel") = "self";
    link.append_attribute("href") = address(place, path).c_str();
    pugi::xml_node content = entry.append_child("content");
    content.append_attribute("type") = "application/xml";
    return content;
}

pugi::xml_node begin_description(pugi::xml_node content, const char* name) {
    pugi::xml_node node = content.append_child(name);
    node.append_attribute("xmlns") = bus_ns;
    node.append_attribute("xmlns:i") = instance_ns;
    return node;
}

void put_times(pugi::xml_node node, const Entity& entity) {
    put(node, "CreatedAt", to_text(entity.created));
    put(node, "UpdatedAt", to_text(entity.updated));
    put(node, "AccessedAt", to_text(entity.accessed));
}

void put_counts(pugi::xml_node node, const Counts& counts) {
    pugi::xml_node details = node.append_child("CountDetails");
    details.append_attribute("xmlns:d2p1") = count_ns;
    put_number(details, "d2p1:ActiveMessageCount", counts.active);
    put_number(details, "d2p1:DeadLetterMessageCount", counts.dead_letter);
    put_number(details, "d2p1:ScheduledMessageCount", counts.scheduled);
    put_number(details, "d2p1:TransferMessageCount", counts.transfer);
    put_number(details, "d2p1:TransferDeadLetterMessageCount", counts.transfer_dead_letter);
}

void put_forward(pugi::xml_node node, const char* name, const AtomPlace& place,
                 const std::string& entity) {
    if (!entity.empty()) put(node, name, "sb://" + place.host + "/" + entity);
}

void put_metadata(pugi::xml_node node, const std::string& text) {
    if (!text.empty()) put(node, "UserMetadata", text);
}

void put_queue(pugi::xml_node node, const AtomPlace& place, const Entity& queue,
               const Counts& counts) {
    const EntityOptions& options = queue.options;
    put(node, "LockDuration", to_iso(options.lock_duration));
    put_number(node, "MaxSizeInMegabytes", options.max_size_mb);
    put(node, "RequiresDuplicateDetection", options.requires_duplicate_detection);
    put(node, "RequiresSession", options.requires_session);
    put(node, "DefaultMessageTimeToLive", to_iso(options.default_ttl));
    put(node, "DeadLetteringOnMessageExpiration", options.dead_letter_on_expiration);
    put(node, "DuplicateDetectionHistoryTimeWindow", to_iso(options.duplicate_window));
    put_number(node, "MaxDeliveryCount", options.max_delivery_count);
    put(node, "EnableBatchedOperations", options.batched_operations);
    put_number(node, "SizeInBytes", counts.bytes);
    put_number(node, "MessageCount", counts.total);
    put(node, "IsAnonymousAccessible", false);
    node.append_child("AuthorizationRules");
    put(node, "Status", std::string(to_text(options.status)));
    put_forward(node, "ForwardTo", place, options.forward_to);
    put_metadata(node, options.user_metadata);
    put_times(node, queue);
    put(node, "SupportOrdering", options.ordered);
    put_counts(node, counts);
    put(node, "AutoDeleteOnIdle", to_iso(options.auto_delete_on_idle));
    put(node, "EnablePartitioning", options.partitioned);
    put_forward(node, "ForwardDeadLetteredMessagesTo", place, options.forward_dead_letters_to);
    put(node, "EntityAvailabilityStatus", std::string("Available"));
    put(node, "EnableExpress", options.express);
    put_number(node, "MaxMessageSizeInKilobytes", options.max_message_kb);
}

void put_topic(pugi::xml_node node, const Entity& topic, const Counts& counts) {
    const EntityOptions& options = topic.options;
    put(node, "DefaultMessageTimeToLive", to_iso(options.default_ttl));
    put_number(node, "MaxSizeInMegabytes", options.max_size_mb);
    put(node, "RequiresDuplicateDetection", options.requires_duplicate_detection);
    put(node, "DuplicateDetectionHistoryTimeWindow", to_iso(options.duplicate_window));
    put(node, "EnableBatchedOperations", options.batched_operations);
    put_number(node, "SizeInBytes", counts.bytes);
    put(node, "FilteringMessagesBeforePublishing", false);
    put(node, "IsAnonymousAccessible", false);
    node.append_child("AuthorizationRules");
    put(node, "Status", std::string(to_text(options.status)));
    put_metadata(node, options.user_metadata);
    put_times(node, topic);
    put(node, "SupportOrdering", options.ordered);
    put_counts(node, counts);
    put_number(node, "SubscriptionCount", topic.subscriptions.size());
    put(node, "AutoDeleteOnIdle", to_iso(options.auto_delete_on_idle));
    put(node, "EnablePartitioning", options.partitioned);
    put(node, "EntityAvailabilityStatus", std::string("Available"));
    put(node, "EnableSubscriptionPartitioning", false);
    put(node, "EnableExpress", options.express);
    put_number(node, "MaxMessageSizeInKilobytes", options.max_message_kb);
}

void put_subscription(pugi::xml_node node, const AtomPlace& place, const Entity& subscription,
                      const Counts& counts) {
    const EntityOptions& options = subscription.options;
    put(node, "LockDuration", to_iso(options.lock_duration));
    put(node, "RequiresSession", options.requires_session);
    put(node, "DefaultMessageTimeToLive", to_iso(options.default_ttl));
    put(node, "DeadLetteringOnMessageExpiration", options.dead_letter_on_expiration);
    put(node, "DeadLetteringOnFilterEvaluationExceptions", options.dead_letter_on_filter_error);
    put_number(node, "MessageCount", counts.total);
    put_number(node, "MaxDeliveryCount", options.max_delivery_count);
    put(node, "EnableBatchedOperations", options.batched_operations);
    put(node, "Status", std::string(to_text(options.status)));
    put_forward(node, "ForwardTo", place, options.forward_to);
    put_times(node, subscription);
    put_metadata(node, options.user_metadata);
    put_counts(node, counts);
    put_forward(node, "ForwardDeadLetteredMessagesTo", place, options.forward_dead_letters_to);
    put(node, "AutoDeleteOnIdle", to_iso(options.auto_delete_on_idle));
    put(node, "EntityAvailabilityStatus", std::string("Available"));
}

std::string value_text(const Value& value) {
    if (value.type == Type::Bool) return value.number != 0 ? "true" : "false";
    if (value.type == Type::Timestamp) {
        return to_text(Instant(std::chrono::milliseconds(value.number)));
    }
    if (value.is_integer()) return std::to_string(value.number);
    if (!value.is_number()) return value.text;
    std::ostringstream out;
    out.precision(17);
    out << value.real;
    return out.str();
}

const char* value_type(const Value& value) {
    if (value.type == Type::Bool) return "d6p1:boolean";
    if (value.type == Type::Timestamp) return "d6p1:dateTime";
    if (value.type == Type::Long) return "d6p1:long";
    if (value.is_integer()) return "d6p1:int";
    return value.is_number() ? "d6p1:double" : "d6p1:string";
}

void put_pairs(pugi::xml_node parent, const char* name, const std::map<std::string, Value>& pairs) {
    pugi::xml_node node = parent.append_child(name);
    for (const auto& [key, value] : pairs) {
        pugi::xml_node pair = node.append_child("KeyValueOfstringanyType");
        put(pair, "Key", key);
        put(pair, "Value", value_text(value));
        pair.child("Value").append_attribute("xmlns:d6p1") = schema_ns;
        pair.child("Value").append_attribute("i:type") = value_type(value);
    }
}

void put_sql(pugi::xml_node node, const char* type, const std::string& expression,
             const std::map<std::string, Value>& parameters = {}) {
    node.append_attribute("i:type") = type;
    put(node, "SqlExpression", expression);
    put(node, "CompatibilityLevel", std::string("20"));
    if (!parameters.empty()) put_pairs(node, "Parameters", parameters);
}

void put_filter(pugi::xml_node node, const Filter& filter) {
    if (std::holds_alternative<TrueFilter>(filter)) return put_sql(node, "TrueFilter", "1=1");
    if (std::holds_alternative<FalseFilter>(filter)) return put_sql(node, "FalseFilter", "1=0");
    if (const auto* sql = std::get_if<SqlFilter>(&filter)) {
        return put_sql(node, "SqlFilter", sql->expression, sql->parameters);
    }
    const auto& wanted = std::get<CorrelationFilter>(filter);
    node.append_attribute("i:type") = "CorrelationFilter";
    const auto put_if = [&](const char* name, const std::optional<std::string>& text) {
        if (text) put(node, name, *text);
    };
    put_if("CorrelationId", wanted.correlation_id);
    put_if("MessageId", wanted.message_id);
    put_if("To", wanted.to);
    put_if("ReplyTo", wanted.reply_to);
    put_if("Label", wanted.label);
    put_if("SessionId", wanted.session_id);
    put_if("ReplyToSessionId", wanted.reply_to_session_id);
    put_if("ContentType", wanted.content_type);
    if (!wanted.properties.empty()) put_pairs(node, "Properties", wanted.properties);
}

}  // namespace

std::string entity_entry(const AtomPlace& place, const Entity& entity, const Counts& counts,
                         Instant now) {
    pugi::xml_document document;
    pugi::xml_node content =
        begin_entry(document, place, entity.path, entity.name(), entity.created, now);
    switch (entity.kind) {
        case EntityKind::Queue:
            put_queue(begin_description(content, "QueueDescription"), place, entity, counts);
            break;
        case EntityKind::Topic:
            put_topic(begin_description(content, "TopicDescription"), entity, counts);
            break;
        case EntityKind::Subscription:
            put_subscription(begin_description(content, "SubscriptionDescription"), place, entity,
                             counts);
            break;
    }
    return written(document);
}

std::string rule_entry(const AtomPlace& place, const std::string& path, const RuleDescription& rule,
                       Instant now) {
    pugi::xml_document document;
    pugi::xml_node content =
        begin_entry(document, place, path + "/Rules/" + rule.name, rule.name, rule.created, now);
    pugi::xml_node node = begin_description(content, "RuleDescription");
    put_filter(node.append_child("Filter"), rule.filter);
    pugi::xml_node action = node.append_child("Action");
    if (rule.action.empty()) {
        action.append_attribute("i:type") = "EmptyRuleAction";
    } else {
        put_sql(action, "SqlRuleAction", rule.action, rule.action_parameters);
    }
    put(node, "CreatedAt", to_text(rule.created));
    put(node, "Name", rule.name);
    return written(document);
}

std::string namespace_entry(const AtomPlace& place, Instant created, Instant now) {
    pugi::xml_document document;
    pugi::xml_node content =
        begin_entry(document, place, "$namespaceinfo", place.owner, created, now);
    pugi::xml_node node = begin_description(content, "NamespaceInfo");
    node.append_child("Alias");
    put(node, "CreatedTime", to_text(created));
    put(node, "MessagingSKU", std::string("Premium"));
    put(node, "MessagingUnits", std::string("1"));
    put(node, "ModifiedTime", to_text(created));
    put(node, "Name", place.owner);
    put(node, "NamespaceType", std::string("Messaging"));
    return written(document);
}

std::string feed(const AtomPlace& place, const std::string& path, const std::string& title,
                 const std::vector<std::string>& entries, const std::string& next, Instant now) {
    pugi::xml_document document;
    pugi::xml_node node = document.append_child("feed");
    node.append_attribute("xmlns") = atom_ns;
    put(node, "title", title);
    node.child("title").append_attribute("type") = "text";
    put(node, "id", address(place, path));
    put(node, "updated", to_text(now));
    const auto put_link = [&](const char* rel, const std::string& href) {
        pugi::xml_node link = node.append_child("link");
        link.append_attribute("rel") = rel;
        link.append_attribute("href") = href.c_str();
    };
    put_link("self", address(place, path));
    if (!next.empty()) put_link("next", next);
    for (const std::string& entry : entries)
        node.append_buffer(entry.data(), entry.size());
    return written(document);
}

std::string empty_feed(Instant now) {
    pugi::xml_document document;
    pugi::xml_node node = document.append_child("feed");
    node.append_attribute("xmlns") = atom_ns;
    put(node, "title", std::string("Publicly Listed Services"));
    node.child("title").append_attribute("type") = "text";
    put(node, "id", std::string("uuid:0;id=0"));
    put(node, "updated", to_text(now));
    put(node, "generator", std::string("Service Bus 1.1"));
    return written(document);
}

std::string error_body(unsigned status, const std::string& words) {
    pugi::xml_document document;
    pugi::xml_node node = document.append_child("Error");
    put_number(node, "Code", status);
    put(node, "Detail", words);
    return written(document);
}

}  // namespace vc::lab::servicebus
