#include "rules/observation.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

TEST_CASE("every channel, outcome and phase is read back from its own name, and nothing else is") {
    for (const Channel channel : all_channels)
        CHECK(channel_from(to_text(channel)) == channel);
    for (const Outcome outcome : all_outcomes)
        CHECK(outcome_from(to_text(outcome)) == outcome);
    for (int i = 0; i <= static_cast<int>(Phase::close); ++i)
        CHECK(phase_from(to_text(static_cast<Phase>(i))) == static_cast<Phase>(i));
    CHECK(!channel_from("XX"));
    CHECK(!outcome_from("fine"));
    CHECK(!phase_from(""));
    CHECK(to_text(static_cast<Channel>(99)) == "?");
}

TEST_CASE("a late answer is a bad one, and what is our own doing has no vote") {
    CHECK(vote_of(Outcome::ok) == Vote::good);
    for (const Outcome outcome : {Outcome::late, Outcome::timeout, Outcome::refused, Outcome::reset,
                                  Outcome::dns, Outcome::tls, Outcome::auth, Outcome::busy,
                                  Outcome::lost, Outcome::protocol, Outcome::wrong_answer})
        CHECK(vote_of(outcome) == Vote::bad);
    for (const Outcome outcome : {Outcome::duplicate, Outcome::misconfigured, Outcome::abandoned})
        CHECK(vote_of(outcome) == Vote::none);
}

TEST_CASE("a login or certificate that ended has no vote in a direct probe, and one in others") {
    Observation seen;
    for (const Outcome outcome : {Outcome::auth, Outcome::tls}) {
        seen.outcome = outcome;
        for (const Channel channel : all_channels) {
            seen.channel = channel;
            CHECK(vote_of(seen) == (is_direct(channel) ? Vote::none : Vote::bad));
        }
    }
    seen.channel = Channel::DL;
    seen.outcome = Outcome::refused;
    CHECK(vote_of(seen) == Vote::bad);
    seen.tainted = true;
    CHECK(vote_of(seen) == Vote::none);
}

TEST_CASE("latency counts from the intended start") {
    Observation seen;
    seen.due = Instant{std::chrono::seconds{10}};
    seen.started = Instant{std::chrono::seconds{14}};
    seen.finished = Instant{std::chrono::seconds{15}};
    CHECK(seen.latency() == std::chrono::seconds{5});
}

}  // namespace
}  // namespace vc
