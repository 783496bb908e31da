#include "probes/amqp/outcome.h"

#include <doctest/doctest.h>

namespace vc {
namespace {

AmqpReply reply(std::optional<int> status) {
    AmqpReply made;
    made.decoded = true;
    made.status = status;
    return made;
}

}  // namespace

TEST_CASE("a fault of configuration has no vote, whatever words the broker has for it") {
    for (const char* condition :
         {"amqp:not-found", "amqp:unauthorized-access", "amqp:not-allowed", "amqp:not-implemented",
          "amqp:resource-limit-exceeded", "amqp:link:message-size-exceeded",
          "com.microsoft:message-size-exceeded", "com.microsoft:entity-disabled",
          "amqp:resource-locked"}) {
        const Outcome outcome = outcome_of_condition(condition, Outcome::reset);
        CHECK(outcome == Outcome::misconfigured);
        CHECK(vote_of(outcome) == Vote::none);
        AmqpEvent rejected;
        rejected.disposition = Disposition::rejected;
        rejected.condition = condition;
        CHECK(vote_of(outcome_of_settlement(rejected)) == Vote::none);
        AmqpReply peek = reply(400);
        peek.condition = condition;
        CHECK(vote_of(outcome_of_peek_reply(peek)) == Vote::none);
    }
    for (const int status : {401, 403, 404, 410})
        CHECK(vote_of(outcome_of_peek_reply(reply(status))) == Vote::none);
}

TEST_CASE("server-busy is an answer of its own, and what is not known is left to the caller") {
    CHECK(outcome_of_condition("com.microsoft:server-busy", Outcome::reset) == Outcome::busy);
    CHECK(outcome_of_condition("com.microsoft:auth-failed", Outcome::reset) == Outcome::auth);
    CHECK(outcome_of_condition("amqp:connection:framing-error", Outcome::reset) ==
          Outcome::protocol);
    CHECK(outcome_of_condition("amqp:decode-error", Outcome::reset) == Outcome::protocol);
    CHECK(outcome_of_condition("com.microsoft:timeout", Outcome::reset) == Outcome::reset);
    CHECK(outcome_of_condition("", Outcome::wrong_answer) == Outcome::wrong_answer);
}

TEST_CASE("only an acceptance settles a message well") {
    AmqpEvent settled;
    for (const auto& [disposition, outcome] : {std::pair{Disposition::accepted, Outcome::ok},
                                               {Disposition::rejected, Outcome::wrong_answer},
                                               {Disposition::released, Outcome::wrong_answer},
                                               {Disposition::modified, Outcome::wrong_answer},
                                               {Disposition::unknown, Outcome::wrong_answer}}) {
        settled.disposition = disposition;
        CHECK(outcome_of_settlement(settled) == outcome);
    }
}

TEST_CASE("a token is taken, refused or answered wrongly") {
    for (const auto& [status, outcome] : {std::pair{200, Outcome::ok},
                                          {202, Outcome::ok},
                                          {401, Outcome::auth},
                                          {403, Outcome::auth},
                                          {404, Outcome::misconfigured},
                                          {429, Outcome::busy},
                                          {503, Outcome::busy},
                                          {500, Outcome::wrong_answer}}) {
        CHECK(outcome_of_token_reply(reply(status)) == outcome);
    }
    CHECK(outcome_of_token_reply(reply(std::nullopt)) == Outcome::wrong_answer);
    CHECK(outcome_of_token_reply({}) == Outcome::protocol);
}

TEST_CASE("a peek is sound, empty or wrong") {
    CHECK(outcome_of_peek_reply(reply(200)) == Outcome::ok);
    CHECK(outcome_of_peek_reply(reply(503)) == Outcome::busy);
    CHECK(outcome_of_peek_reply(reply(std::nullopt)) == Outcome::wrong_answer);
    CHECK(outcome_of_peek_reply({}) == Outcome::protocol);
    AmqpReply unsound = reply(200);
    unsound.sound_body = false;
    CHECK(outcome_of_peek_reply(unsound) == Outcome::protocol);
    unsound.status = 204;  // nothing waits: no list is due
    CHECK(outcome_of_peek_reply(unsound) == Outcome::ok);
}

TEST_CASE("housekeeping is told from failures by condition or words") {
    CHECK(is_planned("amqp:link:detach-forced", ""));
    CHECK(is_planned("amqp:connection:forced", ""));
    CHECK(is_planned("", ""));
    CHECK(is_planned("amqp:internal-error", "IdleTimerExpired: Idle timeout: 00:10:00."));
    CHECK(is_planned("amqp:internal-error",
                     "The connection is inactive for more than the allowed 60000 milliseconds"));
    CHECK_FALSE(is_planned("amqp:internal-error", "server fault"));
    CHECK_FALSE(is_planned("com.microsoft:server-busy", ""));
}

}  // namespace vc
