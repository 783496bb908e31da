// A session of a broker and the broker, joined by hand over all its legs: for the tests of the
// session.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "probes/amqp/session.h"
#include "tests/probes/amqp_peer.h"
#include "tests/probes/drive.h"

namespace vc::amqp_test {

using namespace std::chrono_literals;

// Tokens that expire, and that can be replaced.
class Tokens : public AmqpCredentials {
  public:
    AmqpLogin login() const override { return {}; }
    bool uses_cbs() const override { return true; }
    std::optional<CbsToken> token(std::string_view audience, Instant now) const override {
        if (none) return std::nullopt;
        asked.push_back(std::string(audience));
        return CbsToken{"servicebus.windows.net:sastoken", "secret-" + std::to_string(number),
                        now + life};
    }
    std::uint64_t generation() const override { return number; }

    bool none = false;
    std::uint64_t number = 1;
    Duration life = 1h;
    mutable std::vector<std::string> asked;
};

inline AmqpProbeOptions usual() {
    AmqpProbeOptions made;
    made.connection.hostname = "broker.example";
    made.connection.container_id = "c";
    made.channel = Channel::DL;
    made.entity = "canary-0";
    made.fresh_entity = "canary-0-fresh";
    made.run = "run";
    made.budget = 2s;
    made.seed = 1;
    return made;
}

struct World {
    explicit World(AmqpManners its = {}, AmqpProbeOptions options = usual())
        : manners(std::move(its)), drive(std::make_unique<AmqpSession>(std::move(options))) {}

    AmqpStore store;
    AmqpManners manners;  // of connections that are made from now on
    // Of one leg alone, instead.
    std::array<std::optional<AmqpManners>, 5> its;
    Drive drive;
    std::array<std::unique_ptr<AmqpPeer>, 5> peers;
    bool accepting = true;  // connections are made as they are asked for

    AmqpPeer& peer(Leg leg) {
        REQUIRE(peers[leg]);
        return *peers[leg];
    }

    // Everything that can pass in no time does.
    void flow() {
        for (int i = 0; i < 40; ++i) {
            bool quiet = true;
            for (Leg leg = 0; leg < 5; ++leg)
                quiet = flow(leg) && quiet;
            if (quiet) return;
        }
    }
    // False when something passed.
    bool flow(Leg leg) {
        Drive::Line& line = drive.lines[leg];
        if (line.closing) {
            if (peers[leg]) peers[leg]->receive(drive.take_sent(leg));
            peers[leg].reset();
            drive.close(leg);
            return false;
        }
        if (line.wanted && accepting) {
            peers[leg] = std::make_unique<AmqpPeer>(its[leg].value_or(manners), store);
            drive.connect(leg);
            return false;
        }
        if (!line.up || !peers[leg]) return true;
        const std::string out = drive.take_sent(leg);
        peers[leg]->receive(out);
        const std::string back = peers[leg]->take_bytes();
        if (!back.empty()) drive.bytes(back, leg);
        return out.empty() && back.empty();
    }
    void start(Channel channel = Channel::DL, Duration budget = 2s) {
        drive.start(channel, budget);
        flow();
    }
    // In steps, so that what is sent on the way is answered.
    void pass(Duration time) {
        const Instant end = drive.now + time;
        while (drive.now < end) {
            const Instant wake = drive.wake_at.value_or(end);
            drive.pass(std::max<Duration>(std::min(wake, end) - drive.now, 0ns));
            if (drive.now < end && wake <= drive.now) drive.pass(1ns);
            flow();
        }
    }
    void lose(Leg leg, CloseReason reason = CloseReason::reset) {
        peers[leg].reset();
        drive.lose(reason, leg);
    }
    Observation expect(Outcome outcome, Phase phase, Direction half = Direction::none) {
        const Observation seen = drive.one();
        CHECK(to_text(seen.outcome) == to_text(outcome));
        CHECK(to_text(seen.failed_phase) == to_text(phase));
        CHECK(to_text(seen.direction) == to_text(half));
        return seen;
    }
    // Up, with one message behind it.
    void ready() {
        start();
        expect(Outcome::ok, Phase::none);
    }
    SessionCounters counters() const { return drive.session->counters(); }
};

inline std::vector<Phase> phases_of(const Observation& seen) {
    std::vector<Phase> phases;
    for (const PhaseTime& time : seen.phases)
        phases.push_back(time.phase);
    return phases;
}

}  // namespace vc::amqp_test
