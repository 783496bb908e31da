#include "probes/amqp/peek.h"

#include <doctest/doctest.h>

#include "tests/probes/amqp_peer.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{500'000h};

// A peek at a queue of some messages, carried through.
struct Talk {
    Talk(bool whole, int messages, AmqpManners manners = {})
        : peek("q", whole), peer(std::move(manners), store) {
        for (int i = 1; i <= messages; ++i)
            store.put("q", "message " + std::to_string(i));
        leg.open(start, 3s);
        leg.on_connect({}, start);
        for (int i = 0; i < 60 && !peek.end(); ++i) {
            peek.step(leg, start);
            peer.receive(leg.take_output().bytes);
            leg.on_bytes(peer.take_bytes(), start);
        }
    }

    AmqpLeg leg{AmqpConnectionOptions{}};
    AmqpStore store;
    Peek peek;
    AmqpPeer peer;
};

}  // namespace

TEST_CASE("the first page alone is looked at, and closed in order") {
    const Talk empty(false, 0);
    REQUIRE(empty.peek.end());
    CHECK(empty.peek.end()->outcome == Outcome::ok);
    CHECK(empty.peek.complete());
    const Talk full(false, 5);
    CHECK(full.peek.bodies().size() == 5);
    CHECK(full.peer.requests() == 1);
    CHECK(full.peek.phases(full.leg).back().phase == Phase::close);
}

TEST_CASE("the whole queue is looked at in pages, as far as is sensible") {
    AmqpManners manners;
    manners.peek_most = 3;
    const Talk whole(true, 7, manners);
    REQUIRE(whole.peek.end());
    CHECK(whole.peek.complete());
    CHECK(whole.peek.bodies().size() == 7);
    CHECK(whole.peer.requests() == 4);
    manners.peek_most = 1;
    const Talk long_queue(true, 100, manners);
    CHECK(long_queue.peek.end()->outcome == Outcome::ok);
    CHECK_FALSE(long_queue.peek.complete());
    CHECK(long_queue.peer.requests() == 8);
}

TEST_CASE("what goes wrong ends it where it is") {
    const auto end = [](AmqpManners manners) { return Talk(false, 1, manners).peek.end(); };
    AmqpManners manners;
    manners.refuse_sender = "amqp:not-found";
    CHECK(end(manners)->outcome == Outcome::misconfigured);
    CHECK(end(manners)->phase == Phase::attach_send);
    manners = {};
    manners.peek_garbage = true;
    CHECK(end(manners)->outcome == Outcome::protocol);
    CHECK(Talk(false, 1, manners).peek.broke_protocol());
    manners = {};
    manners.attach_receiver = false;
    const Talk stalled(false, 1, manners);
    CHECK_FALSE(stalled.peek.end());
    CHECK(stalled.peek.phase(stalled.leg) == Phase::attach_recv);
    CHECK(stalled.peek.since(stalled.leg) == start);
}

}  // namespace vc
