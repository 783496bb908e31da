#include "daemon/hooks/text.h"

#include <doctest/doctest.h>

namespace vc {

TEST_CASE("facts become one JSON object and one environment") {
    const std::vector<HookFact> facts{{"epoch", "7", true}, {"idempotency_key", "7.1.x", false}};
    CHECK(to_json(facts) == "{\"epoch\":7,\"idempotency_key\":\"7.1.x\"}");
    CHECK(to_environment(facts) ==
          std::vector<std::string>{"VOLTCANARY_EPOCH=7", "VOLTCANARY_IDEMPOTENCY_KEY=7.1.x"});
    CHECK(to_json({}) == "{}");
}

TEST_CASE("JSON texts are escaped, and what is not UTF-8 is replaced") {
    CHECK(to_json({{"a", "\"\\\n\x01\xc3\xa9", false}}) ==
          "{\"a\":\"\\\"\\\\\\u000a\\u0001\xc3\xa9\"}");
    CHECK(to_json({{"a", "x\xff\xc3", false}}) == "{\"a\":\"x\\ufffd\\ufffd\"}");
    // Overlong, a surrogate, beyond the last character.
    CHECK(to_json({{"a", "\xc0\xaf", false}}) == "{\"a\":\"\\ufffd\\ufffd\"}");
    CHECK(to_json({{"a", "\xed\xa0\x80", false}}) == "{\"a\":\"\\ufffd\\ufffd\\ufffd\"}");
    CHECK(to_json({{"a", "\xf4\x90\x80\x80", false}}) ==
          "{\"a\":\"\\ufffd\\ufffd\\ufffd\\ufffd\"}");
    CHECK(to_json({{"a", "\xf0\x9f\x94\x8c", false}}) == "{\"a\":\"\xf0\x9f\x94\x8c\"}");
}

TEST_CASE("output becomes one harmless line, its end kept") {
    CHECK(one_line("  a\nb\tc\r\n\n", 100, {}) == "a | b c");
    CHECK(one_line("\x1b[2Jx\xff", 100, {}) == "?[2Jx?");
    CHECK(one_line("0123456789", 4, {}) == "6789");
    CHECK(one_line("", 4, {}).empty());
    CHECK(one_line("\n \n", 4, {}).empty());
    // Never half a character.
    CHECK(one_line("a\xc3\xa9z", 2, {}) == "z");
}

TEST_CASE("secrets do not come through, wherever and however often they are said") {
    CHECK(one_line("token=hunter2 and hunter2", 100, {"hunter2"}) == "token=*** and ***");
    CHECK(one_line("hunter2", 3, {"hunter2"}) == "***");
    CHECK(one_line("a b", 100, {"a"}) == "a b");
    // A secret that would find itself again.
    CHECK(one_line("********", 100, {"****"}) == "******");
}

}  // namespace vc
