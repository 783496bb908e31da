#include "probes/bridge/session.h"

#include <doctest/doctest.h>

#include "tests/probes/drive.h"
#include "tests/probes/websocket_server.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

Drive bridge_probe() {
    WebSocketRequest request;
    request.host = "bridge.example";
    request.port = 80;
    request.path = "/ocpp/BH1";
    request.subprotocol = "ocpp1.6";
    return Drive(make_bridge_session(request, 1));
}

void connect(Drive& drive) {
    drive.start(Channel::BH, 2s);
    drive.connect();
}

void check(Drive& drive, Outcome outcome, Phase phase) {
    const Observation seen = drive.one();
    CHECK(to_text(seen.outcome) == to_text(outcome));
    CHECK(to_text(seen.failed_phase) == to_text(phase));
}

}  // namespace

TEST_CASE("upgrade, ping, pong and a close make a handshake that is ok") {
    Drive drive = bridge_probe();
    for (int i = 0; i < 2; ++i) {
        connect(drive);
        WebSocketServer server;
        server.receive(drive.take_sent());
        CHECK(server.path() == "/ocpp/BH1");
        drive.pass(20ms);
        drive.bytes(server.take_bytes());
        drive.pass(5ms);
        server.receive(drive.take_sent());
        drive.bytes(server.take_bytes());
        const Observation seen = drive.one();
        CHECK(seen.outcome == Outcome::ok);
        REQUIRE(seen.phases.size() == 3);
        CHECK(seen.phases[1].phase == Phase::upgrade);
        CHECK(seen.phases[1].took == 20ms);
        CHECK(seen.phases[2].phase == Phase::call);
        CHECK(seen.phases[2].took == 5ms);
        CHECK_FALSE(drive.sent.empty());        // the close frame
        CHECK(server.take_messages().empty());  // never an OCPP call
        drive.close();
    }
}

TEST_CASE("every way to fail a handshake has its outcome and phase") {
    Drive drive = bridge_probe();
    connect(drive);
    drive.pass(6s);
    check(drive, Outcome::timeout, Phase::upgrade);
    drive.close();
    connect(drive);
    drive.bytes("HTTP/1.1 503 Busy\r\n\r\n");
    check(drive, Outcome::busy, Phase::upgrade);
    drive.close();
    connect(drive);
    drive.bytes("HTTP/1.1 404 No\r\n\r\n");
    check(drive, Outcome::misconfigured, Phase::upgrade);
    drive.close();
    connect(drive);
    drive.bytes("nonsense\r\n\r\n");
    check(drive, Outcome::protocol, Phase::upgrade);
    drive.close();
    CHECK(drive.session->counters().malformed == 1);
    connect(drive);
    drive.lose();
    check(drive, Outcome::reset, Phase::upgrade);
}

TEST_CASE("after the upgrade: no subprotocol, no pong, a close, a broken frame, a loss") {
    Drive drive = bridge_probe();
    const auto upgrade = [&drive](WebSocketServer& server) {
        connect(drive);
        server.receive(drive.take_sent());
        drive.bytes(server.take_bytes());
    };
    WebSocketServer other("");
    upgrade(other);
    check(drive, Outcome::wrong_answer, Phase::upgrade);
    drive.close();
    WebSocketServer silent;
    silent.stay_silent();
    upgrade(silent);
    silent.receive(drive.take_sent());
    CHECK(silent.take_bytes().empty());
    drive.pass(6s);
    check(drive, Outcome::timeout, Phase::call);
    drive.close();
    WebSocketServer closing;
    upgrade(closing);
    closing.close(1001, "away");
    drive.bytes(closing.take_bytes());
    check(drive, Outcome::reset, Phase::call);
    drive.close();
    WebSocketServer broken;
    upgrade(broken);
    drive.bytes("\xff\xff");
    check(drive, Outcome::protocol, Phase::call);
    drive.close();
    WebSocketServer lost;
    upgrade(lost);
    drive.lose();
    check(drive, Outcome::reset, Phase::call);
}

}  // namespace vc
