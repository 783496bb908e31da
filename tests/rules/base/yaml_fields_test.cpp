#include <doctest/doctest.h>

#include <array>

#include "rules/base/yaml.h"

using namespace vc;
using namespace std::chrono_literals;

namespace {

enum class Colour : std::uint8_t { red, green };
constexpr std::array<std::pair<std::string_view, Colour>, 2> colours{
    {{"red", Colour::red}, {"green", Colour::green}}};

// Reads `text` with `read` and gives every error, one per line.
template <class Read>
std::string errors_of(std::string_view text, Read read, const std::string& what = "probe") {
    Errors errors;
    const auto root = parse_yaml(text, "f", errors);
    REQUIRE(root.has_value());
    Fields fields(*root, what, errors);
    read(fields);
    fields.finish();
    std::string out;
    for (const Error& error : errors) {
        if (!out.empty()) out += '\n';
        out += to_text(error);
    }
    return out;
}

}  // namespace

TEST_CASE("keys that are present replace defaults, absent ones leave them") {
    Duration every = 1s, budget = 2s;
    std::uint32_t attempts = 3;
    double share = 0.5;
    bool on = false;
    std::string name = "none";
    std::vector<std::string> list;
    Colour colour = Colour::red;
    CHECK(errors_of("{every: 5s, attempts: 7, on: true, name: n, list: [a, b], colour: green}",
                    [&](Fields& f) {
                        f.duration("every", every);
                        f.duration("budget", budget);
                        f.integer("attempts", attempts);
                        f.number("share", share);
                        f.boolean("on", on);
                        f.text("name", name);
                        f.texts("list", list);
                        f.choice("colour", colour, colours);
                    }) == "");
    CHECK(every == 5s);
    CHECK(budget == 2s);
    CHECK(attempts == 7);
    CHECK(share == 0.5);
    CHECK(on);
    CHECK(name == "n");
    CHECK(list == std::vector<std::string>{"a", "b"});
    CHECK(colour == Colour::green);
}

TEST_CASE("a wrong value leaves the default in place") {
    Duration every = 1s;
    CHECK(errors_of("every: 5", [&](Fields& f) { f.duration("every", every); }) ==
          "f:1:8: every: 5 has no unit, write 5s");
    CHECK(every == 1s);
}

TEST_CASE("all errors are collected") {
    Duration every{}, budget{};
    std::uint32_t attempts = 0;
    CHECK(errors_of("every: 5\nbudget: x\nattempst: 1\n",
                    [&](Fields& f) {
                        f.duration("every", every);
                        f.duration("budget", budget);
                        f.integer("attempts", attempts, Need::required);
                    }) ==
          "f:1:8: every: 5 has no unit, write 5s\n"
          "f:2:9: budget: x is not a duration such as 5s or 1h30m\n"
          "f:1:1: 'attempts' is missing in probe\n"
          "f:3:1: unknown key 'attempst' in probe (did you mean 'attempts'?)");
}

TEST_CASE("values out of range name the nearest allowed one") {
    Duration d{};
    std::uint8_t n = 0;
    double x = 0;
    const auto read = [&](Fields& f) {
        f.duration("d", d, Need::optional, {100ms, 1h});
        f.integer("n", n, Need::optional, {1, 16});
        f.number("x", x, Need::optional, {0.25, 1});
    };
    CHECK(errors_of("{d: 99ms, n: 0, x: 0.2}", read) ==
          "f:1:5: d: 99ms is too short, at least 100ms\n"
          "f:1:14: n: 0 is too small, at least 1\n"
          "f:1:20: x: 0.2 is too small, at least 0.25");
    CHECK(errors_of("{d: 61m, n: 17, x: 1.5}", read) ==
          "f:1:5: d: 1h1m is too long, at most 1h\n"
          "f:1:13: n: 17 is too large, at most 16\n"
          "f:1:20: x: 1.5 is too large, at most 1");
    CHECK(d == 0s);
    CHECK(n == 0);
    CHECK(x == 0);
}

TEST_CASE("an unknown key names the nearest known one, or all of them") {
    Duration every{};
    const auto read = [&](Fields& f) {
        f.duration("every", every);
        f.duration("budget", every);
        f.child("every");
    };
    CHECK(errors_of("evrey: 1s", read) ==
          "f:1:1: unknown key 'evrey' in probe (did you mean 'every'?)");
    CHECK(errors_of("colour: 1s", read) ==
          "f:1:1: unknown key 'colour' in probe (known: every, budget)");
    CHECK(errors_of("colour: 1s", [](Fields&) {}) == "f:1:1: unknown key 'colour' in probe");
    CHECK(errors_of(
              "colour: 1s", [](Fields&) {}, "") == "f:1:1: unknown key 'colour'");
}

TEST_CASE("a missing key is reported where the mapping stands") {
    Errors errors;
    const auto root = parse_yaml("a:\n  b: 1\n", "f", errors);
    Fields fields(root->fields[0].value, "a", errors);
    CHECK(fields.child("c", Need::required) == nullptr);
    CHECK(fields.child("b") != nullptr);
    REQUIRE(errors.size() == 1);
    CHECK(to_text(errors[0]) == "f:2:3: 'c' is missing in a");
}

TEST_CASE("a mapping at the root has no name in messages") {
    CHECK(errors_of(
              "", [](Fields& f) { f.child("a", Need::required); }, "") == "f:1:1: 'a' is missing");
}

TEST_CASE("what is no mapping is said once, and its keys are not asked for") {
    CHECK(errors_of("[a]", [](Fields& f) { f.child("a", Need::required); }) ==
          "f:1:1: probe: expected a mapping, found a list");
    CHECK(errors_of(
              "a", [](Fields&) {}, "") == "f:1:1: expected a mapping, found text");
    CHECK(errors_of("", [](Fields&) {}) == "");
}

TEST_CASE("a list of texts is a list, and of texts") {
    std::vector<std::string> list{"default"};
    const auto read = [&](Fields& f) { f.texts("list", list); };
    CHECK(errors_of("list: a", read) == "f:1:7: list: expected a list, write [a]");
    CHECK(errors_of("list: {a: 1}", read) == "f:1:7: list: expected a list, found a mapping");
    CHECK(errors_of("list:", read) == "f:1:1: list: expected a list, found nothing");
    CHECK(errors_of("list: [a, [b], {c: d}]", read) ==
          "f:1:11: list: expected text, found a list\n"
          "f:1:16: list: expected text, found a mapping");
    CHECK(list == std::vector<std::string>{"default"});
    CHECK(errors_of("list: []", read) == "");
    CHECK(list.empty());
}

TEST_CASE("a word outside a closed list is refused with the nearest one") {
    Colour colour = Colour::red;
    const auto read = [&](Fields& f) { f.choice("colour", colour, colours); };
    CHECK(errors_of("colour: gren", read) ==
          "f:1:9: colour: unknown value 'gren' (did you mean 'green'?)");
    CHECK(errors_of("colour: violet", read) ==
          "f:1:9: colour: unknown value 'violet' (known: red, green)");
    CHECK(errors_of("colour: [red]", read) == "f:1:9: colour: expected text, found a list");
    CHECK(colour == Colour::red);
}
