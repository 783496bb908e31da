#include "rules/base/yaml_words.h"

#include <doctest/doctest.h>

#include <array>

using namespace vc;

namespace {
constexpr std::array<std::string_view, 3> known{"every", "budget", "chargers"};
}

TEST_CASE("swapped, missing, wrong and added letters are forgiven") {
    for (const char* typo : {"chragers", "charger", "chargars", "cchargers"}) {
        CHECK(suggestion(typo, known) == " (did you mean 'chargers'?)");
    }
}

TEST_CASE("a word too far from all known ones gets the list") {
    CHECK(suggestion("deadline", known) == " (known: every, budget, chargers)");
    CHECK(suggestion(std::string(10'000, 'x'), known) == " (known: every, budget, chargers)");
    CHECK(suggestion("x", {}) == "");
}

TEST_CASE("what is shown of a text fits one line") {
    CHECK(shown("a\nb\tc") == "a\\nb?c");
    CHECK(shown(std::string(41, 'x')) == std::string(40, 'x') + "...");
    CHECK(shown(std::string(40, 'x')) == std::string(40, 'x'));
    CHECK(quoted("a") == "'a'");
}
