// Of the kept legs: how they come up, how they are lost, and how they come back.
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

}  // namespace

TEST_CASE("a stall on the way up is a timeout in its phase, and half, and is tried again") {
    const auto stalled = [](Leg leg, const AmqpManners& manners, Phase phase, Direction half) {
        World world;
        world.its[leg] = manners;
        world.start();
        world.drive.pass(6s - 1ns);
        CHECK(world.drive.none());
        world.drive.pass(1ns);
        world.expect(Outcome::timeout, phase, half);
        CHECK(world.drive.lines[leg].closing);
        world.its[leg].reset();
        world.flow();
        REQUIRE(world.drive.reconnects.size() >= 2);
        expect_reconnect(world.drive.reconnects[0], half, Outcome::timeout, false);
        CHECK(world.drive.reconnects[0].failed_phase == phase);
        CHECK(world.drive.reconnects[0].took == 6s);
        expect_reconnect(world.drive.reconnects[1], half, Outcome::ok, false);
        world.ready();
    };
    AmqpManners manners;
    for (const Phase phase : {Phase::sasl, Phase::open}) {
        manners.fault_at = phase;
        stalled(0, manners, phase, Direction::send);
        stalled(1, manners, phase, Direction::recv);
    }
    manners = {};
    manners.attach_sender = false;
    stalled(0, manners, Phase::attach_send, Direction::send);
    manners = {};
    manners.credit = false;
    stalled(0, manners, Phase::credit, Direction::send);
    manners = {};
    manners.attach_receiver = false;
    stalled(1, manners, Phase::attach_recv, Direction::recv);
}

TEST_CASE("when both connections are held up it is no half's") {
    AmqpManners manners;
    manners.fault_at = Phase::open;
    World world(manners);
    world.start();
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::open);
    World silent;
    silent.accepting = false;
    silent.start();
    silent.drive.pass(6s);
    silent.expect(Outcome::timeout, Phase::tcp);
}

TEST_CASE("a connection is asked for with a little less time than the attempt has") {
    World world;
    world.accepting = false;
    world.start();
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        REQUIRE(world.drive.lines[leg].within);
        CHECK(*world.drive.lines[leg].within < 6s);
        CHECK(*world.drive.lines[leg].within > 5s + 900ms);
    }
}

TEST_CASE("a failed connect ends those who wait with its outcome and phase, and is told") {
    World world;
    world.accepting = false;
    world.start();
    world.drive.pass(10ms);
    world.drive.fail_connect(Outcome::refused, Phase::tcp, 1);
    world.expect(Outcome::refused, Phase::tcp);
    CHECK(world.drive.lines[1].wanted);
    world.drive.fail_connect(Outcome::tls, Phase::tls, 1);
    REQUIRE(world.drive.reconnects.size() == 2);
    expect_reconnect(world.drive.reconnects[0], Direction::recv, Outcome::refused, false);
    CHECK(world.drive.reconnects[0].took == 10ms);
    expect_reconnect(world.drive.reconnects[1], Direction::recv, Outcome::tls, false);
    CHECK(world.drive.reconnects[1].failed_phase == Phase::tls);
    world.accepting = true;
    world.start();
    world.pass(1s);
    world.expect(Outcome::ok, Phase::none);
    REQUIRE(world.drive.reconnects.size() == 3);
    expect_reconnect(world.drive.reconnects[2], Direction::recv, Outcome::ok, false);
}

TEST_CASE("refused credentials are auth, and not tried again for a minute") {
    World world;
    world.accepting = false;
    world.start();
    world.drive.connect(0);
    // Only a mechanism that is none of ours is offered.
    world.drive.bytes(sasl_header() + sasl_mechanisms("GSSAPI"), 0);
    world.expect(Outcome::auth, Phase::sasl);
    world.drive.close(0);
    CHECK_FALSE(world.drive.lines[0].wanted);
    world.start();
    world.expect(Outcome::auth, Phase::sasl);
    world.drive.pass(67s);
    CHECK(world.drive.lines[0].wanted);
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
        world.expect(outcome, Phase::attach_recv, Direction::recv);
        manners = {};
        manners.refuse_sender = condition;
        World other(manners);
        other.start();
        other.expect(outcome, Phase::attach_send, Direction::send);
    }
}

TEST_CASE("a lost sender ends what it sent as reset; what was settled still comes, nothing twice") {
    World world;
    world.ready();
    world.peer(0).manners().settle = false;
    world.peer(1).manners().deliver = false;
    world.start();  // sent, and not settled
    world.peer(0).manners().settle = true;
    world.start();  // settled, and not delivered
    world.drive.pass(20ms);
    world.lose(0);
    world.expect(Outcome::reset, Phase::send_settle, Direction::send);
    world.drive.start(Channel::DL, 2s);
    world.drive.pass(30ms);
    world.flow();
    REQUIRE(world.drive.reconnects.size() == 1);
    expect_reconnect(world.drive.reconnects[0], Direction::send, Outcome::ok, false);
    CHECK(world.drive.reconnects[0].took == 30ms);
    world.peer(1).manners().deliver = true;
    world.flow();
    CHECK(world.drive.seen.size() == 4);
    CHECK(world.drive.seen[2].outcome == Outcome::ok);
    CHECK(world.drive.seen[3].outcome == Outcome::ok);
    CHECK(world.store.sequences == 4);  // what was reset was not sent again
    CHECK(world.counters().late_answers == 1);
    CHECK(world.counters().drops == 1);
    CHECK(world.counters().connects == 3);
}

TEST_CASE("a lost receiver ends what it was to receive, and is made anew at once") {
    for (const CloseReason reason : {CloseReason::reset, CloseReason::peer_closed}) {
        World world;
        world.ready();
        world.peer(1).manners().deliver = false;
        world.start();
        world.lose(1, reason);
        world.expect(Outcome::reset, Phase::send_receive, Direction::recv);
        CHECK(world.drive.lines[1].wanted);
        CHECK(world.drive.lines[0].up);
        world.flow();
        CHECK(world.counters().late_answers == 1);
        world.ready();
    }
    World world;
    world.ready();
    world.peer(1).manners().complete = false;
    world.start();
    world.lose(1);
    world.expect(Outcome::reset, Phase::complete_settle, Direction::recv);
    World refused;
    refused.ready();
    refused.peer(1).manners().deliver = false;
    refused.start();
    refused.lose(1, CloseReason::tls);
    refused.expect(Outcome::tls, Phase::send_receive, Direction::recv);
}

TEST_CASE("a loss on the way up ends those who wait in that phase") {
    World world;
    world.its[0] = AmqpManners{};
    world.its[0]->fault_at = Phase::open;
    world.start();
    world.lose(0);
    world.expect(Outcome::reset, Phase::open, Direction::send);
    REQUIRE(world.drive.reconnects.size() == 1);
    expect_reconnect(world.drive.reconnects[0], Direction::send, Outcome::reset, false);
}

TEST_CASE("a detach that the peer announces is no failure: the link is back, and attempts go on") {
    for (const bool sender : {true, false}) {
        for (const char* condition : {"amqp:link:detach-forced", "", "amqp:internal-error"}) {
            World world;
            world.ready();
            const Leg leg = sender ? 0 : 1;
            world.peer(0).manners().settle = !sender;
            world.peer(1).manners().deliver = false;
            world.start();
            world.peer(leg).manners().attach_sender = true;
            // What is not announced by its condition may be by its words.
            world.peer(leg).detach(sender, condition,
                                   "(TrackingId:1_G0_B0) IdleTimerExpired: Idle timeout: 00:10:00");
            world.flow();
            CHECK(world.drive.none());
            CHECK(world.drive.lines[leg].opens == 1);  // the same connection
            REQUIRE(world.drive.reconnects.size() == 1);
            expect_reconnect(world.drive.reconnects[0], sender ? Direction::send : Direction::recv,
                             Outcome::ok, true);
            world.peer(0).manners().settle = true;
            world.peer(1).manners().deliver = true;
            world.flow();
            world.expect(Outcome::ok, Phase::none);
            world.ready();
        }
    }
}

TEST_CASE("a close that the peer announces is no failure either, when it is back in time") {
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        World world;
        world.ready();
        world.peer(0).manners().settle = leg != 0;
        world.peer(1).manners().deliver = false;
        world.start();
        world.peer(leg).close("amqp:connection:forced");
        world.flow();
        if (leg == 0) world.peer(1).manners().deliver = true;
        world.flow();
        world.expect(Outcome::ok, Phase::none);
        REQUIRE(world.drive.reconnects.size() == 1);
        expect_reconnect(world.drive.reconnects[0], leg == 0 ? Direction::send : Direction::recv,
                         Outcome::ok, true);
        CHECK(world.drive.lines[leg].opens == 2);
        world.ready();
    }
}

TEST_CASE("a message that came before its sender's announced close was accepted, evidently") {
    for (const bool detach : {true, false}) {
        World world;
        world.ready();
        world.peer(0).manners().settle = false;
        world.start();
        CHECK(world.drive.none());
        if (detach) world.peer(0).detach(true, "amqp:link:detach-forced");
        if (!detach) world.peer(0).close("amqp:connection:forced");
        world.flow();
        world.expect(Outcome::ok, Phase::none);
    }
}

TEST_CASE(
    "a message that went with an announced close and never comes is a reset at its deadline") {
    World world;
    world.ready();
    world.peer(0).manners().settle = false;
    world.peer(0).manners().lose = true;
    world.start();
    world.peer(0).close("amqp:connection:forced");
    world.flow();
    CHECK(world.drive.none());
    world.drive.pass(6s);
    world.expect(Outcome::reset, Phase::send_settle, Direction::send);
}

TEST_CASE("after an announced close the attempts fail when it does not come back in time") {
    World world;
    world.ready();
    world.peer(0).close("amqp:connection:forced");
    world.flow(0);
    world.accepting = false;
    world.flow();
    world.drive.start(Channel::DL, 2s);
    CHECK(world.drive.lines[0].wanted);
    world.drive.pass(6s);
    world.expect(Outcome::timeout, Phase::tcp, Direction::send);
}

TEST_CASE("any other detach or close is a reset") {
    for (const bool detach : {true, false}) {
        World world;
        world.ready();
        world.peer(1).manners().deliver = false;
        world.start();
        if (detach) world.peer(1).detach(false, "amqp:internal-error");
        if (!detach) world.peer(1).close("amqp:internal-error");
        world.flow();
        world.expect(Outcome::reset, Phase::send_receive, Direction::recv);
        REQUIRE(world.drive.reconnects.size() == 1);
        expect_reconnect(world.drive.reconnects[0], Direction::recv, Outcome::ok, false);
    }
}

TEST_CASE("a link that is not attached again is given up with its connection") {
    World world;
    world.ready();
    world.peer(1).manners().attach_receiver = false;
    world.peer(1).detach(false, "amqp:link:detach-forced");
    world.flow();
    world.drive.start(Channel::DL, 2s);
    world.drive.pass(6s - 1ns);
    CHECK(world.drive.none());
    world.pass(1ns);
    world.expect(Outcome::timeout, Phase::attach_recv, Direction::recv);
    world.ready();
    CHECK(world.drive.lines[1].opens == 2);
}

TEST_CASE("bytes that are no AMQP are a broken protocol, in any phase") {
    World world;
    world.accepting = false;
    world.start();
    world.drive.connect(0);
    world.drive.bytes("HTTP/1.1 400 Bad Request\r\n\r\n", 0);
    world.expect(Outcome::protocol, Phase::sasl);
    CHECK(world.counters().malformed == 1);
    World later;
    later.ready();
    later.peer(1).manners().deliver = false;
    later.start();
    later.drive.bytes("\x01\x02\x03\x04\x05\x06\x07\x08", 1);
    later.expect(Outcome::protocol, Phase::send_receive, Direction::recv);
    CHECK(later.counters().malformed == 1);
}

TEST_CASE("tokens are put on each connection before its links, with the audience of the entity") {
    AmqpProbeOptions options = usual();
    const auto tokens = std::make_shared<Tokens>();
    options.connection.credentials = tokens;
    World world({}, options);
    world.start();
    const Observation seen = world.expect(Outcome::ok, Phase::none);
    CHECK(phases_of(seen) == std::vector<Phase>{Phase::tcp, Phase::sasl, Phase::open,
                                                Phase::cbs_attach, Phase::cbs_put_token,
                                                Phase::attach_send, Phase::credit,
                                                Phase::attach_recv, Phase::send_settle,
                                                Phase::send_receive, Phase::complete_settle});
    const std::string put =
        "amqp://broker.example/canary-0 servicebus.windows.net:sastoken secret-1";
    CHECK(world.store.tokens == std::vector<std::string>{put, put});
}

TEST_CASE("a token is replaced before it expires, and when the secret has changed") {
    AmqpProbeOptions options = usual();
    options.connection.tls = true;
    const auto tokens = std::make_shared<Tokens>();
    options.connection.credentials = tokens;
    World world({}, options);
    world.ready();
    CHECK(tokens->asked[0] == "amqps://broker.example/canary-0");
    CHECK(world.store.tokens.size() == 2);
    world.pass(45min - 1ns);
    CHECK(world.store.tokens.size() == 2);
    world.pass(1ns);
    CHECK(world.store.tokens.size() == 4);
    tokens->number = 2;
    world.ready();
    REQUIRE(world.store.tokens.size() == 6);
    CHECK(world.store.tokens.back().ends_with(" secret-2"));
    // One that cannot be had now is no loss while the last one is good.
    tokens->none = true;
    tokens->number = 3;
    world.ready();
    world.pass(30min);
    world.ready();
    tokens->none = false;
    world.pass(10min);
    CHECK(world.store.tokens.size() >= 8);
    CHECK(world.drive.reconnects.empty());
}

TEST_CASE("a token that comes late, or a new secret, is shown without a minute's wait") {
    AmqpProbeOptions options = usual();
    const auto tokens = std::make_shared<Tokens>();
    options.connection.credentials = tokens;
    tokens->none = true;
    World world({}, options);
    world.start();
    world.expect(Outcome::auth, Phase::cbs_put_token);
    tokens->none = false;
    world.start();
    world.pass(1s);
    world.expect(Outcome::ok, Phase::none);
    AmqpManners refusing;
    refusing.token_status = 401;
    World refused(refusing, options);
    refused.start();
    refused.expect(Outcome::auth, Phase::cbs_put_token);
    refused.manners = {};
    refused.start();
    refused.pass(5s);
    refused.expect(Outcome::auth, Phase::cbs_put_token);
    tokens->number = 2;
    refused.start();
    refused.pass(1s);
    refused.expect(Outcome::ok, Phase::none);
}

TEST_CASE("no token, or one that is refused, is auth") {
    AmqpProbeOptions options = usual();
    const auto tokens = std::make_shared<Tokens>();
    options.connection.credentials = tokens;
    tokens->none = true;
    World world({}, options);
    world.start();
    world.expect(Outcome::auth, Phase::cbs_put_token);
    for (const auto& [status, outcome] : {std::pair{401, Outcome::auth},
                                          {403, Outcome::auth},
                                          {404, Outcome::misconfigured},
                                          {503, Outcome::busy},
                                          {500, Outcome::wrong_answer},
                                          {-1, Outcome::wrong_answer}}) {
        tokens->none = false;
        AmqpManners manners;
        manners.token_status = status;
        World refused(manners, options);
        refused.start();
        refused.expect(outcome, Phase::cbs_put_token);
    }
    AmqpManners manners;
    manners.own_correlation = true;
    World other(manners, options);
    other.start();
    other.expect(Outcome::wrong_answer, Phase::cbs_put_token);
    manners = {};
    manners.reply_garbage = true;
    World garbage(manners, options);
    garbage.start();
    garbage.expect(Outcome::protocol, Phase::cbs_put_token);
}

}  // namespace vc
