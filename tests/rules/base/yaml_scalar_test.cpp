#include <doctest/doctest.h>

#include "rules/base/yaml.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

// The node of `x: TEXT`.
YamlNode value(std::string_view text) {
    Errors errors;
    auto root = parse_yaml("x: " + std::string(text), "f", errors);
    REQUIRE(errors.empty());
    REQUIRE(root->fields.size() == 1);
    return std::move(root->fields[0].value);
}

// The reader's message for `x: TEXT`, without the position (which is always the value's).
template <class Reader>
std::string message(Reader reader, std::string_view text) {
    const YamlNode node = value(text);
    Errors errors;
    const auto result = reader(node, "x", errors);
    CHECK_FALSE(result.has_value());
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].pos == node.pos);
    return errors[0].message;
}

template <class Reader>
auto result(Reader reader, std::string_view text) {
    Errors errors;
    auto read = reader(value(text), "x", errors);
    CHECK(errors.empty());
    REQUIRE(read.has_value());
    return *read;
}

}  // namespace

TEST_CASE("durations carry their unit") {
    CHECK(result(read_duration, "5s") == 5s);
    CHECK(result(read_duration, "250ms") == 250ms);
    CHECK(result(read_duration, "1h30m") == 90min);
    CHECK(result(read_duration, "7us") == 7us);
    CHECK(result(read_duration, "90d") == 24h * 90);
    CHECK(result(read_duration, "1d2h3m4s5ms6us7ns") == 26h + 3min + 4s + 5ms + 6us + 7ns);
    CHECK(result(read_duration, "0s") == 0s);
    CHECK(result(read_duration, "\"5s\"") == 5s);
}

TEST_CASE("a duration is written exactly as to_text writes it") {
    for (const Duration d : {Duration{0s}, Duration{1500ms}, Duration{36h}, Duration{1ns}}) {
        CHECK(result(read_duration, to_text(d)) == d);
    }
}

TEST_CASE("what is no duration is refused with what to write") {
    CHECK(message(read_duration, "5") == "x: 5 has no unit, write 5s");
    CHECK(message(read_duration, "0") == "x: 0 has no unit, write 0s");
    CHECK(message(read_duration, "1h30") == "x: 1h30 has no unit, write 30s");
    CHECK(message(read_duration, "5 s") == "x: 5 s has a space in it, write 5s");
    CHECK(message(read_duration, "5sec") ==
          "x: 5sec has the unknown unit 'sec' (known: ns us ms s m h d)");
    CHECK(message(read_duration, "5S") ==
          "x: 5S has the unknown unit 'S' (known: ns us ms s m h d)");
    CHECK(message(read_duration, "05s") == "x: 05s begins with a zero, write 5s");
    CHECK(message(read_duration, "1.5s") == "x: 1.5s has a fraction, write 1s500ms");
    CHECK(message(read_duration, "0.25h") == "x: 0.25h has a fraction, write 15m");
    CHECK(message(read_duration, "1.5ns") == "x: 1.5ns has a fraction, write it in a smaller unit");
    CHECK(message(read_duration, "1.s") == "x: 1.s has a fraction, write it in a smaller unit");
    CHECK(message(read_duration, "-5s") == "x: -5s is negative; a duration cannot be");
    CHECK(message(read_duration, "30m1h") == "x: 30m1h must go from large units to small ones");
    CHECK(message(read_duration, "1s1s") == "x: 1s1s must go from large units to small ones");
    CHECK(message(read_duration, "soon") == "x: soon is not a duration such as 5s or 1h30m");
    CHECK(message(read_duration, "106752d") ==
          "x: 106752d is longer than can be counted (292 years)");
    CHECK(message(read_duration, "99999999999999999999s") ==
          "x: 99999999999999999999s is longer than can be counted (292 years)");
    CHECK(message(read_duration, "\"\"") ==
          "x: expected a duration such as 5s, found an empty text");
    CHECK(message(read_duration, "") == "x: expected a duration such as 5s, found nothing");
    CHECK(message(read_duration, "[5s]") == "x: expected a duration such as 5s, found a list");
    CHECK(message(read_duration, "{s: 5}") == "x: expected a duration such as 5s, found a mapping");
}

TEST_CASE("integers are plain decimal") {
    CHECK(result(read_integer, "0") == 0);
    CHECK(result(read_integer, "-17") == -17);
    CHECK(result(read_integer, "9223372036854775807") == INT64_MAX);
    CHECK(result(read_integer, "-9223372036854775808") == INT64_MIN);
}

TEST_CASE("what only looks like an integer is refused with what to write") {
    CHECK(message(read_integer, "010") == "x: 010 is not a plain decimal integer, write 10");
    CHECK(message(read_integer, "0x10") == "x: 0x10 is not a plain decimal integer, write 16");
    CHECK(message(read_integer, "0o17") == "x: 0o17 is not a plain decimal integer, write 15");
    CHECK(message(read_integer, "0b101") == "x: 0b101 is not a plain decimal integer, write 5");
    CHECK(message(read_integer, "1e3") == "x: 1e3 is not a plain decimal integer, write 1000");
    CHECK(message(read_integer, "-1e3") == "x: -1e3 is not a plain decimal integer, write -1000");
    CHECK(message(read_integer, "1_000") == "x: 1_000 is not a plain decimal integer, write 1000");
    CHECK(message(read_integer, "+5") == "x: +5 is not a plain decimal integer, write 5");
    CHECK(message(read_integer, "-0") == "x: -0 is not a plain decimal integer, write 0");
    CHECK(message(read_integer, "2.0") == "x: 2.0 is not a plain decimal integer, write 2");
    CHECK(message(read_integer, "2.5") == "x: 2.5 is not an integer");
    CHECK(message(read_integer, "0xZZ") == "x: 0xZZ is not an integer");
    CHECK(message(read_integer, "many") == "x: many is not an integer");
    CHECK(message(read_integer, "a\u00E4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") ==
          "x: a\u00E4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... is not an integer");
    CHECK(message(read_integer, "9223372036854775808") ==
          "x: 9223372036854775808 is too large for an integer");
    CHECK(message(read_integer, "'5'") == "x: '5' is text, write it without quotes");
    CHECK(message(read_integer, "") == "x: expected an integer, found nothing");
    CHECK(message(read_integer, "[1]") == "x: expected an integer, found a list");
}

TEST_CASE("numbers are decimal, with an exponent if need be") {
    CHECK(result(read_number, "0.25") == 0.25);
    CHECK(result(read_number, "-3") == -3);
    CHECK(result(read_number, "1e-3") == 0.001);
}

TEST_CASE("what only looks like a number is refused with what to write") {
    CHECK(message(read_number, ".5") == "x: .5 begins with a point, write 0.5");
    CHECK(message(read_number, "5.") == "x: 5. is not a plain decimal number, write 5");
    CHECK(message(read_number, "010") == "x: 010 is not a plain decimal number, write 10");
    CHECK(message(read_number, "0x10") == "x: 0x10 is not a plain decimal number, write 16");
    CHECK(message(read_number, ".inf") == "x: .inf is not a number");
    CHECK(message(read_number, "nan") == "x: nan is not a number");
    CHECK(message(read_number, "1e999") == "x: 1e999 is too large or too small for a number");
    CHECK(message(read_number, "\"0.5\"") == "x: '0.5' is text, write it without quotes");
    CHECK(message(read_number, "") == "x: expected a number, found nothing");
}

TEST_CASE("booleans are true and false and nothing else") {
    CHECK(result(read_bool, "true") == true);
    CHECK(result(read_bool, "false") == false);
    for (const char* yes : {"yes", "on", "True", "Y", "1"}) {
        CHECK(message(read_bool, yes) ==
              "x: " + std::string(yes) + " is not a boolean here, write true");
    }
    for (const char* no : {"no", "Off", "FALSE", "n", "0"}) {
        CHECK(message(read_bool, no) ==
              "x: " + std::string(no) + " is not a boolean here, write false");
    }
    CHECK(message(read_bool, "maybe") == "x: maybe is neither true nor false");
    CHECK(message(read_bool, "'true'") == "x: 'true' is text, write it without quotes");
    CHECK(message(read_bool, "") == "x: expected true or false, found nothing");
}

TEST_CASE("text keeps the spelling of the file") {
    CHECK(result(read_text, "010") == "010");
    CHECK(result(read_text, "yes") == "yes");
    CHECK(result(read_text, "\"\"") == "");
    CHECK(message(read_text, "") == "x: expected text, found nothing");
    CHECK(message(read_text, "~") == "x: expected text, found nothing");
    CHECK(message(read_text, "[a]") == "x: expected text, found a list");
    CHECK(message(read_text, "\"a\\0b\"") == "x: holds a NUL character, which no text here may");
}
