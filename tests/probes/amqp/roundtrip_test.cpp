#include "probes/amqp/roundtrip.h"

#include <doctest/doctest.h>

namespace vc {

using Arrival = Roundtrip::Arrival;

TEST_CASE("a token comes back once, and again only as a duplicate or redelivered") {
    Roundtrip roundtrip("run");
    const auto number = roundtrip.issue();
    CHECK(roundtrip.body(number) == "voltcanary run 1");
    const auto first = roundtrip.received(roundtrip.body(number), 1);
    CHECK(first.arrival == Arrival::first);
    CHECK(first.number == number);
    CHECK(roundtrip.received(roundtrip.body(number), 1).arrival == Arrival::duplicate);
    CHECK(roundtrip.received(roundtrip.body(number), 2).arrival == Arrival::redelivered);
}

TEST_CASE("a token that was given up comes late, and later tokens tell that it was overtaken") {
    Roundtrip roundtrip("run");
    const auto one = roundtrip.issue();
    const auto two = roundtrip.issue();
    CHECK_FALSE(roundtrip.overtaken(one));
    roundtrip.received(roundtrip.body(two), 1);
    CHECK(roundtrip.overtaken(one));
    CHECK_FALSE(roundtrip.overtaken(two));
    roundtrip.give_up(one);
    CHECK(roundtrip.received(roundtrip.body(one), 1).arrival == Arrival::late);
    CHECK(roundtrip.received(roundtrip.body(one), 1).arrival == Arrival::duplicate);
}

TEST_CASE("what was completed and comes again is a duplicate over any link") {
    Roundtrip roundtrip("run");
    const auto number = roundtrip.issue();
    roundtrip.received(roundtrip.body(number), 1);
    roundtrip.complete(number);
    CHECK(roundtrip.received(roundtrip.body(number), 2).arrival == Arrival::duplicate);
}

TEST_CASE("order is kept by lanes of their own") {
    Roundtrip roundtrip("run");
    const auto one = roundtrip.issue(0);
    const auto other = roundtrip.issue(1);
    const auto two = roundtrip.issue(0);
    CHECK_FALSE(roundtrip.received(roundtrip.body(two), 1).out_of_order);
    CHECK(roundtrip.overtaken(one));
    CHECK_FALSE(roundtrip.overtaken(other));
    CHECK(roundtrip.received(roundtrip.body(one), 1).out_of_order);
    CHECK_FALSE(roundtrip.received(roundtrip.body(other), 1).out_of_order);
}

TEST_CASE("what is not ours, of another run or forgotten is foreign") {
    Roundtrip roundtrip("run");
    for (int i = 0; i < 1025; ++i)
        roundtrip.issue();
    for (const char* body : {"", "hello", "voltcanary other 1", "voltcanary run", "voltcanary run ",
                             "voltcanary run x", "voltcanary run 5x", "voltcanary run 1",
                             "voltcanary run 9999", "voltcanary run -1"}) {
        CHECK(roundtrip.received(body, 1).arrival == Arrival::foreign);
    }
    CHECK(roundtrip.received("voltcanary run 2", 1).arrival == Arrival::first);
}

}  // namespace vc
