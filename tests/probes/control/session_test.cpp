#include "probes/control/session.h"

#include <doctest/doctest.h>

#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

Drive control_probe() {
    return Drive(make_control_session(GetTarget{"control.example", 80, "/", false}));
}

Observation answered(std::string_view answer) {
    Drive drive = control_probe();
    drive.start(Channel::CT, 1s);
    drive.connect();
    CHECK(drive.take_sent().starts_with("GET / HTTP/1.1\r\n"));
    drive.pass(10ms);
    drive.bytes(answer);
    return drive.one();
}

}  // namespace

TEST_CASE("any well-formed status below 500 is ok, as soon as the head is there") {
    for (const char* status : {"200", "204", "301", "404", "499"}) {
        const Observation seen = answered(std::string("HTTP/1.1 ") + status + " X\r\n\r\n");
        CHECK(seen.outcome == Outcome::ok);
        REQUIRE(seen.phases.size() == 2);
        CHECK(seen.phases[1].phase == Phase::call);
        CHECK(seen.phases[1].took == 10ms);
    }
}

TEST_CASE("a server error is a wrong answer, and no HTTP a broken protocol") {
    CHECK(answered("HTTP/1.1 500 X\r\n\r\n").outcome == Outcome::wrong_answer);
    const Observation broken = answered("220 smtp.example ESMTP\r\n");
    CHECK(broken.outcome == Outcome::protocol);
    CHECK(broken.failed_phase == Phase::call);
}

TEST_CASE("silence is a timeout, and an end without an answer a reset") {
    Drive drive = control_probe();
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.pass(3s);
    CHECK(drive.one().outcome == Outcome::timeout);
    drive.close();
    drive.start(Channel::CT, 1s);
    drive.connect();
    drive.lose(CloseReason::peer_closed);
    CHECK(drive.one().outcome == Outcome::reset);
    drive.start(Channel::CT, 1s);
    drive.fail_connect(Outcome::refused, Phase::tcp);
    CHECK(drive.one().outcome == Outcome::refused);
}

}  // namespace vc
