#include "probes/readiness/atom.h"

#include <algorithm>
#include <map>
#include <pugixml.hpp>

#include "probes/readiness/settings.h"

namespace vc {
namespace {

constexpr std::size_t most_entries = 1000;
constexpr std::size_t most_name = 260;
constexpr std::size_t most_value = 2048;  // the longest SQL filter has 1024 characters
constexpr std::size_t most_properties = 64;

// Which prefix stands for which namespace is the sender's own business.
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

std::string trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(blank) - first + 1));
}

std::string text_of(const pugi::xml_node& node) {
    return trimmed(node.text().get());
}

// "i:type": the kind of a filter or an action.
std::string type_of(const pugi::xml_node& node) {
    for (const pugi::xml_attribute& one : node.attributes()) {
        const std::string_view name = one.name();
        if (name != "type" && !name.ends_with(":type")) continue;
        const std::string_view value = one.value();
        const auto colon = value.find(':');
        return std::string(colon == std::string_view::npos ? value : value.substr(colon + 1));
    }
    return {};
}

bool is_printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string one_line(std::string text, std::size_t most) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    if (text.size() > most) text.resize(most);
    return text;
}

Result<void> load(pugi::xml_document& document, std::string_view xml) {
    if (xml.size() > most_feed_bytes) return failure("the feed is too large");
    // The document type is parsed only to be found.
    constexpr unsigned options = pugi::parse_default | pugi::parse_doctype;
    const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size(), options);
    if (!parsed) {
        return failure("the feed is not XML: " + std::string(parsed.description()) + " at byte " +
                       std::to_string(parsed.offset));
    }
    for (const pugi::xml_node& node : document.children()) {
        if (node.type() == pugi::node_doctype) return failure("the feed has a document type");
    }
    return {};
}

// "Label=a, property kind=b": what a correlation filter asks for, in the order of the alphabet.
Result<std::string> properties_of(const pugi::xml_node& filter) {
    std::map<std::string, std::string> asked;
    for (const pugi::xml_node& one : filter.children()) {
        if (one.type() != pugi::node_element) continue;
        const std::string name{local_name(one)};
        if (name != "Properties" && name != "Parameters") {
            if (!text_of(one).empty()) asked[name] = text_of(one);
            continue;
        }
        for (const pugi::xml_node& pair : one.children()) {
            if (pair.type() != pugi::node_element) continue;
            asked["property " + text_of(child(pair, "Key"))] = text_of(child(pair, "Value"));
        }
    }
    if (asked.size() > most_properties) return failure("has too many properties");
    std::string text;
    for (const auto& [name, value] : asked)
        text += (text.empty() ? "" : ", ") + name + "=" + value;
    return text;
}

Result<std::string> filter_of(const pugi::xml_node& filter) {
    const std::string type = type_of(filter);
    const std::string sql = text_of(child(filter, "SqlExpression"));
    if (filter.empty() || type.empty()) return failure("has no filter");
    if (type == "TrueFilter" || (type == "SqlFilter" && (sql == "1=1" || sql == "1 = 1"))) {
        return std::string("true");
    }
    if (type == "FalseFilter") return std::string("false");
    if (type == "SqlFilter") {
        std::string text = "sql: " + sql;
        const pugi::xml_node parameters = child(filter, "Parameters");
        for (const pugi::xml_node& pair : parameters.children()) {
            if (pair.type() != pugi::node_element) continue;
            text += ", " + text_of(child(pair, "Key")) + "=" + text_of(child(pair, "Value"));
        }
        return text;
    }
    auto properties = properties_of(filter);
    if (!properties) return properties;
    return (type == "CorrelationFilter" ? "correlation" : type) + ": " + *properties;
}

Result<InventoryRule> rule_of(const pugi::xml_node& description, std::string name) {
    InventoryRule rule;
    auto filter = filter_of(child(description, "Filter"));
    if (!filter) return failure("rule " + name + " " + filter.error().message);
    rule.filter = std::move(*filter);
    const pugi::xml_node action = child(description, "Action");
    if (type_of(action) != "EmptyRuleAction") rule.action = text_of(child(action, "SqlExpression"));
    if (rule.filter.size() > 4 * most_value || rule.action.size() > most_value) {
        return failure("rule " + name + " is too long");
    }
    rule.name = std::move(name);
    return rule;
}

Result<InventoryEntity> entity_of(const pugi::xml_node& description, InventoryKind kind,
                                  std::string path) {
    InventoryEntity entity;
    entity.kind = kind;
    entity.path = std::move(path);
    for (const SettingRule& setting : compared_settings()) {
        const pugi::xml_node node = child(description, setting.name);
        if (node.empty()) continue;
        std::string value = text_of(node);
        const std::string where = std::string(to_text(kind)) + " " + entity.path + ": ";
        const auto meaning = meaning_of(setting.kind, value);
        if (value.size() > most_value || !is_printable(value) || !meaning) {
            return failure(where + std::string(setting.name) + " '" + one_line(value, 40) + "' " +
                           (meaning ? "is too long or not printable" : meaning.error().message));
        }
        entity.settings[std::string(setting.name)] = std::move(value);
    }
    return entity;
}

std::string_view description_of(FeedKind kind) {
    switch (kind) {
        case FeedKind::queues:
            return "QueueDescription";
        case FeedKind::topics:
            return "TopicDescription";
        case FeedKind::subscriptions:
            return "SubscriptionDescription";
        case FeedKind::rules:
            return "RuleDescription";
    }
    return "";
}

Result<void> read_entry(FeedKind kind, const pugi::xml_node& entry, const std::string& topic,
                        FeedPage& page) {
    std::string name = text_of(child(entry, "title"));
    if (name.empty()) return failure("an entry has no title");
    if (name.size() > most_name || !is_printable(name)) {
        return failure("the title '" + one_line(name, 40) + "' is no entity's name");
    }
    const pugi::xml_node description = child(child(entry, "content"), description_of(kind));
    if (description.empty()) {
        return failure("the entry " + name + " has no " + std::string(description_of(kind)));
    }
    if (kind == FeedKind::rules) {
        auto rule = rule_of(description, std::move(name));
        if (!rule) return tl::unexpected(rule.error());
        page.rules.push_back(std::move(*rule));
        return {};
    }
    const bool subscription = kind == FeedKind::subscriptions;
    auto entity = entity_of(description,
                            subscription               ? InventoryKind::subscription
                            : kind == FeedKind::queues ? InventoryKind::queue
                                                       : InventoryKind::topic,
                            subscription ? topic + "/" + name : name);
    if (!entity) return tl::unexpected(entity.error());
    page.entities.push_back(std::move(*entity));
    return {};
}

}  // namespace

Result<FeedPage> read_feed(FeedKind kind, std::string_view xml, const std::string& topic) {
    pugi::xml_document document;
    if (auto loaded = load(document, xml); !loaded) return tl::unexpected(loaded.error());
    const pugi::xml_node root = document.document_element();
    if (local_name(root) != "feed") {
        return failure("expected a feed, found <" + one_line(root.name(), 40) + ">");
    }
    FeedPage page;
    for (const pugi::xml_node& entry : root.children()) {
        if (entry.type() != pugi::node_element || local_name(entry) != "entry") continue;
        if (page.size() == most_entries) return failure("the feed has too many entries");
        auto read = read_entry(kind, entry, topic, page);
        if (!read) return tl::unexpected(read.error());
    }
    return page;
}

std::string error_detail(std::string_view xml) {
    pugi::xml_document document;
    if (!load(document, xml)) return {};
    const pugi::xml_node root = document.document_element();
    if (local_name(root) != "Error") return {};
    return one_line(text_of(child(root, "Detail")), 200);
}

}  // namespace vc
