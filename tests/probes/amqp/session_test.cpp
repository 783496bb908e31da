#include "probes/amqp/session.h"

#include "probes/random.h"
#include "tests/probes/amqp/world.h"

namespace vc {
namespace {

using namespace amqp_test;

}  // namespace

TEST_CASE(
    "the first attempt brings two connections up, with every phase timed; later ones use it") {
    World world;
    world.start();
    const Observation first = world.expect(Outcome::ok, Phase::none);
    CHECK(phases_of(first) == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open,
                                                 Phase::attach_send, Phase::credit,
                                                 Phase::attach_recv, Phase::send_settle,
                                                 Phase::send_receive, Phase::complete_settle});
    CHECK(world.peer(0).senders() == std::vector<std::string>{"canary-0"});
    CHECK(world.peer(0).receivers().empty());
    CHECK(world.peer(1).receivers() == std::vector<std::string>{"canary-0"});
    CHECK(world.peer(1).senders().empty());
    CHECK(world.peer(0).hostname() == "broker.example");
    CHECK(world.peer(0).container() != world.peer(1).container());
    world.drive.start(Channel::DL, 2s);
    world.drive.pass(30ms);
    world.flow();
    const Observation second = world.expect(Outcome::ok, Phase::none);
    CHECK(second.latency() == 30ms);
    CHECK(phases_of(second) ==
          std::vector<Phase>{Phase::send_settle, Phase::send_receive, Phase::complete_settle});
    CHECK(world.drive.lines[0].opens == 1);
    CHECK(world.drive.lines[1].opens == 1);
    CHECK(world.store.completed == 2);
    CHECK(world.drive.reconnects.empty());
}

TEST_CASE("an answer after the budget is late, and put down to the phase that took the time") {
    for (const bool settle : {true, false}) {
        World world;
        world.ready();
        AmqpManners& manners = world.peer(settle ? 0 : 1).manners();
        (settle ? manners.settle : manners.complete) = false;
        world.start();
        world.drive.pass(3s);
        if (settle) world.peer(0).settle_held();
        if (!settle) world.peer(1).complete_held();
        world.flow();
        world.expect(Outcome::late, settle ? Phase::send_settle : Phase::complete_settle,
                     settle ? Direction::send : Direction::recv);
    }
    World world;
    world.ready();
    world.peer(1).manners().deliver = false;
    world.start();
    world.drive.pass(6s - 1ns);
    world.peer(1).manners().deliver = true;
    world.flow();
    world.expect(Outcome::late, Phase::send_receive, Direction::recv);
}

TEST_CASE("a rejection or release is told by its condition, and the connection stays") {
    for (const auto& [condition, outcome] :
         {std::pair{"com.microsoft:server-busy", Outcome::busy},
          {"amqp:resource-limit-exceeded", Outcome::misconfigured},
          {"com.microsoft:entity-disabled", Outcome::misconfigured},
          {"amqp:internal-error", Outcome::wrong_answer},
          {"", Outcome::wrong_answer}}) {
        AmqpManners manners;
        manners.reject = condition;
        manners.release = manners.reject.empty();
        World world(manners);
        world.start();
        world.expect(outcome, Phase::send_settle, Direction::send);
        CHECK(world.drive.lines[0].up);
        CHECK(world.drive.lines[1].up);
    }
}

TEST_CASE("a send that is not settled is a timeout there, and settled later a late answer") {
    World world;
    world.ready();
    world.peer(0).manners().settle = false;
    world.peer(1).manners().deliver = false;
    world.start();
    world.drive.pass(6s - 1ns);
    CHECK(world.drive.none());
    world.drive.pass(1ns);
    world.expect(Outcome::timeout, Phase::send_settle, Direction::send);
    world.peer(0).settle_held();
    world.flow();
    CHECK(world.counters().late_answers == 1);
    world.peer(1).manners().deliver = true;
    world.flow();
    CHECK(world.counters().late_answers == 2);
    CHECK(world.store.completed == 2);
}

TEST_CASE("a message settled and not received is a timeout, and a late answer when it comes") {
    World world;
    world.ready();
    world.peer(1).manners().deliver = false;
    world.start();
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::send_receive, Direction::recv);
    world.peer(1).manners().deliver = true;
    world.flow();
    CHECK(world.counters().late_answers == 1);
    CHECK(world.drive.none());
}

TEST_CASE("a message that a later one overtakes is lost at its deadline, and not before") {
    World world;
    world.ready();
    world.peer(0).manners().lose = true;
    world.start();
    world.peer(0).manners().lose = false;
    world.start();  // the second comes back, the first does not
    CHECK(world.drive.one().id.value == 3);
    world.drive.pass(6s - 1ns);
    CHECK(world.drive.none());
    world.drive.pass(1ns);
    world.expect(Outcome::lost, Phase::send_receive, Direction::send);
}

TEST_CASE("messages that change places are counted") {
    World world;
    world.ready();
    world.peer(1).manners().deliver = false;
    world.start();
    world.start();
    auto& queue = world.store.queues["canary-0"];
    REQUIRE(queue.size() == 2);
    std::swap(queue[0], queue[1]);
    world.peer(1).manners().deliver = true;
    world.flow();
    CHECK(world.drive.seen.size() == 3);
    for (const Observation& seen : world.drive.seen)
        CHECK(seen.outcome == Outcome::ok);
    CHECK(world.counters().out_of_order == 1);
}

TEST_CASE("a completion that is not settled is a timeout; without second settlement none is due") {
    AmqpManners manners;
    manners.complete = false;
    World world(manners);
    world.start();
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::complete_settle, Direction::recv);
    manners.second = false;
    World other(manners);
    other.ready();
}

TEST_CASE("a message that comes twice is a duplicate while its attempt is open, counted after") {
    AmqpManners manners;
    manners.twice = true;
    manners.complete = false;
    World world(manners);
    world.start();
    world.peer(1).complete_held();
    world.flow();
    world.expect(Outcome::duplicate, Phase::send_receive, Direction::recv);
    CHECK(world.counters().duplicates == 1);
    World after;
    after.ready();
    after.store.put("canary-0", "voltcanary run 1");
    after.flow();
    CHECK(after.counters().duplicates == 1);
    CHECK(after.drive.none());
}

TEST_CASE("what others left on the queue is completed and ignored") {
    World world;
    world.store.put("canary-0", "voltcanary another-run 1");
    world.store.put("canary-0", "something else");
    world.store.put_raw("canary-0", "no message at all");
    world.start();
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.counters().unmatched == 3);
    CHECK(world.store.completed == 4);
}

TEST_CASE("stop and abandon end everything in any state, and close") {
    for (const bool orderly : {true, false}) {
        for (int state = 0; state < 4; ++state) {
            AmqpProbeOptions options = usual();
            options.management = true;
            World world({}, options);
            world.accepting = state >= 2;
            if (state >= 1) world.start();
            world.drive.look_at_all();
            for (Leg leg = 0; leg < 5; ++leg) {
                if (world.peers[leg]) world.peers[leg]->manners().deliver = state < 3;
            }
            world.manners.deliver = state < 3;
            const std::size_t before = world.drive.seen.size();
            if (state >= 1) {
                for (const Channel channel :
                     {Channel::DL, Channel::DF, Channel::DX, Channel::DM, Channel::DF}) {
                    world.drive.start(channel, 2s);
                }
            }
            if (state == 3) world.flow();
            if (orderly) world.drive.stop();
            if (!orderly) world.drive.abandon();
            CHECK(world.drive.session->open_attempts() == 0);
            for (std::size_t i = before; i < world.drive.seen.size(); ++i) {
                const bool answered = world.drive.seen[i].channel == Channel::DM && state == 3;
                if (!answered) CHECK(world.drive.seen[i].outcome == Outcome::abandoned);
            }
            CHECK(world.drive.closing == (state >= 1));
            for (Leg leg = 0; leg < 5; ++leg) {
                if (world.drive.lines[leg].closing) world.drive.close(leg);
                CHECK_FALSE(world.drive.lines[leg].up);
            }
            CHECK(world.drive.session->idle());
            world.drive.look_at_all();
            world.drive.start(Channel::DL, 2s);
            world.expect(Outcome::abandoned, Phase::none);
            for (Leg leg = 0; leg < 5; ++leg)
                CHECK_FALSE(world.drive.lines[leg].wanted);
        }
    }
}

TEST_CASE("an orderly stop says so to the broker on every connection that is up") {
    World world;
    world.ready();
    world.drive.stop();
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        world.peer(leg).receive(world.drive.take_sent(leg));
        CHECK_FALSE(world.peer(leg).take_bytes().empty());  // the answer to the close
    }
}

TEST_CASE("too many attempts at once are our own doing, and another's channel a configuration's") {
    World world;
    world.accepting = false;
    for (int i = 0; i < 70; ++i)
        world.drive.start(Channel::DL, 2s);
    CHECK(world.drive.seen.size() == 6);
    CHECK(world.drive.seen.front().outcome == Outcome::abandoned);
    for (const Channel channel : {Channel::SL, Channel::SF, Channel::HB, Channel::DM}) {
        World other;
        other.start(channel);
        other.expect(Outcome::misconfigured, Phase::none);
    }
}

TEST_CASE("a standby's session runs the standby's channels") {
    AmqpProbeOptions options = usual();
    options.channel = Channel::SL;
    options.management = true;
    World world({}, options);
    for (const Channel channel :
         {Channel::SL, Channel::SF, Channel::SX, Channel::SX, Channel::SM}) {
        world.start(channel);
        CHECK(world.expect(Outcome::ok, Phase::none).channel == channel);
    }
}

TEST_CASE("whatever the broker does, every attempt ends once and the session goes on") {
    Random random(21);
    for (int round = 0; round < 150; ++round) {
        AmqpProbeOptions options = usual();
        options.management = round % 2 == 0;
        World world({}, options);
        Drive& drive = world.drive;
        world.accepting = false;
        for (int step = 0; step < 60; ++step) {
            world.manners = {};
            world.manners.deliver = random.next() % 4 != 0;
            world.manners.settle = random.next() % 4 != 0;
            world.manners.lose = random.next() % 6 == 0;
            world.manners.twice = random.next() % 4 == 0;
            world.manners.credit = random.next() % 8 != 0;
            const Leg leg = random.next() % 5;
            switch (random.next() % 9) {
                case 0:
                case 1: {
                    const std::array channels{Channel::DL, Channel::DF, Channel::DX, Channel::DM};
                    drive.start(channels[random.next() % 4], 2s);
                    break;
                }
                case 2:
                    world.accepting = true;
                    world.flow();
                    world.accepting = false;
                    break;
                case 3:
                    if (drive.lines[leg].wanted) {
                        drive.fail_connect(Outcome::refused, Phase::tcp, leg);
                    }
                    break;
                case 4:
                    world.flow(leg);
                    break;
                case 5:
                    drive.pass(random.below(4s));
                    break;
                case 6:
                    if (random.next() % 3 == 0) drive.bytes("\x00\x00\x00\x09\x02zzzz", leg);
                    break;
                case 7:
                    if (drive.lines[leg].up && !drive.lines[leg].closing) world.lose(leg);
                    break;
                case 8:
                    if (world.peers[leg]) {
                        world.peers[leg]->detach(random.next() % 2 == 0,
                                                 random.next() % 2 == 0 ? "amqp:link:detach-forced"
                                                                        : "amqp:internal-error");
                    }
                    break;
            }
        }
        // After the longest deadline nothing is open any more.
        drive.pass(200s);
        CHECK(drive.session->open_attempts() == 0);
        drive.abandon();
    }
}

TEST_CASE("a completion that the broker refuses is what it says, in complete_settle") {
    for (const Channel channel : {Channel::DL, Channel::DF, Channel::DX}) {
        for (const auto& [condition, outcome] :
             {std::pair{"com.microsoft:message-lock-lost", Outcome::wrong_answer},
              {"amqp:internal-error", Outcome::wrong_answer},
              {"com.microsoft:server-busy", Outcome::busy},
              {"amqp:unauthorized-access", Outcome::misconfigured}}) {
            World world;
            world.ready();
            world.manners.refuse_completion = condition;
            world.peer(1).manners().refuse_completion = condition;
            world.start(channel);
            world.expect(outcome, Phase::complete_settle, Direction::recv);
            world.manners = {};
            world.peer(1).manners().refuse_completion.clear();
            world.flow();
            world.start(channel);
            world.expect(Outcome::ok, Phase::none);
        }
    }
}

}  // namespace vc
