// Fields: the keys of one mapping, consumed one by one.
#include <algorithm>

#include "rules/base/yaml.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

const YamlNode::Field* find(const YamlNode& node, std::string_view key) {
    const auto found = std::find_if(node.fields.begin(), node.fields.end(),
                                    [&](const YamlNode::Field& f) { return f.key == key; });
    return found == node.fields.end() ? nullptr : &*found;
}

// A number as a person would write it: 0.25, not 0.250000.
std::string plain(double value) {
    std::string text = std::to_string(value);
    while (text.back() == '0')
        text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

}  // namespace

Fields::Fields(const YamlNode& node, std::string what, Errors& errors)
    : node_(node), what_(std::move(what)), errors_(errors) {
    if (node_.kind == YamlNode::Kind::mapping || node_.kind == YamlNode::Kind::null) return;
    const std::string prefix = what_.empty() ? "" : what_ + ": ";
    errors_.push_back(
        {node_.pos, prefix + "expected a mapping, found " + std::string(kind_name(node_.kind))});
}

const YamlNode* Fields::child(std::string_view key, Need need) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
    if (const auto* field = find(node_, key)) return &field->value;
    const bool is_mapping =
        node_.kind == YamlNode::Kind::mapping || node_.kind == YamlNode::Kind::null;
    if (need == Need::required && is_mapping) {
        errors_.push_back(
            {node_.pos, quoted(key) + " is missing" + (what_.empty() ? "" : " in " + what_)});
    }
    return nullptr;
}

void Fields::duration(std::string_view key, Duration& out, Need need, DurationRange range) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return;
    const auto value = read_duration(*node, key, errors_);
    if (!value) return;
    if (*value < range.min) {
        error(key, to_text(*value) + " is too short, at least " + to_text(range.min));
    } else if (*value > range.max) {
        error(key, to_text(*value) + " is too long, at most " + to_text(range.max));
    } else {
        out = *value;
    }
}

std::optional<std::int64_t> Fields::integer_value(std::string_view key, Need need,
                                                  IntegerRange range) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return std::nullopt;
    const auto value = read_integer(*node, key, errors_);
    if (!value) return std::nullopt;
    if (*value < range.min) {
        error(key, std::to_string(*value) + " is too small, at least " + std::to_string(range.min));
        return std::nullopt;
    }
    if (*value > range.max) {
        error(key, std::to_string(*value) + " is too large, at most " + std::to_string(range.max));
        return std::nullopt;
    }
    return value;
}

void Fields::number(std::string_view key, double& out, Need need, NumberRange range) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return;
    const auto value = read_number(*node, key, errors_);
    if (!value) return;
    if (*value < range.min) {
        error(key, shown(node->scalar) + " is too small, at least " + plain(range.min));
    } else if (*value > range.max) {
        error(key, shown(node->scalar) + " is too large, at most " + plain(range.max));
    } else {
        out = *value;
    }
}

void Fields::boolean(std::string_view key, bool& out, Need need) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return;
    if (const auto value = read_bool(*node, key, errors_)) out = *value;
}

void Fields::text(std::string_view key, std::string& out, Need need) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return;
    if (auto value = read_text(*node, key, errors_)) out = std::move(*value);
}

void Fields::texts(std::string_view key, std::vector<std::string>& out, Need need) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return;
    if (node->kind != YamlNode::Kind::sequence) {
        const std::string found = node->kind == YamlNode::Kind::scalar
                                      ? "write [" + shown(node->scalar) + "]"
                                      : "found " + std::string(kind_name(node->kind));
        errors_.push_back({node->pos, std::string(key) + ": expected a list, " + found});
        return;
    }
    const std::size_t errors_before = errors_.size();
    std::vector<std::string> values;
    for (const YamlNode& item : node->items) {
        if (auto value = read_text(item, key, errors_)) values.push_back(std::move(*value));
    }
    if (errors_.size() == errors_before) out = std::move(values);
}

std::optional<std::size_t> Fields::choice_index(std::string_view key,
                                                std::span<const std::string_view> known,
                                                Need need) {
    const YamlNode* node = child(key, need);
    if (node == nullptr) return std::nullopt;
    const auto value = read_text(*node, key, errors_);
    if (!value) return std::nullopt;
    const auto found = std::find(known.begin(), known.end(), *value);
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    error(key, "unknown value " + quoted(*value) + suggestion(*value, known));
    return std::nullopt;
}

SourcePos Fields::where(std::string_view key) const {
    const auto* field = find(node_, key);
    if (field == nullptr) return node_.pos;
    return field->value.kind == YamlNode::Kind::scalar ? field->value.pos : field->key_pos;
}

void Fields::error(std::string_view key, std::string message) {
    errors_.push_back({where(key), std::string(key) + ": " + std::move(message)});
}

void Fields::finish() {
    const std::vector<std::string_view> known(asked_.begin(), asked_.end());
    for (const YamlNode::Field& field : node_.fields) {
        if (std::find(known.begin(), known.end(), field.key) != known.end()) continue;
        errors_.push_back({field.key_pos, "unknown key " + quoted(field.key) +
                                              (what_.empty() ? "" : " in " + what_) +
                                              suggestion(field.key, known)});
    }
}

}  // namespace vc
