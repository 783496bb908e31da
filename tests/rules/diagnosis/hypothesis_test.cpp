#include "rules/diagnosis/hypothesis.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

Hypothesis row(std::string name, std::string variant = "", Remedy remedy = Remedy::page) {
    Hypothesis out;
    out.name = std::move(name);
    out.variant = std::move(variant);
    out.remedy = remedy;
    out.prior = 0.1;
    return out;
}

std::vector<std::string> problems(const std::vector<Hypothesis>& rows) {
    Errors errors;
    check_hypotheses(rows, errors);
    std::vector<std::string> out;
    for (const Error& error : errors)
        out.push_back(error.message);
    return out;
}

TEST_CASE("a catalogue needs one healthy and one unknown row") {
    CHECK(problems({row("healthy"), row("unknown")}).empty());
    CHECK(
        problems({row("unknown")}) ==
        std::vector<std::string>{"hypotheses: exactly one must be called 'healthy', there are 0"});
    CHECK(
        problems({row("healthy"), row("unknown"), row("unknown", "b")}) ==
        std::vector<std::string>{"hypotheses: exactly one must be called 'unknown', there are 2"});
}

TEST_CASE("two rows of one name and variant, or with different remedies, are refused") {
    CHECK(problems({row("healthy"), row("unknown"), row("x", "a"), row("x", "a")}) ==
          std::vector<std::string>{"hypotheses: two are called 'x (a)'"});
    CHECK(problems({row("healthy"), row("unknown"), row("x"), row("x", "b", Remedy::hold)}) ==
          std::vector<std::string>{"hypotheses: 'x' and 'x (b)' are one diagnosis but have "
                                   "different remedies"});
}

}  // namespace
}  // namespace vc
