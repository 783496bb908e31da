#include "probes/amqp/link.h"

#include <doctest/doctest.h>

#include "tests/probes/amqp_peer.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

struct Pair {
    explicit Pair(AmqpManners manners = {}) : peer(std::move(manners)) {}
    Instant now{500'000h};
    AmqpLink link{[] {
                      AmqpOptions options;
                      options.hostname = "broker.example";
                      options.container_id = "c";
                      return options;
                  }(),
                  "canary-0", now};
    AmqpPeer peer;

    void flow() {
        for (int i = 0; i < 10; ++i) {
            now += 1ms;
            peer.receive(link.engine().take_bytes());
            const std::string back = peer.take_bytes();
            if (!back.empty()) link.receive(back, now);
        }
    }
};

}  // namespace

TEST_CASE("a link comes up phase by phase") {
    Pair pair;
    CHECK(pair.link.phase() == Phase::sasl);
    pair.flow();
    CHECK(pair.link.ready());
    std::vector<Phase> phases;
    for (const PhaseTime& time : pair.link.phases())
        phases.push_back(time.phase);
    CHECK(phases == std::vector<Phase>{Phase::sasl, Phase::open, Phase::attach_send, Phase::credit,
                                       Phase::attach_recv});
    pair.link.close();
    pair.flow();
    CHECK(pair.link.closed());
    CHECK_FALSE(pair.link.broken());
}

TEST_CASE("a link that stalls says in which phase") {
    const auto stalled_in = [](AmqpManners manners) {
        Pair pair(std::move(manners));
        pair.flow();
        CHECK_FALSE(pair.link.broken());
        return pair.link.phase();
    };
    AmqpManners manners;
    manners.open = false;
    CHECK(stalled_in(manners) == Phase::open);
    manners = {};
    manners.attach_sender = false;
    CHECK(stalled_in(manners) == Phase::attach_send);
    manners = {};
    manners.credit = false;
    CHECK(stalled_in(manners) == Phase::credit);
    manners = {};
    manners.attach_receiver = false;
    CHECK(stalled_in(manners) == Phase::attach_recv);
}

TEST_CASE("a refused attach breaks the link with what its condition means, and keeps the words") {
    AmqpManners manners;
    manners.refuse_sender = "amqp:not-found";
    Pair pair(manners);
    pair.flow();
    REQUIRE(pair.link.broken());
    CHECK(pair.link.broken()->outcome == Outcome::misconfigured);
    CHECK(pair.link.broken()->phase == Phase::attach_send);
    CHECK(pair.link.words() == "amqp:not-found: not this one");
    manners = {};
    manners.refuse_receiver = "com.microsoft:server-busy";
    Pair busy(manners);
    busy.flow();
    REQUIRE(busy.link.broken());
    CHECK(busy.link.broken()->outcome == Outcome::busy);
    CHECK(busy.link.broken()->phase == Phase::attach_recv);
}

TEST_CASE("every known condition has its outcome") {
    const auto outcome = [](const char* condition) {
        return outcome_of_condition(condition, Outcome::reset);
    };
    CHECK(outcome("com.microsoft:server-busy") == Outcome::busy);
    CHECK(outcome("com.microsoft:auth-failed") == Outcome::auth);
    CHECK(outcome("amqp:not-found") == Outcome::misconfigured);
    CHECK(outcome("amqp:unauthorized-access") == Outcome::misconfigured);
    CHECK(outcome("amqp:resource-limit-exceeded") == Outcome::misconfigured);
    CHECK(outcome("com.microsoft:entity-disabled") == Outcome::misconfigured);
    CHECK(outcome("amqp:link:detach-forced") == Outcome::reset);
    CHECK(outcome("amqp:connection:forced") == Outcome::reset);
    CHECK(outcome("") == Outcome::reset);
    AmqpEvent event;
    event.disposition = Disposition::rejected;
    CHECK(outcome_of_settlement(event) == Outcome::wrong_answer);
    event.condition = "com.microsoft:server-busy";
    CHECK(outcome_of_settlement(event) == Outcome::busy);
    for (const Disposition other :
         {Disposition::released, Disposition::modified, Disposition::unknown}) {
        event.disposition = other;
        CHECK(outcome_of_settlement(event) == Outcome::wrong_answer);
    }
    event.disposition = Disposition::accepted;
    CHECK(outcome_of_settlement(event) == Outcome::ok);
}

}  // namespace vc
