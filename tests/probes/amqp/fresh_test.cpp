#include <doctest/doctest.h>

#include "probes/amqp/session.h"
#include "tests/probes/amqp_peer.h"
#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

struct World {
    Drive drive{make_fresh_amqp_session([] {
        AmqpProbeOptions options;
        options.connection.hostname = "broker.example";
        options.connection.container_id = "c";
        options.entity = "canary-1";
        options.run = "run";
        return options;
    }())};
    std::unique_ptr<AmqpPeer> peer;

    void flow() {
        for (int i = 0; i < 12; ++i) {
            peer->receive(drive.take_sent());
            const std::string back = peer->take_bytes();
            if (!back.empty()) drive.bytes(back);
        }
    }
    void attempt(AmqpManners manners = {}) {
        drive.start(Channel::DF, 5s);
        drive.connect();
        peer = std::make_unique<AmqpPeer>(std::move(manners));
        flow();
    }
    void expect(Outcome outcome, Phase phase) {
        const Observation seen = drive.one();
        CHECK(to_text(seen.outcome) == to_text(outcome));
        CHECK(to_text(seen.failed_phase) == to_text(phase));
        if (drive.closing) drive.close();
    }
};

}  // namespace

TEST_CASE("a fresh attempt goes through every phase to an orderly close") {
    World world;
    for (int i = 0; i < 3; ++i) {
        world.attempt();
        const Observation seen = world.drive.one();
        CHECK(seen.outcome == Outcome::ok);
        std::vector<Phase> phases;
        for (const PhaseTime& time : seen.phases)
            phases.push_back(time.phase);
        CHECK(phases == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open, Phase::attach_send,
                                           Phase::credit, Phase::attach_recv, Phase::send_settle,
                                           Phase::send_receive, Phase::complete_settle,
                                           Phase::close});
        world.drive.close();
    }
    CHECK(world.drive.opens == 3);
}

TEST_CASE("a stall is a timeout in the phase where it is") {
    const auto stalled = [](AmqpManners manners, Phase phase) {
        World world;
        world.attempt(std::move(manners));
        CHECK(world.drive.none());
        world.drive.pass(15s);
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
    manners = {};
    manners.settle = false;
    stalled(manners, Phase::send_settle);
    manners = {};
    manners.deliver = false;
    stalled(manners, Phase::send_receive);
    manners = {};
    manners.complete = false;
    stalled(manners, Phase::complete_settle);
    manners = {};
    manners.close = false;
    stalled(manners, Phase::close);
    World silent;
    silent.drive.start(Channel::DF, 5s);
    silent.drive.connect();
    silent.drive.pass(15s);
    silent.expect(Outcome::timeout, Phase::sasl);
}

TEST_CASE("a loss is a reset in the phase where it is") {
    World world;
    world.drive.start(Channel::DF, 5s);
    world.drive.connect();
    world.drive.lose();
    world.expect(Outcome::reset, Phase::sasl);
    AmqpManners manners;
    manners.close = false;
    world.attempt(manners);
    world.drive.lose(CloseReason::peer_closed);
    world.expect(Outcome::reset, Phase::close);
}

TEST_CASE("refusals, rejections and broken bytes are what they are") {
    World world;
    AmqpManners manners;
    manners.refuse_sender = "amqp:not-found";
    world.attempt(manners);
    world.expect(Outcome::misconfigured, Phase::attach_send);
    manners = {};
    manners.reject = "com.microsoft:server-busy";
    world.attempt(manners);
    world.expect(Outcome::busy, Phase::send_settle);
    world.drive.start(Channel::DF, 5s);
    world.drive.connect();
    world.drive.bytes("SSH-2.0-OpenSSH_9.2\r\n");
    world.expect(Outcome::protocol, Phase::sasl);
    CHECK(world.drive.session->counters().malformed == 1);
}

TEST_CASE("messages of others, of earlier attempts, and a second copy are counted and completed") {
    World world;
    world.drive.start(Channel::DF, 5s);
    world.drive.connect();
    world.peer = std::make_unique<AmqpPeer>();
    world.peer->put("somebody else's");
    world.flow();
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.peer->completed() == 2);
    AmqpManners manners;
    manners.deliver = false;
    world.attempt(manners);
    world.drive.pass(15s);
    world.expect(Outcome::timeout, Phase::send_receive);
    world.drive.start(Channel::DF, 5s);
    world.drive.connect();
    world.peer = std::make_unique<AmqpPeer>();
    world.peer->put("voltcanary run 2");  // what the attempt before did not receive
    world.flow();
    world.expect(Outcome::ok, Phase::none);
    const SessionCounters counters = world.drive.session->counters();
    CHECK(counters.unmatched == 1);
    CHECK(counters.late_answers == 1);
    manners = {};
    manners.twice = true;
    world.attempt(manners);
    world.expect(Outcome::duplicate, Phase::send_receive);
    CHECK(world.drive.session->counters().duplicates == 1);
}

}  // namespace vc
