// Of the fresh legs: F and X.
#include "tests/probes/amqp/world.h"

namespace vc {
namespace {

using namespace amqp_test;

const std::vector<Phase> all_fresh{Phase::tcp,         Phase::sasl,         Phase::open,
                                   Phase::attach_send, Phase::credit,       Phase::attach_recv,
                                   Phase::send_settle, Phase::send_receive, Phase::complete_settle,
                                   Phase::close};

void down(const World& world) {
    CHECK_FALSE(world.drive.lines[2].up);
    CHECK_FALSE(world.drive.lines[3].up);
    CHECK_FALSE(world.drive.lines[2].wanted);
    CHECK_FALSE(world.drive.lines[3].wanted);
}

}  // namespace

TEST_CASE("a fresh attempt has two connections at once, every phase, and an orderly close") {
    World world;
    for (int i = 1; i <= 3; ++i) {
        world.drive.start(Channel::DF, 5s);
        CHECK(world.drive.lines[2].wanted);
        CHECK(world.drive.lines[3].wanted);
        CHECK(*world.drive.lines[2].within > 14s + 800ms);
        CHECK(*world.drive.lines[2].within < 15s);
        world.flow();
        const Observation seen = world.expect(Outcome::ok, Phase::none);
        CHECK(phases_of(seen) == all_fresh);
        CHECK(world.drive.lines[2].opens == i);
        CHECK(world.drive.lines[3].opens == i);
        CHECK(world.store.completed == i);
        down(world);
    }
    CHECK(world.drive.lines[0].opens == 0);
    CHECK(world.drive.reconnects.empty());
    CHECK(world.counters().drops == 0);
}

TEST_CASE("a cross attempt goes from a kept sender to a fresh receiver, then the other way round") {
    World world;
    world.ready();
    world.start(Channel::DX);
    const Observation there = world.expect(Outcome::ok, Phase::none);
    CHECK(phases_of(there) == all_fresh);
    CHECK(world.drive.lines[2].opens == 0);
    CHECK(world.drive.lines[3].opens == 1);
    CHECK(world.peer(0).senders() == std::vector<std::string>{"canary-0", "canary-0-fresh"});
    world.start(Channel::DX);
    const Observation back = world.expect(Outcome::ok, Phase::none);
    CHECK(phases_of(back) == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open,
                                                Phase::attach_send, Phase::credit,
                                                Phase::send_settle, Phase::send_receive,
                                                Phase::complete_settle, Phase::close});
    CHECK(world.drive.lines[2].opens == 1);
    CHECK(world.drive.lines[3].opens == 1);
    // The link of the kept sender stays: the third finds it there.
    world.start(Channel::DX);
    const Observation again = world.expect(Outcome::ok, Phase::none);
    CHECK(phases_of(again) == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open,
                                                 Phase::attach_recv, Phase::send_settle,
                                                 Phase::send_receive, Phase::complete_settle,
                                                 Phase::close});
    CHECK(world.drive.lines[0].opens == 1);
    down(world);
}

TEST_CASE("a cross attempt brings the kept leg up when it is the first to need it") {
    World world;
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.lines[0].opens == 1);
    CHECK(world.drive.lines[1].opens == 0);
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.lines[1].opens == 1);
}

TEST_CASE("fresh and cross attempts take turns, and waiting counts") {
    World world;
    AmqpManners slow;
    slow.deliver = false;
    world.its[3] = slow;
    world.start(Channel::DF);
    world.start(Channel::DX);
    world.start(Channel::DF);
    CHECK(world.drive.lines[2].opens == 1);
    world.drive.pass(1s);
    CHECK(world.drive.none());
    world.its[3].reset();
    world.peer(3).manners().deliver = true;
    world.flow();
    REQUIRE(world.drive.seen.size() == 3);
    for (const Observation& seen : world.drive.seen) {
        CHECK(seen.outcome == Outcome::ok);
        CHECK(seen.latency() == 1s);
    }
    world.drive.look_at_all();
    // Whose time is used up by others fails before it has begun.
    world.its[3] = slow;
    world.start(Channel::DF, 5s);
    world.start(Channel::DF, 2s);
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::tcp);
}

TEST_CASE("what a broker does not do in time is a timeout in its phase and half") {
    const auto stalled = [](Leg leg, const AmqpManners& manners, Phase phase, Direction half) {
        World world;
        world.its[leg] = manners;
        world.start(Channel::DF);
        world.drive.pass(6s - 1ns);
        CHECK(world.drive.none());
        world.drive.pass(1ns);
        world.expect(Outcome::timeout, phase, half);
        world.flow();
        down(world);
        world.its[leg].reset();
        world.start(Channel::DF);
        world.expect(Outcome::ok, Phase::none);
    };
    AmqpManners manners;
    for (const Phase phase : {Phase::sasl, Phase::open}) {
        manners.fault_at = phase;
        stalled(2, manners, phase, Direction::send);
        stalled(3, manners, phase, Direction::recv);
    }
    for (const Phase phase : {Phase::attach_send, Phase::credit, Phase::send_settle}) {
        manners.fault_at = phase;
        stalled(2, manners, phase, Direction::send);
    }
    for (const Phase phase : {Phase::attach_recv, Phase::send_receive, Phase::complete_settle}) {
        manners.fault_at = phase;
        stalled(3, manners, phase, Direction::recv);
    }
    manners = {};
    manners.close = false;
    stalled(2, manners, Phase::close, Direction::none);
    stalled(3, manners, Phase::close, Direction::none);
}

TEST_CASE("a connection that fails ends a fresh attempt in its phase") {
    World world;
    world.accepting = false;
    world.start(Channel::DF);
    world.drive.fail_connect(Outcome::dns, Phase::dns, 2);
    world.expect(Outcome::dns, Phase::dns);
    world.flow();
    world.start(Channel::DF);
    world.drive.connect(2);
    world.lose(2);
    world.expect(Outcome::reset, Phase::sasl);
    world.flow();
    down(world);
    World flying;
    AmqpManners slow;
    slow.deliver = false;
    flying.its[3] = slow;
    flying.start(Channel::DF);
    flying.lose(2);  // nothing more is due from the sender
    CHECK(flying.drive.none());
    flying.lose(3);
    flying.expect(Outcome::reset, Phase::send_receive, Direction::recv);
    slow = {};
    slow.settle = false;
    flying.its[2] = slow;
    flying.flow();
    flying.start(Channel::DF);
    flying.lose(2);
    flying.expect(Outcome::reset, Phase::send_settle, Direction::send);
    flying.flow();
    down(flying);
    slow = {};
    slow.close = false;
    flying.its = {};
    flying.its[2] = slow;
    flying.start(Channel::DF);
    flying.lose(2);
    flying.expect(Outcome::reset, Phase::close);
}

TEST_CASE("a peer that closes its side first, in order, has done its part") {
    World world;
    AmqpManners slow;
    slow.close = false;
    world.its[3] = slow;
    world.start(Channel::DF);
    CHECK(world.drive.none());
    world.lose(2, CloseReason::peer_closed);  // after its close frame
    world.drive.pass(1s);
    world.peer(3).close("");
    world.flow();
    world.expect(Outcome::ok, Phase::none);
}

TEST_CASE("a refused attach of a fresh link is told by its condition") {
    for (const auto& [condition, outcome] : {std::pair{"amqp:not-found", Outcome::misconfigured},
                                             {"amqp:unauthorized-access", Outcome::misconfigured},
                                             {"com.microsoft:server-busy", Outcome::busy},
                                             {"amqp:internal-error", Outcome::reset}}) {
        AmqpManners manners;
        manners.refuse_receiver = condition;
        World world(manners);
        world.start(Channel::DF);
        world.expect(outcome, Phase::attach_recv, Direction::recv);
        manners = {};
        manners.refuse_sender = condition;
        World other(manners);
        other.start(Channel::DF);
        other.expect(outcome, Phase::attach_send, Direction::send);
        other.flow();
        down(other);
    }
}

TEST_CASE("a cross link that is refused fails its attempt and nothing else, and is tried again") {
    AmqpManners manners;
    manners.refuse_sender = "amqp:not-found";
    manners.refuse_node = "-fresh";
    World world(manners);
    world.ready();
    world.start(Channel::DX);
    world.expect(Outcome::misconfigured, Phase::attach_send, Direction::send);
    world.ready();
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    world.peer(0).manners().refuse_sender.clear();
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    // Later it is detached, which is seen when it is needed next.
    world.peer(0).detach_address("canary-0-fresh", "amqp:internal-error");
    world.flow();
    world.ready();
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.lines[0].opens == 1);
    CHECK(world.drive.reconnects.empty());
}

TEST_CASE("a kept leg that fails ends the cross attempt that waits for it or has sent over it") {
    World world;
    world.accepting = false;
    world.start(Channel::DX);
    world.drive.fail_connect(Outcome::refused, Phase::tcp, 0);
    world.expect(Outcome::refused, Phase::tcp, Direction::send);
    World flying;
    AmqpManners slow;
    slow.settle = false;
    flying.its[0] = slow;
    flying.start(Channel::DX);
    flying.lose(0);
    flying.expect(Outcome::reset, Phase::send_settle, Direction::send);
    flying.its = {};
    flying.flow();
    AmqpManners starved;
    starved.deliver = false;
    flying.its[1] = starved;
    flying.start(Channel::DX);
    flying.lose(1);
    flying.expect(Outcome::reset, Phase::send_receive, Direction::recv);
    flying.flow();
    down(flying);
}

TEST_CASE(
    "a fresh message that comes after its attempt is late, and one that comes twice counted") {
    World world;
    AmqpManners slow;
    slow.deliver = false;
    world.its[3] = slow;
    world.start(Channel::DF);
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::send_receive, Direction::recv);
    world.its[3].reset();
    world.flow();
    world.start(Channel::DF);
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.counters().late_answers == 1);
    AmqpManners twice;
    twice.twice = true;
    world.manners = twice;
    world.start(Channel::DF);
    world.drive.look_at_all();
    world.manners = {};
    world.start(Channel::DF);
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.counters().duplicates == 1);
}

TEST_CASE("a lost fresh message is lost when a later one has come, without $management") {
    World world;
    AmqpManners lossy;
    lossy.lose = true;
    world.its[2] = lossy;
    world.start(Channel::DF);
    world.drive.pass(6s);
    // Nothing came after it.
    world.expect(Outcome::timeout, Phase::send_receive, Direction::recv);
}

TEST_CASE("fresh links have tokens of their own") {
    AmqpProbeOptions options = usual();
    options.connection.credentials = std::make_shared<Tokens>();
    World world({}, options);
    world.start(Channel::DF);
    const Observation seen = world.expect(Outcome::ok, Phase::none);
    CHECK(seen.phases[3].phase == Phase::cbs_attach);
    CHECK(seen.phases[4].phase == Phase::cbs_put_token);
    world.start(Channel::DX);
    world.expect(Outcome::ok, Phase::none);
    // Two for the fresh ones; the kept sender's two links; and the fresh receiver's.
    CHECK(world.store.tokens.size() == 5);
    AmqpManners refusing;
    refusing.token_status = 401;
    world.its[2] = refusing;
    world.start(Channel::DF);
    world.expect(Outcome::auth, Phase::cbs_put_token);
}

}  // namespace vc
