// What a charger's session leaves behind: nothing, whatever happens to it.
#include <doctest/doctest.h>

#include "tests/probes/ocpp/world.h"

namespace vc {

using namespace std::chrono_literals;
using ocpp_test::World;

TEST_CASE("a transaction whose stop is never answered is stopped again when the line is free") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    world.start_transaction(9);
    world.call();
    world.drive.pass(30s);
    world.expect(Outcome::timeout, Phase::call);
    const Frame again = world.call();
    CHECK(again.action == "StopTransaction");
    CHECK(again.payload.integer_at("transactionId") == 9);
    CHECK_FALSE(world.drive.session->idle());
    world.answer(again, "{}");
    CHECK(world.drive.session->idle());
    CHECK(world.drive.session->counters().cleanups == 1);
}

TEST_CASE("a transaction that is open when the connection breaks is stopped when it is back") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    world.start_transaction(10);
    world.call();
    world.drive.lose();
    world.expect(Outcome::reset, Phase::call);
    world.connect();
    const Frame stop = world.call();
    CHECK(stop.payload.integer_at("transactionId") == 10);
    world.answer(stop, "{}");
    CHECK(world.drive.session->idle());
}

TEST_CASE("a start answered after its timeout leads to a stop") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    const Frame start = world.call();
    world.drive.pass(30s);
    world.expect(Outcome::timeout, Phase::call);
    world.answer(start, R"({"transactionId":12,"idTagInfo":{"status":"Accepted"}})");
    const Frame stop = world.call();
    CHECK(stop.action == "StopTransaction");
    CHECK(stop.payload.integer_at("transactionId") == 12);
    world.answer(stop, "{}");
    CHECK(world.drive.session->idle());
}

TEST_CASE("measuring goes before cleaning up") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    world.start_transaction(13);
    world.call();
    world.drive.start(Channel::HB, 15s);
    world.drive.pass(30s);
    world.expect(Outcome::timeout, Phase::call);
    CHECK(world.call().action == "Heartbeat");
}

TEST_CASE("stop abandons attempts, stops the transaction, closes in order and is idle") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    world.drive.start(Channel::HB, 5s);
    world.start_transaction(14);
    world.call();
    world.drive.stop();
    CHECK(world.drive.seen.size() == 3);
    for (std::size_t i = 1; i < 3; ++i)
        CHECK(world.drive.seen[i].outcome == Outcome::abandoned);
    world.drive.look_at_all();
    CHECK_FALSE(world.drive.session->idle());
    CHECK_FALSE(world.drive.closing);
    const Frame stop = world.call();
    CHECK(stop.payload.integer_at("transactionId") == 14);
    world.answer(stop, "{}");
    CHECK(world.drive.closing);
    world.drive.close();
    CHECK(world.drive.session->idle());
    world.drive.start(Channel::HB, 5s);
    world.expect(Outcome::abandoned, Phase::none);
    CHECK_FALSE(world.drive.wanted);
}

TEST_CASE("stop waits for a start in doubt, and reconnects for what it has to stop") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    const Frame start = world.call();
    world.drive.stop();
    world.expect(Outcome::abandoned, Phase::none);
    CHECK_FALSE(world.drive.session->idle());
    world.answer(start, R"({"transactionId":15,"idTagInfo":{"status":"Accepted"}})");
    world.call();
    world.drive.lose();
    CHECK(world.drive.wanted);
    world.connect();
    world.answer(world.call(), "{}");
    CHECK(world.drive.closing);
    world.drive.close();
    CHECK(world.drive.session->idle());
}

TEST_CASE(
    "stop on a session that did nothing, or is connecting, is idle at once or after the close") {
    World world;
    world.drive.stop();
    CHECK(world.drive.session->idle());
    World other;
    other.drive.start(Channel::HB, 5s);
    other.drive.stop();
    other.expect(Outcome::abandoned, Phase::none);
    CHECK(other.drive.closing);
    other.drive.close();
    CHECK(other.drive.session->idle());
}

TEST_CASE("abandon ends everything in any state") {
    for (int state = 0; state < 5; ++state) {
        World world;
        if (state >= 1) world.drive.start(Channel::TX, 10s);
        if (state >= 2) world.connect();
        if (state >= 3) world.accept_boot();
        if (state >= 4) world.start_transaction(16);
        world.drive.abandon();
        CHECK(world.drive.session->open_attempts() == 0);
        CHECK(world.drive.closing == (state >= 1));
        if (world.drive.closing) world.drive.close();
        CHECK(world.drive.session->idle());
        CHECK_FALSE(world.drive.wanted);
    }
}

}  // namespace vc
