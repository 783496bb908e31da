#include "tests/lab/servicebus/amqp_value.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/lab/random.h"

namespace vc::lab::servicebus {
namespace {

Value back(const Value& value) {
    std::string bytes;
    put_value(bytes, value);
    std::string_view rest = bytes;
    auto read = take_value(rest);
    REQUIRE(read);
    CHECK(rest.empty());
    std::string_view again = bytes;
    CHECK(take_raw(again) == std::string_view(bytes));
    return *read;
}

TEST_CASE("every kind of value comes back as it was written") {
    Value everything = map();
    everything.add("null", {});
    everything.add("yes", boolean(true));
    everything.add("int", int_value(-7));
    everything.add("far", int_value(std::numeric_limits<std::int32_t>::min()));
    everything.add("uint", uint_value(4'000'000'000));
    everything.add("long", long_value(std::numeric_limits<std::int64_t>::min()));
    everything.add("ulong", ulong_value(std::numeric_limits<std::uint64_t>::max()));
    everything.add("when", timestamp(1'700'000'000'123));
    everything.add("id", uuid({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}));
    everything.add("bytes", binary(std::string("\0\xff", 2)));
    everything.add("long text", string(std::string(1000, 'x')));
    everything.add("symbol", symbol("com.microsoft:timeout"));
    everything.add("list", list({int_value(1), string("b"), list()}));
    everything.add("array", array({long_value(1), long_value(300)}));
    everything.add("uuids", array({uuid({1}), uuid({2})}));
    everything.add("texts", array({string("a"), string("bb")}));
    everything.add("nothing", array({}));
    everything.add("filter", described(0x1370000007, list()));
    Value real;
    real.type = Type::Double;
    real.real = 0.1;
    everything.add("real", real);
    CHECK(back(everything) == everything);
    CHECK(back(everything).find("uint")->number == 4'000'000'000);
    CHECK(back(everything).find("missing") == nullptr);
}

TEST_CASE("bytes that are cut off, too long or nested without end are no value") {
    std::string bytes;
    put_value(bytes, list({string("abc"), map(), array({int_value(5)})}));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        std::string_view part(bytes.data(), size);
        CHECK_FALSE(take_value(part));
        CHECK(part.size() == size);
    }
    std::string deep(2'000'000, '\0');
    std::string_view rest = deep;
    CHECK_FALSE(take_value(rest));
    CHECK_FALSE(take_raw(rest));
    std::string_view many("\xd0\x00\x00\x00\x04\xff\xff\xff\xff", 9);
    CHECK_FALSE(take_value(many));
    std::string_view nulls("\xf0\x00\x00\x00\x05\x7f\xff\xff\xff\x40", 10);
    CHECK_FALSE(take_value(nulls));
}

TEST_CASE("no bytes make the reader fail otherwise than by saying so") {
    Random random(7, "values");
    int understood = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes;
        const int size = 1 + static_cast<int>(random.ratio() * 40);
        for (int i = 0; i < size; ++i)
            bytes.push_back(static_cast<char>(random.ratio() * 256));
        std::string_view rest = bytes;
        if (const auto value = take_value(rest)) {
            ++understood;
            std::string again;
            put_value(again, *value);
        }
    }
    CHECK(understood > 100);
    CHECK(understood < 20'000);
}

}  // namespace
}  // namespace vc::lab::servicebus
