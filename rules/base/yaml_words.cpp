#include "rules/base/yaml_words.h"

#include <algorithm>
#include <vector>

namespace vc {
namespace {

// Restricted Damerau-Levenshtein distance: insertions, deletions, replacements and swapped
// neighbours each count 1 (Boytsov 2011, "Indexing methods for approximate dictionary searching").
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
    }
    return last[b.size()];
}

}  // namespace

std::string shown(std::string_view text) {
    constexpr std::size_t most = 40;
    std::string out;
    for (const char c : text) {
        if (out.size() >= most && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
            return out + "...";
        }
        if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            out += "?";
        } else {
            out += c;
        }
    }
    return out;
}

std::string quoted(std::string_view text) {
    std::string out = "'";
    out += shown(text);
    out += '\'';
    return out;
}

std::string_view kind_name(YamlNode::Kind kind) {
    switch (kind) {
        case YamlNode::Kind::null:
            return "nothing";
        case YamlNode::Kind::scalar:
            return "text";
        case YamlNode::Kind::sequence:
            return "a list";
        case YamlNode::Kind::mapping:
            return "a mapping";
    }
    return "?";
}

std::string suggestion(std::string_view name, std::span<const std::string_view> known) {
    // A third of the letters may be wrong; beyond that the guess would be noise.
    constexpr std::size_t longest = 64;
    std::string_view nearest;
    std::size_t best = std::max<std::size_t>(1, std::min(name.size(), longest) / 3) + 1;
    for (const std::string_view candidate : known) {
        if (name.size() > longest || candidate.size() > longest) continue;
        const std::size_t distance = edit_distance(name, candidate);
        if (distance >= best) continue;
        best = distance;
        nearest = candidate;
    }
    if (!nearest.empty()) return " (did you mean " + quoted(nearest) + "?)";
    if (known.empty()) return "";
    std::string list;
    for (const std::string_view candidate : known) {
        list += (list.empty() ? "" : ", ") + std::string(candidate);
    }
    return " (known: " + list + ")";
}

}  // namespace vc
