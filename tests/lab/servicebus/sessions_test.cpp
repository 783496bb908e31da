// Sessions of the store: box_sessions.cpp through the store's own calls.
#include <doctest/doctest.h>

#include "tests/lab/servicebus/testing.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

struct Sessions {
    Store store{"test"};
    EntityId queue;
    BoxId box;

    Sessions() {
        EntityOptions options;
        options.requires_session = true;
        queue = store.create(EntityKind::Queue, "q", options, noon).value();
        box = store.box(parse_address("q"))->id();
    }
    void send(const std::string& id, const std::string& session) {
        std::vector<Message> one;
        one.push_back(message_of(id, session));
        CHECK(store.send(queue, std::move(one), noon));
    }
    std::string receive(Holder holder, const std::string& session) {
        const auto got = store.receive(box, noon, true, holder, session);
        return got ? got->stored.message->id : "nothing";
    }
};

TEST_CASE("a session's messages go to whoever holds it, in order, and to nobody else") {
    Sessions s;
    s.send("a1", "a");
    s.send("b1", "b");
    s.send("a2", "a");
    CHECK(s.receive(1, "a") == "nothing");
    const auto a = s.store.accept_session(s.box, std::nullopt, 1, noon).value();
    REQUIRE(a);
    CHECK(a->id == "a");
    CHECK(a->locked_until == noon + 60s);
    CHECK(s.receive(1, "a") == "a1");
    CHECK(s.receive(1, "a") == "a2");
    CHECK(s.receive(2, "a") == "nothing");
    CHECK(s.store.accept_session(s.box, "a", 2, noon).error().condition ==
          "com.microsoft:session-cannot-be-locked");
    CHECK(s.store.accept_session(s.box, std::nullopt, 2, noon).value()->id == "b");
    CHECK_FALSE(s.store.accept_session(s.box, std::nullopt, 3, noon).value());
    CHECK(s.store.accept_session(s.box, "empty", 3, noon).value()->id == "empty");
}

TEST_CASE("a message without a session is not taken where sessions are required") {
    Sessions s;
    std::vector<Message> one;
    one.push_back(message_of("a"));
    CHECK(s.store.send(s.queue, std::move(one), noon).error().condition == "amqp:not-allowed");
}

TEST_CASE("a session's lock ends at its time, and its messages are free again") {
    Sessions s;
    s.send("a1", "a");
    s.store.accept_session(s.box, "a", 1, noon);
    const auto a1 = s.store.receive(s.box, noon, true, 1, "a");
    CHECK(s.store.renew_session(s.box, "a", noon + 30s) == noon + 90s);
    s.store.run_due(noon + 89s);
    CHECK(s.store.take_changes().sessions_lost.empty());
    s.store.run_due(noon + 90s);
    const Changes changes = s.store.take_changes();
    REQUIRE(changes.sessions_lost.size() == 1);
    CHECK(changes.sessions_lost[0].session == "a");
    CHECK(changes.sessions_lost[0].holder == 1);
    CHECK(changes.woke == std::vector<BoxId>{s.box});
    CHECK(s.store.settle(s.box, a1->token, {}, noon + 91s).error().condition ==
          "com.microsoft:session-lock-lost");
    CHECK(s.store.renew_session(s.box, "a", noon + 91s).error().condition ==
          "com.microsoft:session-lock-lost");
    s.store.accept_session(s.box, "a", 2, noon + 91s);
    CHECK(s.store.receive(s.box, noon + 91s, true, 2, "a")->stored.deliveries == 1);
}

TEST_CASE("a session is free again when its link goes, and its state stays") {
    Sessions s;
    s.send("a1", "a");
    s.store.accept_session(s.box, "a", 1, noon);
    CHECK(s.receive(1, "a") == "a1");
    CHECK(s.store.set_session_state(s.box, "a", "half way", noon));
    s.store.release(s.box, 1, noon);
    CHECK(s.store.set_session_state(s.box, "a", "x", noon).error().condition ==
          "com.microsoft:session-lock-lost");
    CHECK(s.store.accept_session(s.box, std::nullopt, 2, noon).value()->id == "a");
    CHECK(s.store.box(s.box)->session_state("a") == "half way");
    CHECK(s.store.set_session_state(s.box, "a", std::nullopt, noon));
    CHECK_FALSE(s.store.box(s.box)->session_state("a"));
    CHECK(
        s.store.set_session_state(s.box, "a", std::string(300'000, 'x'), noon).error().condition ==
        "amqp:link:message-size-exceeded");
}

TEST_CASE("sessions are listed while they have messages or a state") {
    Sessions s;
    s.send("a1", "a");
    s.send("b1", "b");
    Box& box = *s.store.box(s.box);
    CHECK(box.sessions(Instant{}, 0, 10) == std::vector<std::string>{"a", "b"});
    CHECK(box.sessions(Instant{}, 1, 10) == std::vector<std::string>{"b"});
    CHECK(box.sessions(Instant{}, 0, 1) == std::vector<std::string>{"a"});
    CHECK(box.sessions(noon + 1s, 0, 10).empty());
    s.store.accept_session(s.box, "a", 1, noon);
    const auto a1 = s.store.receive(s.box, noon, true, 1, "a");
    CHECK(s.store.settle(s.box, a1->token, {}, noon));
    s.store.release(s.box, 1, noon);
    CHECK(box.sessions(Instant{}, 0, 10) == std::vector<std::string>{"b"});
}

TEST_CASE("a deferred message of a session needs the session's lock, and ends with it") {
    Sessions s;
    s.send("a1", "a");
    s.store.accept_session(s.box, "a", 1, noon);
    const auto a1 = s.store.receive(s.box, noon, true, 1, "a");
    CHECK(s.store.settle(s.box, a1->token, {Disposition::Defer, {}, {}, {}}, noon));
    CHECK(s.store.receive_deferred(s.box, {1}, noon, true, 1));
    s.store.release(s.box, 1, noon);
    CHECK(s.store.receive_deferred(s.box, {1}, noon, true, 1).error().condition ==
          "com.microsoft:session-lock-lost");
}

TEST_CASE("a session whose messages fail too often loses them to the dead-letter queue") {
    Sessions s;
    EntityOptions options = s.store.find(s.queue)->options;
    options.max_delivery_count = 1;
    CHECK(s.store.update("q", options, noon));
    s.send("a1", "a");
    s.store.accept_session(s.box, "a", 1, noon);
    CHECK(s.receive(1, "a") == "a1");
    s.store.release(s.box, 1, noon);
    CHECK(s.store.counts(*s.store.find(s.queue)).dead_letter == 1);
    CHECK_FALSE(s.store.accept_session(s.box, std::nullopt, 2, noon).value());
}

}  // namespace
}  // namespace vc::lab::servicebus
