// Of kept legs that are up and of no use: given up, made again, and that not in a storm.
#include "tests/probes/amqp/world.h"

namespace vc {
namespace {

using namespace amqp_test;

void expect_reconnect(const Reconnect& seen, Direction half, Outcome outcome, bool planned) {
    CHECK(seen.channel == Channel::DL);
    CHECK(to_text(seen.direction) == to_text(half));
    CHECK(to_text(seen.outcome) == to_text(outcome));
    CHECK(seen.planned == planned);
}

// Attempts every second for so long; how many of them ended otherwise than well in its last half.
std::size_t failures_in_last_half(World& world, int seconds) {
    std::size_t before = 0;
    for (int i = 0; i < seconds; ++i) {
        if (i == seconds / 2) before = world.drive.seen.size();
        world.start();
        world.pass(1s);
    }
    std::size_t failed = 0;
    for (std::size_t i = before; i < world.drive.seen.size(); ++i)
        failed += world.drive.seen[i].outcome == Outcome::ok ? 0 : 1;
    return failed;
}

}  // namespace

TEST_CASE(
    "a receiver that nothing comes over is made anew, and that helps when only a new one does") {
    for (const bool completes : {true, false}) {
        World world;
        world.ready();
        world.peer(1).manners().deliver = !completes;
        world.peer(1).manners().complete = completes;
        CHECK(failures_in_last_half(world, 40) == 0);
        CHECK(world.drive.lines[0].opens == 1);
        CHECK(world.drive.lines[1].opens == 2);
        REQUIRE(world.drive.reconnects.size() == 2);
        expect_reconnect(world.drive.reconnects[0], Direction::recv, Outcome::timeout, false);
        CHECK(world.drive.reconnects[0].failed_phase ==
              (completes ? Phase::send_receive : Phase::complete_settle));
        CHECK(world.drive.reconnects[0].took == 8s);
        expect_reconnect(world.drive.reconnects[1], Direction::recv, Outcome::ok, false);
    }
}

TEST_CASE(
    "a sender over which nothing is settled is made anew, whose messages are not sent again") {
    World world;
    world.ready();
    world.peer(0).manners().settle = false;
    CHECK(failures_in_last_half(world, 40) == 0);
    CHECK(world.drive.lines[0].opens == 2);
    CHECK(world.drive.lines[1].opens == 1);
    REQUIRE(world.drive.reconnects.size() == 2);
    expect_reconnect(world.drive.reconnects[0], Direction::send, Outcome::timeout, false);
    CHECK(world.drive.reconnects[0].failed_phase == Phase::send_settle);
    CHECK(world.store.sequences == 41);
}

TEST_CASE("a leg that falls silent is made anew without anybody's help") {
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        World world;
        world.ready();
        world.peer(leg).manners().fault_at = leg == 0 ? Phase::send_settle : Phase::send_receive;
        CHECK(failures_in_last_half(world, 40) == 0);
        CHECK(world.drive.lines[leg].opens == 2);
    }
}

TEST_CASE("a sender that has no credit for three budgets is made anew") {
    AmqpManners poor;
    poor.grant = 5;
    World world;
    world.its[0] = poor;
    for (int i = 0; i < 5; ++i)
        world.ready();
    world.its[0].reset();
    world.drive.start(Channel::DL, 2s);
    world.pass(6s - 1ns);
    CHECK(world.drive.lines[0].opens == 1);
    CHECK(world.drive.none());
    world.pass(1ns);
    world.expect(Outcome::timeout, Phase::credit, Direction::send);
    REQUIRE_FALSE(world.drive.reconnects.empty());
    expect_reconnect(world.drive.reconnects[0], Direction::send, Outcome::timeout, false);
    CHECK(world.drive.reconnects[0].failed_phase == Phase::credit);
    world.ready();
    CHECK(world.drive.lines[0].opens == 2);
}

TEST_CASE("a broker that stays sick is not stormed with connections") {
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        World world;
        world.manners.grant = 1000;
        world.ready();
        world.manners.settle = world.peer(0).manners().settle = leg != 0;
        world.manners.deliver = world.peer(1).manners().deliver = leg == 0;
        failures_in_last_half(world, 600);
        CHECK(world.drive.lines[leg].opens > 10);
        CHECK(world.drive.lines[leg].opens < 61);
        CHECK(world.drive.lines[1 - leg].opens == 1);
    }
}

TEST_CASE("answers that come now and then keep a leg") {
    World world;
    world.ready();
    for (int i = 0; i < 10; ++i) {
        world.peer(1).manners().deliver = false;
        world.start();
        world.start();
        world.pass(6s);
        world.peer(1).manners().deliver = true;
        world.flow();
    }
    CHECK(world.drive.lines[1].opens == 1);
}

TEST_CASE("closes and detaches that are announced again and again are resets") {
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        for (const bool detach : {true, false}) {
            World world;
            world.ready();
            const auto announce = [&](Outcome outcome) {
                world.peer(0).manners().settle = leg != 0;
                world.peer(1).manners().deliver = false;
                world.start();
                if (detach) world.peer(leg).detach(leg == 0, "amqp:link:detach-forced");
                if (!detach) world.peer(leg).close("amqp:connection:forced");
                world.flow();
                world.peer(0).manners().settle = true;
                world.peer(1).manners().deliver = true;
                world.flow();
                world.pass(6s);
                const bool ok = outcome == Outcome::ok;
                world.expect(outcome,
                             ok         ? Phase::none
                             : leg == 0 ? Phase::send_settle
                                        : Phase::send_receive,
                             ok         ? Direction::none
                             : leg == 0 ? Direction::send
                                        : Direction::recv);
                REQUIRE_FALSE(world.drive.reconnects.empty());
                CHECK(world.drive.reconnects.back().planned == ok);
                world.ready();
            };
            announce(Outcome::ok);
            announce(Outcome::ok);
            announce(Outcome::reset);
            announce(Outcome::reset);
            // An hour later it is housekeeping again.
            world.pass(1h);
            world.ready();
            announce(Outcome::ok);
        }
    }
}

TEST_CASE("what is idle may be closed as often as the peer likes") {
    for (const bool detach : {true, false}) {
        World world;
        world.ready();
        for (int i = 0; i < 10; ++i) {
            world.pass(5min);
            if (detach) world.peer(1).detach(false, "amqp:link:detach-forced", "IdleTimerExpired");
            if (!detach) world.peer(1).close("amqp:connection:forced");
            world.flow();
            world.ready();
        }
        CHECK(world.drive.reconnects.size() == 10);
        for (const Reconnect& seen : world.drive.reconnects)
            expect_reconnect(seen, Direction::recv, Outcome::ok, true);
    }
}

TEST_CASE("a peer that closes every connection as soon as it is made is seen failing") {
    World world;
    world.ready();
    std::size_t resets = 0;
    for (int i = 0; i < 20; ++i) {
        for (const Leg leg : {Leg{0}, Leg{1}}) {
            if (world.drive.lines[leg].up) world.peer(leg).close("amqp:connection:forced");
        }
        world.drive.start(Channel::DL, 2s);
        world.pass(1s);
    }
    world.pass(10s);
    for (const Observation& seen : world.drive.seen)
        resets += seen.outcome == Outcome::reset ? 1 : 0;
    CHECK(resets >= 5);
}

}  // namespace vc
