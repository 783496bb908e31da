// Of the leg for $management: M, and what becomes of messages that are missed.
#include "tests/probes/amqp/world.h"

namespace vc {
namespace {

using namespace amqp_test;

AmqpProbeOptions managed() {
    AmqpProbeOptions options = usual();
    options.management = true;
    return options;
}

}  // namespace

TEST_CASE("a management attempt peeks over a connection of its own, with every phase") {
    World world({}, managed());
    for (int i = 0; i < 3; ++i) {
        if (i > 0) world.store.put("canary-0", "left behind");
        world.start(Channel::DM);
        const Observation seen = world.expect(Outcome::ok, Phase::none);
        CHECK(phases_of(seen) == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open,
                                                    Phase::attach_send, Phase::credit,
                                                    Phase::attach_recv, Phase::send_settle,
                                                    Phase::send_receive, Phase::close});
        CHECK(world.drive.lines[4].opens == i + 1);
        CHECK_FALSE(world.drive.lines[4].up);
    }
    CHECK(world.drive.lines[0].opens == 0);
}

TEST_CASE("what $management answers wrongly has an outcome of its own") {
    const auto answer = [](const AmqpManners& manners, Outcome outcome) {
        World world({}, managed());
        world.store.put("canary-0", "x");
        world.its[4] = manners;
        world.start(Channel::DM);
        world.expect(outcome, Phase::send_receive, Direction::recv);
        world.flow();
        CHECK_FALSE(world.drive.lines[4].up);
        world.its[4].reset();
        world.start(Channel::DM);
        world.expect(Outcome::ok, Phase::none);
    };
    for (const auto& [status, outcome] : {std::pair{401, Outcome::misconfigured},
                                          {404, Outcome::misconfigured},
                                          {503, Outcome::busy},
                                          {500, Outcome::wrong_answer},
                                          {-1, Outcome::wrong_answer}}) {
        AmqpManners manners;
        manners.peek_status = status;
        answer(manners, outcome);
    }
    AmqpManners manners;
    manners.peek_status = 500;
    manners.peek_condition = "com.microsoft:server-busy";
    answer(manners, Outcome::busy);
    manners = {};
    manners.own_correlation = true;
    answer(manners, Outcome::wrong_answer);
    manners = {};
    manners.peek_garbage = true;
    answer(manners, Outcome::protocol);
    manners = {};
    manners.reply_garbage = true;
    answer(manners, Outcome::protocol);
}

TEST_CASE("a management connection that fails or stalls ends its attempt in its phase") {
    World world({}, managed());
    world.accepting = false;
    world.start(Channel::DM);
    world.drive.fail_connect(Outcome::refused, Phase::tcp, 4);
    world.expect(Outcome::refused, Phase::tcp);
    world.start(Channel::DM);
    world.drive.connect(4);
    world.lose(4);
    world.expect(Outcome::reset, Phase::sasl);
    world.start(Channel::DM);
    world.start(Channel::DM);
    world.drive.pass(6s);
    CHECK(world.drive.seen.size() == 4);
    CHECK(world.drive.seen.back().outcome == Outcome::timeout);
    CHECK(world.drive.seen.back().failed_phase == Phase::tcp);
}

TEST_CASE("an accepted message that cannot be peeked is lost, also when none comes after it") {
    for (const Channel channel : {Channel::DL, Channel::DF, Channel::DX}) {
        AmqpManners manners;
        manners.lose = true;
        World world(manners, managed());
        world.start(channel);
        world.pass(4s - 1ns);
        CHECK(world.drive.lines[4].opens == 0);
        world.pass(1ns);
        CHECK(world.drive.lines[4].opens == 1);
        CHECK(world.drive.none());
        world.pass(2s);
        world.expect(Outcome::lost, Phase::send_receive, Direction::send);
    }
}

TEST_CASE("an accepted message that can be peeked is stuck, and no loss; and late when it comes") {
    for (const std::size_t page : {std::size_t{100}, std::size_t{2}}) {
        World world({}, managed());
        world.ready();
        world.peer(1).manners().deliver = false;
        for (int i = 0; i < 9; ++i)
            world.store.put("canary-0", "somebody else's " + std::to_string(i));
        world.manners.peek_most = page;
        world.start();
        world.pass(6s);
        world.expect(Outcome::timeout, Phase::send_receive, Direction::recv);
        CHECK(world.drive.lines[4].opens == 1);
        world.peer(1).manners().deliver = true;
        world.flow();
        CHECK(world.counters().late_answers == 1);
    }
}

TEST_CASE("one look serves all that are missed by then, and no loss goes uncounted") {
    World world({}, managed());
    world.ready();
    world.peer(0).manners().lose = true;
    world.start();
    world.start();
    world.pass(1s);
    world.start();  // not two budgets old yet when it is looked for
    world.pass(3s);
    world.start();
    CHECK(world.drive.lines[4].opens == 1);
    world.pass(6s);
    REQUIRE(world.drive.seen.size() == 5);
    for (std::size_t i = 1; i < 5; ++i)
        CHECK(world.drive.seen[i].outcome == Outcome::lost);
    CHECK(world.drive.lines[4].opens <= 3);
}

TEST_CASE("a broker that loses is looked at every budget, one that holds back twice a minute") {
    for (const bool loses : {true, false}) {
        World world({}, managed());
        world.manners.grant = 1000;
        world.ready();
        world.manners.lose = world.peer(0).manners().lose = loses;
        world.manners.deliver = world.peer(1).manners().deliver = loses;
        for (int i = 0; i < 300; ++i) {
            world.start();
            world.pass(1s);
        }
        world.pass(6s);
        std::size_t lost = 0;
        for (const Observation& seen : world.drive.seen) {
            if (seen.outcome == Outcome::lost) ++lost;
        }
        CHECK(world.drive.lines[4].opens >= 10);
        CHECK(world.drive.lines[4].opens <= (loses ? 153 : 11));
        CHECK(lost == (loses ? 300 : 0));
    }
}

TEST_CASE("when $management does not answer, a message is lost only if a later one came") {
    for (const bool overtaken : {true, false}) {
        World world({}, managed());
        world.manners.fault_at = Phase::none;
        AmqpManners deaf;
        deaf.fault_at = Phase::send_receive;
        world.its[4] = deaf;
        world.ready();
        world.peer(0).manners().lose = true;
        world.start();
        world.peer(0).manners().lose = false;
        if (overtaken) world.ready();
        world.pass(6s);
        world.expect(overtaken ? Outcome::lost : Outcome::timeout, Phase::send_receive,
                     overtaken ? Direction::send : Direction::recv);
    }
}

TEST_CASE("what is behind more pages than are looked at is not called lost") {
    World world({}, managed());
    world.ready();
    world.peer(1).manners().deliver = false;
    for (int i = 0; i < 50; ++i)
        world.store.put("canary-0", "somebody else's " + std::to_string(i));
    world.manners.peek_most = 2;
    world.start();
    world.pass(6s);
    world.expect(Outcome::timeout, Phase::send_receive, Direction::recv);
    // Nor what a broker lists without numbers, which cannot be paged through.
    World plain({}, managed());
    plain.ready();
    plain.peer(1).manners().deliver = false;
    for (int i = 0; i < 3; ++i)
        plain.store.put("canary-0", "somebody else's " + std::to_string(i));
    plain.manners.peek_most = 2;
    plain.manners.sequence = false;
    plain.start();
    plain.pass(6s);
    plain.expect(Outcome::timeout, Phase::send_receive, Direction::recv);
}

TEST_CASE("a look goes before attempts that wait, and those have their turn after it") {
    World world({}, managed());
    world.ready();
    world.peer(0).manners().lose = true;
    world.start();
    world.drive.pass(4s - 1ns);
    world.accepting = false;
    world.drive.pass(1ns);
    CHECK(world.drive.lines[4].wanted);
    world.start(Channel::DM);
    world.accepting = true;
    world.flow();
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.lines[4].opens == 2);
    world.pass(2s);
    world.expect(Outcome::lost, Phase::send_receive, Direction::send);
}

}  // namespace vc
