// A YAML reader for configuration and rule files: text in, values or positioned errors out.
// yaml-cpp does the parsing and stays inside yaml.cpp; here are its limits mended: positions count
// from 1, duplicate keys are refused, unknown keys are refused with the nearest known one, numbers
// and durations are read strictly (`010`, `yes` and `5` without a unit are errors), anchors and
// tags are refused. Every error of a file is collected, not just the first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rules/base/error.h"
#include "rules/base/time.h"

namespace vc {

struct YamlNode {
    enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
    struct Field;

    Kind kind = Kind::null;
    SourcePos pos;
    std::string scalar;
    bool quoted = false;
    std::vector<YamlNode> items;  // of a sequence
    std::vector<Field> fields;    // of a mapping, in file order
};

struct YamlNode::Field {
    std::string key;
    SourcePos key_pos;
    YamlNode value;
};

// One document; an empty text is a null node. Nothing is returned when the text is not YAML at
// all or breaks the rules above; `errors` then says where.
std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& file, Errors& errors);

// Strict readers of one scalar; an error says what was found and what to write instead.
// `what` is the key's name for the message.
std::optional<Duration> read_duration(const YamlNode& node, std::string_view what, Errors& errors);
std::optional<std::int64_t> read_integer(const YamlNode& node, std::string_view what,
                                         Errors& errors);
std::optional<double> read_number(const YamlNode& node, std::string_view what, Errors& errors);
std::optional<bool> read_bool(const YamlNode& node, std::string_view what, Errors& errors);
std::optional<std::string> read_text(const YamlNode& node, std::string_view what, Errors& errors);

enum class Need : std::uint8_t { optional, required };

struct DurationRange {
    Duration min{};
    Duration max = Duration::max();
};
struct IntegerRange {
    std::int64_t min = INT64_MIN;
    std::int64_t max = INT64_MAX;
};
struct NumberRange {
    double min = 0;
    double max = 1;
};

// Consumes the keys of a mapping one by one; what is left at finish() is unknown. The destination
// is changed only when the key is present and right, so defaults stay in the structs.
class Fields {
  public:
    // `what` names the mapping in messages ("probes.heartbeat"). A node that is no mapping is an
    // error (a null node is an empty mapping).
    Fields(const YamlNode& node, std::string what, Errors& errors);

    void duration(std::string_view key, Duration& out, Need need = Need::optional,
                  DurationRange range = {});
    template <class Integer>
    void integer(std::string_view key, Integer& out, Need need = Need::optional,
                 IntegerRange range = {}) {
        if (const auto value = integer_value(key, need, range)) out = static_cast<Integer>(*value);
    }
    void number(std::string_view key, double& out, Need need = Need::optional,
                NumberRange range = {});
    void boolean(std::string_view key, bool& out, Need need = Need::optional);
    void text(std::string_view key, std::string& out, Need need = Need::optional);
    void texts(std::string_view key, std::vector<std::string>& out, Need need = Need::optional);

    // One of a closed list of names.
    template <class Enum>
    void choice(std::string_view key, Enum& out,
                std::span<const std::pair<std::string_view, std::type_identity_t<Enum>>> names,
                Need need = Need::optional) {
        std::vector<std::string_view> known;
        for (const auto& [name, value] : names)
            known.push_back(name);
        if (const auto index = choice_index(key, known, need)) out = names[*index].second;
    }

    // The node under `key`, to be read by the caller; null when absent.
    const YamlNode* child(std::string_view key, Need need = Need::optional);

    // Where `key` stands, for errors that only the caller can find: its value when that is one
    // word, else the key; the mapping when absent. error() puts "key: " before the message.
    SourcePos where(std::string_view key) const;
    void error(std::string_view key, std::string message);

    // Reports every key nobody asked for. Call it last.
    void finish();

  private:
    std::optional<std::int64_t> integer_value(std::string_view key, Need need, IntegerRange range);
    std::optional<std::size_t> choice_index(std::string_view key,
                                            std::span<const std::string_view> known, Need need);

    const YamlNode& node_;
    std::string what_;
    Errors& errors_;
    std::vector<std::string> asked_;
};

}  // namespace vc
