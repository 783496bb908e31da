#include "probes/amqp/phases.h"

#include <doctest/doctest.h>

namespace vc {

using namespace std::chrono_literals;

TEST_CASE("every phase has a deadline within the budget") {
    for (const Phase phase :
         {Phase::dns, Phase::tcp, Phase::tls, Phase::sasl, Phase::open, Phase::cbs_attach,
          Phase::cbs_put_token, Phase::attach_send, Phase::credit, Phase::attach_recv,
          Phase::send_settle, Phase::send_receive, Phase::complete_settle, Phase::close}) {
        CHECK(phase_deadline(phase, 8s) >= 1s);
        CHECK(phase_deadline(phase, 8s) <= 4s);
    }
    CHECK(phase_deadline(Phase::call, 8s) == 8s);
}

TEST_CASE("the phase that passed its deadline by most is told, the one under way included") {
    using List = std::vector<PhaseTime>;
    CHECK(overrun_phase({}, Phase::none, {}, 8s) == Phase::none);
    CHECK(overrun_phase(List{{Phase::tcp, 1s}}, Phase::none, {}, 8s) == Phase::none);
    CHECK(overrun_phase(List{{Phase::tcp, 3s}}, Phase::none, {}, 8s) == Phase::tcp);
    CHECK(overrun_phase(List{{Phase::tcp, 3s}}, Phase::open, 20s, 8s) == Phase::open);
    CHECK(overrun_phase(List{{Phase::tls, 20s}}, Phase::open, 4s, 8s) == Phase::tls);
    // The message came right after its settlement, which took long.
    CHECK(overrun_phase(List{{Phase::send_settle, 9s}, {Phase::send_receive, 9s + 1ms}},
                        Phase::none, {}, 8s) == Phase::send_settle);
    CHECK(overrun_phase(List{{Phase::send_settle, 1s}, {Phase::send_receive, 9s}}, Phase::none, {},
                        8s) == Phase::send_receive);
}

TEST_CASE("a phase belongs to the half that sends, the half that receives, or both") {
    CHECK(half_of(Phase::attach_send) == Direction::send);
    CHECK(half_of(Phase::credit) == Direction::send);
    CHECK(half_of(Phase::send_settle) == Direction::send);
    CHECK(half_of(Phase::attach_recv) == Direction::recv);
    CHECK(half_of(Phase::send_receive) == Direction::recv);
    CHECK(half_of(Phase::complete_settle) == Direction::recv);
    for (const Phase phase : {Phase::none, Phase::dns, Phase::tcp, Phase::tls, Phase::sasl,
                              Phase::open, Phase::cbs_attach, Phase::cbs_put_token, Phase::close}) {
        CHECK(half_of(phase) == Direction::none);
    }
}

TEST_CASE("a connection has a little less time than its attempt, and never none") {
    CHECK(connect_time(6s) < 6s);
    CHECK(connect_time(6s) > 5900ms);
    CHECK(connect_time(0s) == 1ms);
    CHECK(connect_time(-1s) == 1ms);
}

TEST_CASE("of two lists of phases the longer of each remains") {
    std::vector<PhaseTime> phases{{Phase::tcp, 1s}, {Phase::sasl, 3s}};
    merge_longest(phases, {{Phase::tcp, 2s}, {Phase::sasl, 1s}, {Phase::open, 1s}});
    REQUIRE(phases.size() == 3);
    CHECK(phases[0].took == 2s);
    CHECK(phases[1].took == 3s);
    CHECK(phases[2].phase == Phase::open);
}

}  // namespace vc
