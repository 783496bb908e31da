#include "probes/amqp/session.h"

#include <doctest/doctest.h>

#include "probes/random.h"
#include "tests/probes/amqp_peer.h"
#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

AmqpProbeOptions options() {
    AmqpProbeOptions made;
    made.connection.hostname = "broker.example";
    made.connection.container_id = "c";
    made.entity = "canary-0";
    made.run = "run";
    made.open_timeout = 6s;
    made.seed = 1;
    return made;
}

struct World {
    explicit World(AmqpManners its = {})
        : manners(std::move(its)), drive(std::make_unique<AmqpSession>(options())) {}

    AmqpManners manners;
    Drive drive;
    std::unique_ptr<AmqpPeer> peer;

    void flow() {
        for (int i = 0; i < 10; ++i) {
            peer->receive(drive.take_sent());
            const std::string back = peer->take_bytes();
            if (!back.empty()) drive.bytes(back);
        }
    }
    void connect() {
        drive.connect();
        peer = std::make_unique<AmqpPeer>(manners);
        flow();
    }
    void start() { drive.start(Channel::DL, 2s); }
    void expect(Outcome outcome, Phase phase) {
        const Observation seen = drive.one();
        CHECK(to_text(seen.outcome) == to_text(outcome));
        CHECK(to_text(seen.failed_phase) == to_text(phase));
    }
    // Up, with one message behind it.
    void ready() {
        start();
        connect();
        expect(Outcome::ok, Phase::none);
    }
};

std::vector<Phase> phases_of(const Observation& seen) {
    std::vector<Phase> phases;
    for (const PhaseTime& time : seen.phases)
        phases.push_back(time.phase);
    return phases;
}

}  // namespace

TEST_CASE("the first attempt brings the connection up, with every phase timed; later ones use it") {
    World world;
    world.start();
    world.connect();
    const Observation first = world.drive.one();
    CHECK(first.outcome == Outcome::ok);
    CHECK(phases_of(first) == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open,
                                                 Phase::attach_send, Phase::credit,
                                                 Phase::attach_recv, Phase::send_settle,
                                                 Phase::send_receive, Phase::complete_settle});
    world.start();
    world.drive.pass(30ms);
    world.flow();
    const Observation second = world.drive.one();
    CHECK(second.outcome == Outcome::ok);
    CHECK(second.latency() == 30ms);
    CHECK(phases_of(second) ==
          std::vector<Phase>{Phase::send_settle, Phase::send_receive, Phase::complete_settle});
    CHECK(world.drive.opens == 1);
    CHECK(world.peer->completed() == 2);
}

TEST_CASE("an answer after the budget is late") {
    World world;
    world.ready();
    world.start();
    world.drive.pass(3s);
    world.flow();
    CHECK(world.drive.one().outcome == Outcome::late);
}

TEST_CASE("a stall on the way up is a timeout in its phase") {
    const auto stalled = [](AmqpManners manners, Phase phase) {
        World world(std::move(manners));
        world.start();
        world.connect();
        world.drive.pass(6s);
        world.expect(Outcome::timeout, phase);
    };
    AmqpManners manners;
    manners.open = false;
    stalled(manners, Phase::open);
    manners = {};
    manners.attach_sender = false;
    stalled(manners, Phase::attach_send);
    manners = {};
    manners.credit = false;
    stalled(manners, Phase::credit);
    manners = {};
    manners.attach_receiver = false;
    stalled(manners, Phase::attach_recv);
    World silent;
    silent.start();
    silent.drive.connect();
    silent.drive.pass(6s);
    silent.expect(Outcome::timeout, Phase::sasl);
    CHECK(silent.drive.closing);  // and the connection is made anew
    silent.drive.close();
    CHECK(silent.drive.wanted);
    silent.start();
    silent.drive.pass(6s);
    silent.expect(Outcome::timeout, Phase::tcp);
}

TEST_CASE("a failed connect ends those who wait with its outcome and phase") {
    World world;
    world.start();
    world.drive.fail_connect(Outcome::refused, Phase::tcp);
    world.expect(Outcome::refused, Phase::tcp);
    CHECK(world.drive.wanted);
    world.drive.fail_connect(Outcome::tls, Phase::tls);
    world.start();
    world.drive.pass(1s);
    world.connect();
    world.expect(Outcome::ok, Phase::none);
}

TEST_CASE("refused credentials are auth, and not tried again for a minute") {
    World world;
    world.start();
    world.drive.connect();
    // Only a mechanism that is none of ours is offered.
    world.drive.bytes(
        std::string("AMQP\x03\x01\x00\x00"
                    "\x00\x00\x00\x16\x02\x01\x00\x00"
                    "\x00\x53\x40\xc0\x09\x01\xa3\x06GSSAPI",
                    30));
    world.expect(Outcome::auth, Phase::sasl);
    world.drive.close();
    CHECK_FALSE(world.drive.wanted);
    world.start();
    world.expect(Outcome::auth, Phase::sasl);
    world.drive.pass(67s);
    CHECK(world.drive.wanted);
}

TEST_CASE("a refused attach is told by its condition") {
    for (const auto& [condition, outcome] : {std::pair{"amqp:not-found", Outcome::misconfigured},
                                             {"amqp:unauthorized-access", Outcome::misconfigured},
                                             {"com.microsoft:server-busy", Outcome::busy},
                                             {"amqp:internal-error", Outcome::reset}}) {
        AmqpManners manners;
        manners.refuse_receiver = condition;
        World world(manners);
        world.start();
        world.connect();
        world.expect(outcome, Phase::attach_recv);
    }
}

TEST_CASE("a rejection or release is told by its condition, and the connection stays") {
    for (const auto& [condition, outcome] :
         {std::pair{"com.microsoft:server-busy", Outcome::busy},
          {"amqp:resource-limit-exceeded", Outcome::misconfigured},
          {"amqp:internal-error", Outcome::wrong_answer},
          {"", Outcome::wrong_answer}}) {
        AmqpManners manners;
        manners.reject = condition;
        manners.release = manners.reject.empty();
        World world(manners);
        world.start();
        world.connect();
        world.expect(outcome, Phase::send_settle);
        CHECK_FALSE(world.drive.closing);
    }
}

TEST_CASE("a send that is not settled is a timeout there, and settled later a late answer") {
    AmqpManners manners;
    manners.settle = false;
    manners.deliver = false;
    World world(manners);
    world.start();
    world.connect();
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::send_settle);
    world.peer->settle_held();
    world.flow();
    CHECK(world.drive.session->counters().late_answers == 1);
    world.peer->deliver_held();
    world.flow();
    CHECK(world.drive.session->counters().late_answers == 2);
    CHECK(world.peer->completed() == 1);
}

TEST_CASE("a message settled and not received is a timeout, and a late answer when it comes") {
    AmqpManners manners;
    manners.deliver = false;
    World world(manners);
    world.start();
    world.connect();
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::send_receive);
    world.peer->deliver_held();
    world.flow();
    CHECK(world.drive.session->counters().late_answers == 1);
    CHECK(world.drive.none());
}

TEST_CASE("a message that a later one overtakes is lost at its deadline, and not before") {
    AmqpManners manners;
    manners.deliver = false;
    World world(manners);
    world.start();
    world.connect();
    world.start();
    world.flow();
    world.peer->put("voltcanary run 2");  // the second comes back, the first does not
    world.flow();
    CHECK(world.drive.one().id.value == 2);
    world.drive.pass(6s - 1ns);
    CHECK(world.drive.none());
    world.drive.pass(1ns);
    world.expect(Outcome::lost, Phase::send_receive);
}

TEST_CASE(
    "a completion that is not settled is a timeout there; without second settlement none is due") {
    AmqpManners manners;
    manners.complete = false;
    World world(manners);
    world.start();
    world.connect();
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::complete_settle);
    manners.second = false;
    World other(manners);
    other.ready();
}

TEST_CASE(
    "a message that comes twice is a duplicate while its attempt is open, and counted after") {
    AmqpManners manners;
    manners.twice = true;
    manners.complete = false;
    World world(manners);
    world.start();
    world.connect();
    world.peer->complete_held();
    world.flow();
    world.expect(Outcome::duplicate, Phase::send_receive);
    CHECK(world.drive.session->counters().duplicates == 1);
    World after;
    after.ready();
    after.peer->put("voltcanary run 1");
    after.flow();
    CHECK(after.drive.session->counters().duplicates == 1);
    CHECK(after.drive.none());
}

TEST_CASE("what others left on the queue is completed and ignored") {
    World world;
    world.start();
    world.drive.connect();
    world.peer = std::make_unique<AmqpPeer>();
    world.peer->put("voltcanary another-run 1");
    world.peer->put("something else");
    world.flow();
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.session->counters().unmatched == 2);
    CHECK(world.peer->completed() == 3);
}

TEST_CASE("a lost connection ends what is in flight where it is; what waits, waits for the next") {
    AmqpManners manners;
    manners.settle = false;
    World world(manners);
    world.start();
    world.connect();
    world.drive.lose();
    world.expect(Outcome::reset, Phase::send_settle);
    CHECK(world.drive.wanted);
    world.manners = {};
    world.manners.deliver = false;
    world.start();
    world.connect();
    world.drive.lose(CloseReason::peer_closed);
    world.expect(Outcome::reset, Phase::send_receive);
    world.manners = {};
    world.start();
    world.drive.pass(1s);
    world.connect();
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.session->counters().connects == 3);
    CHECK(world.drive.session->counters().drops == 2);
}

TEST_CASE("a loss on the way up ends those who wait in that phase") {
    World world;
    world.start();
    world.drive.connect();
    world.drive.lose();
    world.expect(Outcome::reset, Phase::sasl);
}

TEST_CASE("a close or detach of the peer ends the connection in order, and it is made anew") {
    for (const bool detach : {true, false}) {
        AmqpManners manners;
        manners.deliver = false;
        World world(manners);
        world.start();
        world.connect();
        if (detach) world.peer->detach(false, "amqp:link:detach-forced");
        if (!detach) world.peer->close("amqp:connection:forced");
        world.flow();
        world.expect(Outcome::reset, Phase::send_receive);
        world.drive.close();
        CHECK(world.drive.wanted);
    }
}

TEST_CASE("bytes that are no AMQP are a broken protocol, in any phase") {
    World world;
    world.start();
    world.drive.connect();
    world.drive.bytes("HTTP/1.1 400 Bad Request\r\n\r\n");
    world.expect(Outcome::protocol, Phase::sasl);
    CHECK(world.drive.session->counters().malformed == 1);
    AmqpManners manners;
    manners.deliver = false;
    World later(manners);
    later.start();
    later.connect();
    later.drive.bytes("\x01\x02\x03\x04\x05\x06\x07\x08");
    later.expect(Outcome::protocol, Phase::send_receive);
}

TEST_CASE("stop and abandon end everything in any state, and close") {
    for (const bool orderly : {true, false}) {
        for (int state = 0; state < 4; ++state) {
            AmqpManners manners;
            manners.deliver = state < 3;
            World world(manners);
            if (state >= 1) world.start();
            if (state >= 2) world.connect();
            world.drive.look_at_all();
            if (state >= 1) world.start();
            if (orderly) world.drive.stop();
            if (!orderly) world.drive.abandon();
            CHECK(world.drive.session->open_attempts() == 0);
            for (std::size_t i = state == 2 ? 1 : 0; i < world.drive.seen.size(); ++i) {
                CHECK(world.drive.seen[i].outcome == Outcome::abandoned);
            }
            CHECK(world.drive.closing == (state >= 1));
            if (state >= 1) world.drive.close();
            CHECK(world.drive.session->idle());
            world.drive.look_at_all();
            world.start();
            world.expect(Outcome::abandoned, Phase::none);
            CHECK_FALSE(world.drive.wanted);
        }
    }
}

TEST_CASE("too many attempts at once are our own doing") {
    World world;
    for (int i = 0; i < 70; ++i)
        world.start();
    CHECK(world.drive.seen.size() == 6);
    CHECK(world.drive.seen.front().outcome == Outcome::abandoned);
}

TEST_CASE("whatever the broker does, every attempt ends once and the session goes on") {
    Random random(21);
    for (int round = 0; round < 200; ++round) {
        World world;
        for (int step = 0; step < 40; ++step) {
            world.manners = {};
            world.manners.deliver = random.next() % 4 != 0;
            world.manners.settle = random.next() % 4 != 0;
            world.manners.twice = random.next() % 4 == 0;
            world.manners.credit = random.next() % 8 != 0;
            Drive& drive = world.drive;
            const bool up = world.peer && !drive.wanted && !drive.closing;
            switch (random.next() % 8) {
                case 0:
                case 1:
                    world.start();
                    break;
                case 2:
                    if (drive.wanted) world.connect();
                    break;
                case 3:
                    if (drive.wanted) drive.fail_connect(Outcome::refused, Phase::tcp);
                    break;
                case 4:
                    if (up && drive.session->counters().connects > 0) world.flow();
                    break;
                case 5:
                    drive.pass(random.below(4s));
                    break;
                case 6:
                    if (up && random.next() % 3 == 0) drive.bytes("\x00\x00\x00\x09\x02zzzz");
                    break;
                case 7:
                    if (drive.closing) drive.close();
                    break;
            }
        }
        world.drive.abandon();
        CHECK(world.drive.session->open_attempts() == 0);
    }
}

}  // namespace vc
