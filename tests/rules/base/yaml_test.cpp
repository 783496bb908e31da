#include "rules/base/yaml.h"

#include <doctest/doctest.h>

#include <random>

using namespace vc;

namespace {

// All errors of parsing `text`, one per line, as the user sees them.
std::string errors_of(std::string_view text) {
    Errors errors;
    const auto node = parse_yaml(text, "f.yaml", errors);
    CHECK(node.has_value() == errors.empty());
    std::string out;
    for (const Error& error : errors) {
        if (!out.empty()) out += '\n';
        out += to_text(error);
    }
    return out;
}

YamlNode parsed(std::string_view text) {
    Errors errors;
    auto node = parse_yaml(text, "f.yaml", errors);
    REQUIRE(errors.empty());
    REQUIRE(node.has_value());
    return std::move(*node);
}

std::string nested(std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("every value knows where it stands, counted from 1") {
    const YamlNode root = parsed("a: 1\nb:\n  c: [x, \"y\"]\n");
    REQUIRE(root.fields.size() == 2);
    CHECK(root.pos == SourcePos{"f.yaml", 1, 1});
    CHECK(root.fields[0].key == "a");
    CHECK(root.fields[0].key_pos == SourcePos{"f.yaml", 1, 1});
    CHECK(root.fields[0].value.pos == SourcePos{"f.yaml", 1, 4});
    const YamlNode& inner = root.fields[1].value;
    CHECK(inner.pos == SourcePos{"f.yaml", 3, 3});
    REQUIRE(inner.fields.size() == 1);
    const YamlNode& list = inner.fields[0].value;
    REQUIRE(list.items.size() == 2);
    CHECK(list.items[0].pos == SourcePos{"f.yaml", 3, 7});
    CHECK(list.items[0].scalar == "x");
    CHECK_FALSE(list.items[0].quoted);
    CHECK(list.items[1].pos == SourcePos{"f.yaml", 3, 10});
    CHECK(list.items[1].quoted);
}

TEST_CASE("columns count characters and not bytes") {
    const YamlNode root = parsed(
        "{gr\xC3\xBC\xC3\x9F"
        "e: x}");
    CHECK(root.fields.at(0).value.pos == SourcePos{"f.yaml", 1, 9});
}

TEST_CASE("lines that end in CR LF count as lines") {
    const YamlNode root = parsed("a: 1\r\nb: 2\r\n");
    CHECK(root.fields.at(1).value.pos == SourcePos{"f.yaml", 2, 4});
    CHECK(root.fields.at(1).value.scalar == "2");
}

TEST_CASE("an empty text, or one of comments only, is a null node at its start") {
    for (const char* text : {"", "# nothing\n", "\xEF\xBB\xBF", "---\n"}) {
        const YamlNode root = parsed(text);
        CHECK(root.kind == YamlNode::Kind::null);
        CHECK(root.pos.line >= 1);
        CHECK(root.pos.column >= 1);
    }
}

TEST_CASE("a byte order mark is no part of the first key") {
    CHECK(parsed("\xEF\xBB\xBF"
                 "a: 1")
              .fields.at(0)
              .key == "a");
}

TEST_CASE("a key without a value holds null, which stands at the key") {
    const YamlNode root = parsed("a:\nb: ~\n");
    CHECK(root.fields.at(0).value.pos == SourcePos{"f.yaml", 1, 1});
    CHECK(root.fields.at(1).value.pos == SourcePos{"f.yaml", 2, 1});
    CHECK(root.fields.at(0).value.kind == YamlNode::Kind::null);
    CHECK(root.fields.at(1).value.kind == YamlNode::Kind::null);
}

TEST_CASE("a key given twice is refused and both places are named") {
    CHECK(errors_of("a: 1\nb: 2\na: 3\n") ==
          "f.yaml:3:1: the key 'a' is given twice, first at line 1, column 1");
    CHECK(errors_of("x: {k: 1, k: 2}\ny: {k: 1, k: 2}") ==
          "f.yaml:1:11: the key 'k' is given twice, first at line 1, column 5\n"
          "f.yaml:2:11: the key 'k' is given twice, first at line 2, column 5");
    CHECK(errors_of("a: {k: 1}\nb: {k: 1}") == "");
}

TEST_CASE("anchors, aliases and tags are refused") {
    CHECK(errors_of("a: &x 1\n") ==
          "f.yaml:1:4: anchors (&) are not understood here; write the value out each time");
    CHECK(errors_of("a: &x\n") ==
          "f.yaml:1:4: anchors (&) are not understood here; write the value out each time");
    CHECK(errors_of("a: &x 1\nb: *x\n") ==
          "f.yaml:1:4: anchors (&) are not understood here; write the value out each time\n"
          "f.yaml:2:4: aliases (*) are not understood here; write the value out");
    CHECK(errors_of("a: !!int 1\n") == "f.yaml:1:4: tags (!) are not understood here; remove it");
    CHECK(errors_of("a: ! 1\n") == "f.yaml:1:4: tags (!) are not understood here; remove it");
    CHECK(errors_of("a: !x [1]\n") == "f.yaml:1:4: tags (!) are not understood here; remove it");
    CHECK(errors_of("a: !x {b: 1}\n") == "f.yaml:1:4: tags (!) are not understood here; remove it");
    CHECK(errors_of("a: '!x'\nb: \"&x\"\n") == "");
}

TEST_CASE("a file is one document") {
    CHECK(errors_of("---\na: 1\n...\n") == "");
    CHECK(errors_of("a: 1\n---\nb: 2\n") ==
          "f.yaml:2:1: a second document begins here; one file holds one document");
    CHECK(errors_of("[a]\nb\n") == "f.yaml:2:1: this does not belong to what stands before it");
}

TEST_CASE("keys are words") {
    CHECK(errors_of("? [a]\n: 1\n") == "f.yaml:1:3: a key must be one word, not a list or mapping");
    CHECK(errors_of("{{a: 1}: 2}") == "f.yaml:1:2: a key must be one word, not a list or mapping");
    CHECK(errors_of(": 1\n") == "f.yaml:1:1: a key is missing before the colon");
    CHECK(errors_of("~: 1\n") == "f.yaml:1:1: a key is missing before the colon");
}

TEST_CASE("depth, number of values and size are bounded") {
    CHECK(errors_of(nested(32)) == "");
    CHECK(errors_of(nested(33)) == "f.yaml:1:33: nested more than 32 levels deep");
    CHECK(errors_of(nested(100'000)) == "f.yaml:1:33: nested more than 32 levels deep");
    std::string many;
    for (int i = 0; i <= 50'000; ++i)
        many += "- 1\n";
    CHECK(errors_of(many) == "f.yaml:50001:3: more than 50000 values in one file");
    CHECK(errors_of(std::string((1 << 20) + 1, ' ')) ==
          "f.yaml:1:1: larger than 1 MiB, which no such file needs to be");
}

TEST_CASE("only clean UTF-8 is read") {
    CHECK(errors_of("a: \xFF") == "f.yaml:1:4: this is not UTF-8; save the file as UTF-8");
    CHECK(errors_of("a: \xC0\xAF") == "f.yaml:1:4: this is not UTF-8; save the file as UTF-8");
    CHECK(errors_of("a: \xED\xA0\x80") == "f.yaml:1:4: this is not UTF-8; save the file as UTF-8");
    CHECK(errors_of("a: \xF4\x90\x80\x80") ==
          "f.yaml:1:4: this is not UTF-8; save the file as UTF-8");
    CHECK(errors_of("a: \xE2\x82") == "f.yaml:1:4: this is not UTF-8; save the file as UTF-8");
    CHECK(errors_of("a: \xE2\x82\xAC \xF0\x9F\x94\x8C") == "");
    CHECK(errors_of(std::string_view("a: \0", 4)) ==
          "f.yaml:1:4: a control character does not belong in this file");
    CHECK(errors_of("a: 1\rb: 2") ==
          "f.yaml:1:5: a control character does not belong in this file");
}

TEST_CASE("what is no YAML is an error with a place") {
    CHECK(errors_of("a: [1, 2\n") == "f.yaml:2:1: not valid YAML: end of sequence flow not found");
    CHECK(errors_of("a: 'x\n") ==
          "f.yaml:2:1: a quote is opened and not closed by the end of the file");
    CHECK(errors_of("a: \"x\nb: y") ==
          "f.yaml:2:5: a quote is opened and not closed by the end of the file");
    CHECK(errors_of("a: 1\n b: 2\n") == "f.yaml:2:3: not valid YAML: illegal map value");
    CHECK(errors_of("a: \"\\q\"") == "f.yaml:1:7: not valid YAML: unknown escape character: q");
    CHECK(errors_of("a: *x") == "f.yaml:1:4: not valid YAML: the referenced anchor is not defined");
}

TEST_CASE("block texts keep their line ends") {
    CHECK(parsed("a: |\n  x\n  y\n").fields.at(0).value.scalar == "x\ny\n");
    CHECK(parsed("a: |+\n  x\n\nb: 1\n").fields.at(0).value.scalar == "x\n\n");
}

TEST_CASE("no bytes whatever crash the reader, and every error has a place in the text") {
    // Fragments of YAML reach deeper than bytes alone do.
    const std::vector<std::string> pieces{
        "a: ",   "- ",         "\n",   "  ", "[",     "]", "{",    "}",        ", ",  "&x ",
        "*x",    "!",          "? ",   ": ", "---\n", "'", "\"",   "|\n",      ">\n", "#",
        "...\n", "%TAG ! x\n", "\\x0", "\t", "~",     "x", "<<: ", "\xC3\xA4", "\r\n"};
    for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
        std::mt19937 random(seed);
        std::string text;
        const std::size_t length = random() % 60;
        for (std::size_t i = 0; i < length; ++i) {
            if (random() % 8 == 0) {
                text += static_cast<char>(random() % 256);
            } else {
                text += pieces[random() % pieces.size()];
            }
        }
        Errors errors;
        const auto node = parse_yaml(text, "f", errors);
        CAPTURE(seed);
        REQUIRE(node.has_value() == errors.empty());
        const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
        for (const Error& error : errors) {
            REQUIRE(error.pos.line >= 1);
            REQUIRE(error.pos.line <= lines);
            REQUIRE(error.pos.column >= 1);
            REQUIRE(error.message.find('\n') == std::string::npos);
        }
    }
}
