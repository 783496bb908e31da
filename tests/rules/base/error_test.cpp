#include "rules/base/error.h"

#include <doctest/doctest.h>

using namespace vc;

TEST_CASE("an error begins with as much of its place as is known") {
    CHECK(to_text(Error{{"f.yaml", 7, 13}, "no"}) == "f.yaml:7:13: no");
    CHECK(to_text(Error{{"f.yaml", 0, 0}, "no"}) == "f.yaml: no");
    CHECK(to_text(Error{{}, "no"}) == "no");
}

TEST_CASE("a failure is an error from no file") {
    const Result<int> result = failure("disk full");
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error() == Error{{}, "disk full"});
}
