#include "probes/ocpp/frame.h"

#include <doctest/doctest.h>

#include "probes/random.h"

namespace vc {

TEST_CASE("a call, a result and an error are read") {
    const auto call = parse_frame(R"([2,"7","Reset",{"type":"Soft"}])");
    REQUIRE(call);
    CHECK(call->kind == FrameKind::call);
    CHECK(call->id == "7");
    CHECK(call->action == "Reset");
    CHECK(call->payload.text_at("type") == "Soft");
    const auto result = parse_frame(R"([3,"8",{"status":"Accepted"}])");
    REQUIRE(result);
    CHECK(result->kind == FrameKind::result);
    CHECK(result->payload.text_at("status") == "Accepted");
    const auto error = parse_frame(R"([4,"9","InternalError","oh",{}])");
    REQUIRE(error);
    CHECK(error->kind == FrameKind::error);
    CHECK(error->code == "InternalError");
    CHECK(error->description == "oh");
}

TEST_CASE("what we write, we read") {
    CHECK(parse_frame(call_text("a\"b", "Heartbeat", "{}"))->id == "a\"b");
    CHECK(parse_frame(result_text("1", R"({"x":1})"))->payload.integer_at("x") == 1);
    CHECK(parse_frame(error_text("1", "NotImplemented", "no"))->code == "NotImplemented");
}

TEST_CASE("what peers are seen to do is tolerated") {
    CHECK(parse_frame(R"([3,"8",null])")->payload.kind == Json::Kind::object);
    CHECK(parse_frame(R"([3,"8"])")->payload.kind == Json::Kind::object);
    CHECK(parse_frame(R"([4,"9"])")->code.empty());
    CHECK(parse_frame(R"([2,"7","Reset"])")->action == "Reset");
    CHECK(parse_frame(R"([3,"8",{},1,2,3])"));
    CHECK(parse_frame(R"([6,"8","Event",{}])")->kind == FrameKind::ignored);
    CHECK(parse_frame(R"([99])")->kind == FrameKind::ignored);
}

TEST_CASE("what is broken says how, and for a call to whom to answer") {
    const auto reason = [](std::string_view text) { return parse_frame(text).error().reason; };
    CHECK(reason("{}") == "not a JSON array");
    CHECK(reason("[]") == "not a JSON array");
    CHECK(reason("nonsense").starts_with("not JSON: "));
    CHECK(reason(R"(["2","7","Reset",{}])") == "the message type is no integer");
    CHECK(reason(R"([3,7,{}])") == "the message id is no text");
    CHECK(reason(R"([3,")" + std::string(256, 'x') + R"(",{}])") ==
          "the message id has more than 255 characters");
    CHECK(reason(R"([2,"7",5,{}])") == "the action is no text");
    CHECK(reason(R"([3,"7",[]])") == "the payload is no object");
    CHECK(reason("[2," + std::string(70'000, ' ') + "]") == "a message of more than 64 KiB");
    const auto call = parse_frame(R"([2,"7","Reset",5])");
    REQUIRE_FALSE(call);
    CHECK(call.error().reason == "the payload is no object");
    CHECK(call.error().id == "7");
    CHECK(call.error().is_call);
}

TEST_CASE("no text can crash the reader") {
    Random random(7);
    const std::string good =
        R"([2,"id-17","StartTransaction",{"connectorId":1,"x":[1,{"y":null}]}])";
    int read = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = good;
        const std::size_t changes = random.next() % 5;
        for (std::size_t i = 0; i < changes; ++i) {
            text[random.next() % text.size()] = static_cast<char>(random.next());
        }
        text.resize(random.next() % (text.size() + 1));
        if (round % 7 == 0) text = good;
        if (parse_frame(text)) ++read;
    }
    CHECK(read > 2000);
}

}  // namespace vc
