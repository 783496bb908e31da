#include "probes/ocpp/session.h"

#include <doctest/doctest.h>

#include "tests/probes/ocpp/world.h"

namespace vc {
namespace {

using namespace std::chrono_literals;
using ocpp_test::World;

bool has(const Observation& seen, Phase phase) {
    for (const PhaseTime& time : seen.phases) {
        if (time.phase == phase) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("the first heartbeat connects, upgrades, boots and is answered, with every phase timed") {
    World world;
    world.drive.start(Channel::HB, 5s);
    CHECK(world.drive.wanted);
    world.connect();
    world.drive.pass(100ms);
    world.accept_boot();
    world.drive.pass(200ms);
    world.beat();
    const Observation seen = world.drive.one();
    CHECK(seen.outcome == Outcome::ok);
    CHECK(seen.channel == Channel::HB);
    CHECK(seen.latency() == 300ms);
    REQUIRE(seen.phases.size() == 4);
    CHECK(seen.phases[0].phase == Phase::tcp);
    CHECK(seen.phases[1].phase == Phase::upgrade);
    CHECK(seen.phases[2].phase == Phase::boot);
    CHECK(seen.phases[2].took == 100ms);
    CHECK(seen.phases[3].phase == Phase::call);
    CHECK(seen.phases[3].took == 200ms);
    CHECK(world.drive.session->idle());
}

TEST_CASE("later heartbeats use the connection that is there, and have only a call") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s);
    world.drive.pass(6s);
    world.beat();
    const Observation seen = world.drive.one();
    CHECK(seen.outcome == Outcome::late);
    CHECK(seen.failed_phase == Phase::call);
    REQUIRE(seen.phases.size() == 1);
    CHECK(world.drive.opens == 1);
}

TEST_CASE("latency counts from the intended start, and so does the deadline") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s, 4s);
    CHECK(world.call().action == "Heartbeat");
    world.drive.pass(11s - 1ns);
    CHECK(world.drive.none());
    world.drive.pass(1ns);
    const Observation seen = world.drive.one();
    CHECK(seen.outcome == Outcome::timeout);
    CHECK(seen.latency() == 15s);
    CHECK(seen.started - seen.due == 4s);
}

TEST_CASE("a transaction is started, metered if asked for, and stopped") {
    OcppOptions options = World::usual();
    options.meter_values = true;
    World world(options);
    world.ready();
    world.drive.start(Channel::TX, 10s);
    world.start_transaction(5);
    Frame next = world.call();
    CHECK(next.action == "MeterValues");
    world.answer(next, "{}");
    next = world.call();
    CHECK(next.action == "StopTransaction");
    CHECK(world.drive.none());
    world.answer(next, "{}");
    world.expect(Outcome::ok, Phase::none);
    CHECK(world.drive.session->idle());
}

TEST_CASE("the standby loop is a heartbeat, a start and a stop") {
    World world;
    world.ready();
    world.drive.start(Channel::SC, 10s);
    world.beat();
    world.start_transaction(6);
    world.answer(world.call(), "{}");
    world.expect(Outcome::ok, Phase::none);
}

TEST_CASE("attempts queue behind the one call, in order") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s);
    world.drive.start(Channel::HB, 5s);
    CHECK(world.drive.session->open_attempts() == 2);
    world.beat();
    CHECK(world.drive.one().id.value == 2);
    world.beat();
    CHECK(world.drive.one().id.value == 3);
}

TEST_CASE("a failed connect ends those who wait with its outcome and phase") {
    for (const auto& [outcome, phase] : {std::pair{Outcome::refused, Phase::tcp},
                                         {Outcome::timeout, Phase::tcp},
                                         {Outcome::dns, Phase::dns},
                                         {Outcome::tls, Phase::tls},
                                         {Outcome::reset, Phase::tls}}) {
        World world;
        world.drive.start(Channel::HB, 5s);
        world.drive.fail_connect(outcome, phase);
        world.expect(outcome, phase);
        CHECK(world.drive.wanted);  // the first retry is at once
        world.drive.fail_connect(outcome, phase);
        CHECK_FALSE(world.drive.wanted);
        world.drive.start(Channel::HB, 5s);
        CHECK(world.drive.none());  // a try comes before its deadline
        world.drive.pass(1s);
        CHECK(world.drive.wanted);
        world.drive.fail_connect(outcome, phase);
        world.expect(outcome, phase);
    }
}

TEST_CASE("a connect that hangs is a timeout in tcp, and what comes of it later is used") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.drive.pass(15s);
    world.expect(Outcome::timeout, Phase::tcp);
    world.drive.start(Channel::HB, 5s);
    world.connect();
    world.accept_boot();
    world.beat();
    world.expect(Outcome::ok, Phase::none);
}

TEST_CASE("an upgrade that is not answered is a timeout in upgrade, and then tried again") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.drive.connect();
    world.drive.pass(15s);
    world.expect(Outcome::timeout, Phase::upgrade);
    CHECK_FALSE(world.drive.closing);
    world.drive.pass(15s);
    CHECK(world.drive.closing);
    world.drive.close();
    CHECK(world.drive.wanted);
}

TEST_CASE("a refused upgrade says what its status says") {
    for (const auto& [status, outcome] : {std::pair{401, Outcome::auth},
                                          {403, Outcome::auth},
                                          {404, Outcome::misconfigured},
                                          {429, Outcome::busy},
                                          {503, Outcome::busy},
                                          {500, Outcome::wrong_answer}}) {
        World world;
        world.drive.start(Channel::HB, 5s);
        world.drive.connect();
        world.drive.bytes("HTTP/1.1 " + std::to_string(status) + " No\r\n\r\n");
        world.expect(outcome, Phase::upgrade);
        CHECK(world.drive.closing);
        world.drive.close();
        // Refused credentials are not tried again for a minute, and what is due before says so.
        CHECK(world.drive.wanted == (outcome != Outcome::auth));
        if (outcome != Outcome::auth) continue;
        world.drive.start(Channel::HB, 5s);
        world.expect(Outcome::auth, Phase::upgrade);
        world.drive.pass(67s);
        CHECK(world.drive.wanted);
    }
}

TEST_CASE("an upgrade to another protocol, or to nonsense, is told apart") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.drive.connect();
    world.server = std::make_unique<WebSocketServer>("ocpp2.0.1");
    world.flow();
    world.expect(Outcome::wrong_answer, Phase::upgrade);
    World other;
    other.drive.start(Channel::HB, 5s);
    other.drive.connect();
    other.drive.bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    other.expect(Outcome::protocol, Phase::upgrade);
    CHECK(other.drive.session->counters().malformed == 1);
}

TEST_CASE("a connection lost in the upgrade or in the boot is a reset there") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.drive.connect();
    world.drive.lose();
    world.expect(Outcome::reset, Phase::upgrade);
    world.drive.start(Channel::HB, 5s);
    world.connect();
    world.call();
    world.drive.lose(CloseReason::peer_closed);
    world.expect(Outcome::reset, Phase::boot);
}

TEST_CASE("a boot that is never answered is a timeout in boot") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.connect();
    world.call();
    world.drive.pass(15s);
    world.expect(Outcome::timeout, Phase::boot);
}

TEST_CASE(
    "a boot that is not accepted is misconfigured: at once when rejected, in the end when "
    "pending") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.connect();
    world.answer(world.call(), R"({"status":"Rejected","interval":100})");
    world.expect(Outcome::misconfigured, Phase::boot);
    world.drive.start(Channel::HB, 5s);
    world.drive.pass(15s);
    world.expect(Outcome::misconfigured, Phase::boot);
    World pending;
    pending.drive.start(Channel::HB, 5s);
    pending.connect();
    pending.answer(pending.call(), R"({"status":"Pending","interval":100})");
    CHECK(pending.drive.none());
    pending.drive.pass(15s);
    pending.expect(Outcome::misconfigured, Phase::boot);
    pending.drive.pass(85s);
    pending.accept_boot();
    pending.drive.start(Channel::HB, 5s);
    pending.beat();
    pending.expect(Outcome::ok, Phase::none);
}

TEST_CASE("a boot answered with an error is a wrong answer, with nonsense a broken protocol") {
    World world;
    world.drive.start(Channel::HB, 5s);
    world.connect();
    world.refuse(world.call(), "InternalError");
    world.expect(Outcome::wrong_answer, Phase::boot);
    world.drive.start(Channel::HB, 5s);
    world.drive.pass(15s);  // sent again meanwhile, and that not answered
    world.drive.look_at_all();
    world.drive.start(Channel::HB, 5s);
    world.server->send("[[[");
    world.flow();
    world.expect(Outcome::protocol, Phase::boot);
}

TEST_CASE("a call answered with an error or something else is a wrong answer") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s);
    world.refuse(world.call(), "NotImplemented");
    world.expect(Outcome::wrong_answer, Phase::call);
    world.drive.start(Channel::HB, 5s);
    world.answer(world.call(), R"({"time":1})");
    world.expect(Outcome::wrong_answer, Phase::call);
    world.drive.start(Channel::HB, 5s);
    world.call();
    world.server->send("nonsense");
    world.flow();
    world.expect(Outcome::protocol, Phase::call);
    world.drive.start(Channel::HB, 5s);
    world.beat();
    world.expect(Outcome::ok, Phase::none);
}

TEST_CASE("an id tag that is not accepted is misconfigured") {
    World world;
    world.ready();
    world.drive.start(Channel::TX, 10s);
    world.answer(world.call(), R"({"transactionId":0,"idTagInfo":{"status":"Invalid"}})");
    world.expect(Outcome::misconfigured, Phase::call);
    CHECK(world.quiet());
}

TEST_CASE("a connection lost in a call is a reset; what waits, waits for the next connection") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s);
    world.drive.start(Channel::HB, 5s);
    world.call();
    world.drive.lose();
    world.expect(Outcome::reset, Phase::call);
    CHECK(world.drive.wanted);  // at once
    world.connect();
    const Frame next = world.call();
    CHECK(next.action == "Heartbeat");  // no boot on a plain reconnect
    world.answer(next, R"({"currentTime":"x"})");
    const Observation seen = world.drive.one();
    CHECK(seen.outcome == Outcome::ok);
    CHECK(has(seen, Phase::upgrade));
    CHECK_FALSE(has(seen, Phase::boot));
    CHECK(world.drive.session->counters().connects == 2);
    CHECK(world.drive.session->counters().drops == 1);
}

TEST_CASE("a closing handshake of the peer and a broken frame end the call, each as what it is") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s);
    world.call();
    world.server->close(1012, "restart");
    world.drive.bytes(world.server->take_bytes());
    world.expect(Outcome::reset, Phase::call);
    world.drive.close();
    world.connect();
    world.drive.start(Channel::HB, 5s);
    world.call();
    world.drive.bytes("\xff\xff\xff");
    world.expect(Outcome::protocol, Phase::call);
    CHECK(world.drive.closing);
}

TEST_CASE("a call timed out keeps the connection; its late answer is matched and counted") {
    World world;
    world.ready();
    world.drive.start(Channel::HB, 5s);
    const Frame lost = world.call();
    world.drive.pass(15s);
    world.expect(Outcome::timeout, Phase::call);
    world.drive.start(Channel::HB, 5s);
    const Frame next = world.call();
    world.answer(lost, R"({"currentTime":"x"})");
    CHECK(world.drive.none());
    CHECK(world.drive.session->counters().late_answers == 1);
    world.answer(next, R"({"currentTime":"x"})");
    world.expect(Outcome::ok, Phase::none);
    world.answer(next, R"({"currentTime":"x"})");
    world.answer({FrameKind::result, "other", "", "", "", {}}, "{}");
    CHECK(world.drive.session->counters().duplicates == 1);
    CHECK(world.drive.session->counters().unmatched == 1);
    CHECK(world.drive.opens == 1);
}

TEST_CASE("a peer that is silent to pings is left") {
    OcppOptions options = World::usual();
    options.ping_every = 30s;
    World world(options);
    world.ready();
    world.drive.pass(30s);
    world.flow();  // ping and pong
    world.drive.pass(30s);
    CHECK_FALSE(world.drive.closing);
    world.drive.start(Channel::HB, 20s);
    world.drive.pass(30s);  // nothing comes back
    world.expect(Outcome::timeout, Phase::call);
    CHECK(world.drive.closing);
    world.drive.close();
    CHECK(world.drive.wanted);
}

TEST_CASE("a channel that is not ours is refused, and too many attempts are our own doing") {
    World world;
    world.drive.start(Channel::CT, 5s);
    world.expect(Outcome::misconfigured, Phase::none);
    for (int i = 0; i < 70; ++i)
        world.drive.start(Channel::HB, 5s);
    int abandoned = 0;
    for (const Observation& seen : world.drive.seen) {
        if (seen.outcome == Outcome::abandoned) ++abandoned;
    }
    CHECK(abandoned == 6);
}

TEST_CASE("whatever the bridge does, every attempt ends once and the session can go on") {
    Random random(11);
    for (int round = 0; round < 300; ++round) {
        OcppOptions options = World::usual();
        options.ping_every = 30s;
        World world(options);
        Drive& drive = world.drive;
        for (int step = 0; step < 60; ++step) {
            switch (random.next() % 9) {
                case 0:
                    drive.start(random.next() % 2 == 0 ? Channel::HB : Channel::TX, 5s);
                    break;
                case 1:
                    if (drive.wanted) world.connect();
                    break;
                case 2:
                    if (drive.wanted) drive.fail_connect(Outcome::refused, Phase::tcp);
                    break;
                case 3:
                case 4:
                case 5:
                    if (!world.server || drive.wanted || drive.closing) break;
                    if (world.calls.empty()) break;
                    world.answer(world.calls.front(),
                                 R"({"status":"Accepted","currentTime":"x","transactionId":)" +
                                     std::to_string(random.next() % 100) +
                                     R"(,"idTagInfo":{"status":"Accepted"}})");
                    if (!world.calls.empty()) world.calls.erase(world.calls.begin());
                    break;
                case 6:
                    drive.pass(random.below(20s));
                    break;
                case 7:
                    if (world.server && !drive.wanted && !drive.closing && random.next() % 3 == 0) {
                        drive.bytes(
                            std::string(random.next() % 20, static_cast<char>(random.next())));
                    }
                    break;
                case 8:
                    if (drive.closing) drive.close();
                    break;
            }
        }
        drive.abandon();
        CHECK(drive.session->open_attempts() == 0);
    }
}

}  // namespace vc
