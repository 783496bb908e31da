#include "probes/fresh.h"

#include <doctest/doctest.h>

#include "tests/probes/drive.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

// Says "hello", takes "yes" for ok and anything else for a wrong answer.
class Greeting : public Dialogue {
  public:
    void on_connect(Instant now) override { watch_.start(now); }
    void on_bytes(std::string_view bytes, Instant now) override {
        watch_.done(Phase::call, now);
        end_ = bytes == "yes" ? End{} : End{Outcome::wrong_answer, Phase::call};
    }
    std::string take_bytes() override { return std::exchange(hello_, {}); }
    std::optional<End> end() const override { return end_; }
    Phase phase() const override { return Phase::call; }
    std::vector<PhaseTime> phases() const override { return watch_.phases(); }

  private:
    std::string hello_ = "hello";
    PhaseWatch watch_;
    std::optional<End> end_;
};

Drive greeter() {
    return Drive(std::make_unique<FreshSession>(
        [](const Attempt&) { return std::make_unique<Greeting>(); }));
}

}  // namespace

TEST_CASE("every attempt has a connection of its own, which is closed at its end") {
    Drive drive = greeter();
    for (int i = 1; i <= 3; ++i) {
        drive.start(Channel::BH, 2s);
        drive.connect();
        CHECK(drive.take_sent() == "hello");
        drive.pass(10ms);
        drive.bytes("yes");
        const Observation seen = drive.one();
        CHECK(seen.outcome == Outcome::ok);
        REQUIRE(seen.phases.size() == 2);
        CHECK(seen.phases[0].phase == Phase::tcp);
        CHECK(seen.phases[1].took == 10ms);
        drive.close();
        CHECK(drive.opens == i);
        CHECK(drive.session->idle());
    }
    CHECK(drive.session->counters().connects == 3);
}

TEST_CASE("attempts wait for one another, and their waiting counts") {
    Drive drive = greeter();
    drive.start(Channel::BH, 2s);
    drive.start(Channel::BH, 2s);
    drive.connect();
    drive.pass(3s);
    drive.bytes("yes");
    CHECK(drive.one().outcome == Outcome::late);
    drive.close();
    drive.connect();
    drive.bytes("yes");
    const Observation second = drive.one();
    CHECK(second.outcome == Outcome::late);
    CHECK(second.latency() == 3s);
}

TEST_CASE("a connect that fails or hangs says where") {
    Drive drive = greeter();
    drive.start(Channel::BH, 2s);
    drive.fail_connect(Outcome::dns, Phase::dns);
    CHECK(drive.one().failed_phase == Phase::dns);
    drive.start(Channel::BH, 2s);
    drive.pass(6s);
    const Observation hung = drive.one();
    CHECK(hung.outcome == Outcome::timeout);
    CHECK(hung.failed_phase == Phase::tcp);
    CHECK(drive.closing);
    drive.close();
    CHECK(drive.session->idle());
}

TEST_CASE("silence is a timeout, a loss a reset, both in the phase of the talk") {
    Drive drive = greeter();
    drive.start(Channel::BH, 2s);
    drive.connect();
    drive.pass(6s);
    CHECK(drive.one().outcome == Outcome::timeout);
    CHECK(drive.closing);
    drive.close();
    for (const CloseReason reason : {CloseReason::reset, CloseReason::peer_closed}) {
        drive.start(Channel::BH, 2s);
        drive.connect();
        drive.lose(reason);
        const Observation seen = drive.one();
        CHECK(seen.outcome == Outcome::reset);
        CHECK(seen.failed_phase == Phase::call);
    }
    CHECK(drive.session->counters().drops == 2);
}

TEST_CASE("who waits until the deadline behind others ends there too") {
    Drive drive = greeter();
    drive.start(Channel::BH, 3s);
    drive.start(Channel::BH, 2s);
    drive.connect();
    drive.pass(6s);
    CHECK(drive.one().id.value == 2);
    drive.pass(3s);
    CHECK(drive.one().id.value == 1);
}

TEST_CASE("stop and abandon end everything and close; nothing is taken up afterwards") {
    for (const bool orderly : {true, false}) {
        for (int state = 0; state < 3; ++state) {
            Drive drive = greeter();
            if (state >= 1) drive.start(Channel::BH, 2s);
            if (state >= 1) drive.start(Channel::BH, 2s);
            if (state >= 2) drive.connect();
            if (orderly) drive.stop();
            if (!orderly) drive.abandon();
            CHECK(drive.seen.size() == (state >= 1 ? 2U : 0U));
            for (const Observation& seen : drive.seen)
                CHECK(seen.outcome == Outcome::abandoned);
            drive.look_at_all();
            if (state >= 1) drive.close();
            CHECK(drive.session->idle());
            drive.start(Channel::BH, 2s);
            CHECK(drive.one().outcome == Outcome::abandoned);
            CHECK_FALSE(drive.wanted);
        }
    }
}

}  // namespace vc
