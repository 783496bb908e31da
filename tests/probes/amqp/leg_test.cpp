#include "probes/amqp/leg.h"

#include <doctest/doctest.h>

#include "tests/probes/amqp_peer.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{500'000h};

ConnectResult connected() {
    ConnectResult result;
    result.phases = {{Phase::dns, 2ms}, {Phase::tcp, 1ms}};
    return result;
}

}  // namespace

TEST_CASE("a leg asks for its connection, uses it and gives it back") {
    AmqpConnectionOptions options;
    options.container_id = "c";
    AmqpLeg leg(options);
    CHECK(leg.down());
    leg.open(start, 3s);
    const LegOutput asked = leg.take_output();
    CHECK(asked.connection == Want::open);
    CHECK(asked.connect_within == 3s);
    CHECK(leg.take_output().connection == Want::keep);
    CHECK_FALSE(leg.on_connect(connected(), start));
    REQUIRE(leg.up());
    AmqpStore store;
    AmqpPeer peer({}, store);
    const auto use = leg.connection().add(AmqpUse::send, "q", start);
    for (int i = 0; i < 5; ++i) {
        peer.receive(leg.take_output().bytes);
        leg.on_bytes(peer.take_bytes(), start);
    }
    CHECK(leg.connection().ready(use));
    CHECK(peer.container() == "c-1");
    CHECK(leg.phases(use).front().phase == Phase::dns);
    CHECK(leg.phases(use).back().phase == Phase::credit);
    const std::uint64_t link = leg.link(leg.connection().link(use));
    leg.connection().close();
    leg.close();
    const LegOutput last = leg.take_output();
    CHECK(last.connection == Want::close);
    CHECK_FALSE(last.bytes.empty());
    leg.on_bytes("ignored", start);
    leg.on_close();
    CHECK(leg.down());
    // Its next connection has another name, and another link.
    leg.open(start, 3s);
    leg.on_connect(connected(), start);
    leg.connection().add(AmqpUse::send, "q", start);
    CHECK(leg.link(leg.connection().link(use)) != link);
}

TEST_CASE("a try that failed says how, and the leg is down again") {
    AmqpLeg leg({});
    leg.open(start, 3s);
    ConnectResult refused = connected();
    refused.outcome = Outcome::refused;
    refused.phase = Phase::tcp;
    const auto end = leg.on_connect(refused, start);
    REQUIRE(end);
    CHECK(end->outcome == Outcome::refused);
    CHECK(end->phase == Phase::tcp);
    CHECK(leg.down());
    CHECK(leg.phases(0).size() == 2);
    CHECK_FALSE(leg.wake_at());
}

TEST_CASE("a leg that is still connecting can be given up") {
    AmqpLeg leg({});
    leg.open(start, 3s);
    leg.close();
    const LegOutput out = leg.take_output();
    CHECK(out.connection == Want::close);
    CHECK_FALSE(out.connect_within);
    CHECK(leg.state() == AmqpLeg::State::closing);
}

}  // namespace vc
