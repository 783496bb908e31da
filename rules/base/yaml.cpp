#include "rules/base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>

#include "rules/base/check.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

// A configuration is written by people: what is beyond these limits is a mistake or an attack.
constexpr std::size_t most_bytes = 1 << 20;
constexpr std::size_t most_nodes = 50'000;
constexpr std::size_t most_depth = 32;

// Line and column of a byte offset; columns count characters, as editors do, and not bytes.
class Lines {
  public:
    Lines(std::string_view text, const std::string& file) : text_(text), file_(file) {
        starts_.push_back(0);
        columns_.reserve(text.size() + 1);
        int column = 1;
        for (std::size_t at = 0; at < text.size(); ++at) {
            const auto byte = static_cast<unsigned char>(text[at]);
            const bool continuation = (byte & 0xC0U) == 0x80U;
            columns_.push_back(continuation && column > 1 ? column - 1 : column);
            if (!continuation) ++column;
            if (text[at] != '\n') continue;
            starts_.push_back(at + 1);
            column = 1;
        }
        columns_.push_back(column);
    }

    std::size_t offset(const YAML::Mark& mark) const {
        if (mark.line < 0 || mark.column < 0) return 0;
        const auto line = std::min(static_cast<std::size_t>(mark.line), starts_.size() - 1);
        return std::min(starts_[line] + static_cast<std::size_t>(mark.column), text_.size());
    }

    SourcePos pos(std::size_t offset) const {
        const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
        return SourcePos{file_, static_cast<int>(after - starts_.begin()), columns_[offset]};
    }
    SourcePos pos(const YAML::Mark& mark) const { return pos(offset(mark)); }

    std::string_view text_at(const YAML::Mark& mark) const { return text_.substr(offset(mark)); }

  private:
    std::string_view text_;
    const std::string& file_;
    std::vector<std::size_t> starts_;
    std::vector<int> columns_;  // by byte offset
};

// How many bytes the UTF-8 character at `at` has; 0 when it is none (overlong forms, surrogates
// and values beyond U+10FFFF included).
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!follows(1) || !follows(2)) return 0;
        if (first == 0xE0 && byte(1) < 0xA0) return 0;
        if (first == 0xED && byte(1) > 0x9F) return 0;
        return 3;
    }
    if (first < 0xF0 || first > 0xF4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
}

// Only text reaches the parser: the library guesses encodings and replaces what it cannot read.
bool is_clean_text(std::string_view text, const Lines& lines, Errors& errors) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) {
            errors.push_back({lines.pos(at), "this is not UTF-8; save the file as UTF-8"});
            return false;
        }
        const char c = text[at];
        const bool line_end = c == '\n' || (c == '\r' && text.substr(at, 2) == "\r\n");
        if (!line_end && c != '\t' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)) {
            errors.push_back({lines.pos(at), "a control character does not belong in this file"});
            return false;
        }
        at += length;
    }
    return true;
}

// Thrown through the library to stop it, and caught in parse_yaml; the error is already noted.
struct Stop {};

class Builder : public YAML::EventHandler {
  public:
    Builder(const Lines& lines, Errors& errors) : lines_(lines), errors_(errors) {}

    YamlNode take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 1) return;
        const bool marked = lines_.text_at(mark).substr(0, 3) == "---";
        fail(mark, marked ? "a second document begins here; one file holds one document"
                          : "this does not belong to what stands before it");
        throw Stop{};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(mark, anchor);
        YamlNode node;
        if (awaits_key()) {
            fail(mark, "a key is missing before the colon");
            throw Stop{};
        }
        add(std::move(node), mark);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        fail(mark, "aliases (*) are not understood here; write the value out");
        throw Stop{};
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (awaits_key()) {
            take_key(mark, value);
            return;
        }
        YamlNode node;
        node.kind = YamlNode::Kind::scalar;
        node.scalar = value;
        node.quoted = tag == "!";
        add(std::move(node), mark);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor, YamlNode::Kind::sequence);
    }
    void OnSequenceEnd() override { end(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor, YamlNode::Kind::mapping);
    }
    void OnMapEnd() override { end(); }

  private:
    struct Open {
        YamlNode node;
        bool has_key = false;  // the next event is the value of `key`
        std::string key;
        SourcePos key_pos;
        std::map<std::string, SourcePos> seen;
    };

    bool awaits_key() const {
        return !open_.empty() && open_.back().node.kind == YamlNode::Kind::mapping &&
               !open_.back().has_key;
    }

    void take_key(const YAML::Mark& mark, const std::string& value) {
        Open& mapping = open_.back();
        mapping.has_key = true;
        mapping.key = value;
        mapping.key_pos = lines_.pos(mark);
        const auto [first, is_new] = mapping.seen.emplace(value, mapping.key_pos);
        if (is_new) return;
        fail(mark, "the key " + quoted(value) + " is given twice, first at line " +
                       std::to_string(first->second.line) + ", column " +
                       std::to_string(first->second.column));
    }

    void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
               YamlNode::Kind kind) {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (awaits_key()) {
            fail(mark, "a key must be one word, not a list or mapping");
            throw Stop{};
        }
        if (open_.size() == most_depth) {
            fail(mark, "nested more than " + std::to_string(most_depth) + " levels deep");
            throw Stop{};
        }
        open_.emplace_back();
        open_.back().node.kind = kind;
        open_.back().node.pos = lines_.pos(mark);
    }

    void end() {
        VC_CHECK(!open_.empty(), "the YAML library closes only what it opened");
        YamlNode node = std::move(open_.back().node);
        open_.pop_back();
        place(std::move(node));
    }

    void add(YamlNode node, const YAML::Mark& mark) {
        node.pos = lines_.pos(mark);
        place(std::move(node));
    }

    void place(YamlNode node) {
        if (++nodes_ > most_nodes) {
            errors_.push_back(
                {node.pos, "more than " + std::to_string(most_nodes) + " values in one file"});
            throw Stop{};
        }
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == YamlNode::Kind::sequence) {
            parent.node.items.push_back(std::move(node));
            return;
        }
        // The library places an absent value at whatever comes next.
        if (node.kind == YamlNode::Kind::null) node.pos = parent.key_pos;
        parent.node.fields.push_back(
            {std::move(parent.key), std::move(parent.key_pos), std::move(node)});
        parent.has_key = false;
    }

    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != 0) {
            fail(mark, "anchors (&) are not understood here; write the value out each time");
        }
    }

    // The library reports "?" for plain and "!" for quoted values that carry no tag; a lone "!"
    // in the text also arrives as "!", so the text itself is asked.
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        const bool own = tag != "?" && tag != "!" && !tag.empty();
        if (own || lines_.text_at(mark).substr(0, 1) == "!") {
            fail(mark, "tags (!) are not understood here; remove it");
        }
    }

    void fail(const YAML::Mark& mark, std::string message) {
        errors_.push_back({lines_.pos(mark), std::move(message)});
    }

    const Lines& lines_;
    Errors& errors_;
    YamlNode root_;
    std::vector<Open> open_;
    std::size_t nodes_ = 0;
    int documents_ = 0;
};

void run_parser(std::string_view text, const Lines& lines, Builder& builder, Errors& errors) {
    // The library takes a quote that is never closed for closed when the file ends in a line end;
    // one more comment sign is enough for it to notice.
    std::string complete(text);
    if (complete.ends_with('\n')) complete += '#';
    try {
        std::istringstream in{complete};
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop&) {
        return;
    } catch (const YAML::Exception& error) {
        const bool open_quote = error.msg == YAML::ErrorMsg::EOF_IN_SCALAR;
        errors.push_back({lines.pos(error.mark),
                          open_quote ? "a quote is opened and not closed by the end of the file"
                                     : "not valid YAML: " + error.msg});
    } catch (const std::exception& error) {
        errors.push_back({lines.pos(0), std::string("not valid YAML: ") + error.what()});
    }
}

}  // namespace

std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& file, Errors& errors) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);  // byte order mark
    if (text.size() > most_bytes) {
        const SourcePos start{file, 1, 1};
        errors.emplace_back(Error{start, "larger than 1 MiB, which no such file needs to be"});
        return std::nullopt;
    }
    const std::size_t errors_before = errors.size();
    const Lines lines(text, file);
    if (!is_clean_text(text, lines, errors)) return std::nullopt;
    Builder builder(lines, errors);
    run_parser(text, lines, builder, errors);
    if (errors.size() != errors_before) return std::nullopt;
    YamlNode root = builder.take();
    if (root.pos.line == 0) root.pos = SourcePos{file, 1, 1};
    return root;
}

}  // namespace vc
