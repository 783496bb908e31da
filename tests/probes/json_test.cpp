#include "probes/json.h"

#include <doctest/doctest.h>

namespace vc {

TEST_CASE("every kind is read, and found by its path") {
    const auto json =
        parse_json(R"({"a":{"b":{"c":"text"}},"n":-5,"big":18446744073709551615,"half":0.5,)"
                   R"("t":true,"z":null,"l":[1,2]})");
    REQUIRE(json);
    CHECK(json->text_at("a.b.c") == "text");
    CHECK(json->integer_at("n") == -5);
    CHECK_FALSE(json->integer_at("big"));
    CHECK(json->at("half")->number == 0.5);
    CHECK(json->at("t")->boolean);
    CHECK(json->at("z")->kind == Json::Kind::null);
    CHECK(json->at("l")->items.size() == 2);
    CHECK(json->at("a.b.d") == nullptr);
    CHECK(json->at("n.x") == nullptr);
    CHECK_FALSE(json->text_at("n"));
    CHECK_FALSE(json->integer_at("a"));
}

TEST_CASE("what is no JSON, or nests too deep, is refused with a reason") {
    for (const std::string& text :
         {std::string(), std::string("{"), std::string("[1,]"), std::string("\"\xff\""),
          std::string(40, '['), std::string("{} {}")}) {
        const auto json = parse_json(text);
        REQUIRE_FALSE(json);
        CHECK(json.error().message.starts_with("not JSON: "));
    }
}

TEST_CASE("a quoted text reads back as itself") {
    const std::string text = "a \"quote\", a \\ and a\nline";
    CHECK(parse_json(json_quoted(text))->text == text);
}

}  // namespace vc
