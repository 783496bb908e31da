#include "probes/amqp/connection.h"

#include "tests/probes/amqp/world.h"

namespace vc {
namespace {

using namespace amqp_test;
using Kind = AmqpConnection::Event::Kind;

struct Joined {
    explicit Joined(AmqpManners manners = {}, std::shared_ptr<Tokens> its = nullptr)
        : connection(options(std::move(its)), now), peer(std::move(manners), store) {}

    static AmqpConnectionOptions options(std::shared_ptr<Tokens> its) {
        AmqpConnectionOptions made;
        made.hostname = "broker.example";
        made.container_id = "c";
        made.token_timeout = 6s;
        made.credentials = std::move(its);
        return made;
    }

    Instant now{500'000h};
    AmqpConnection connection;
    AmqpStore store;
    AmqpPeer peer;

    void flow() {
        for (int i = 0; i < 12; ++i) {
            peer.receive(connection.take_bytes());
            const std::string back = peer.take_bytes();
            if (!back.empty()) connection.receive(back, now);
        }
    }
    // Of the next events, the first of the kind.
    AmqpConnection::Event next(Kind kind) {
        flow();
        for (AmqpConnection::Event& event : connection.take_events()) {
            if (event.kind == kind) return event;
        }
        FAIL("no such event");
        return {};
    }
};

}  // namespace

TEST_CASE("a use is ready after the connection's phases and its own") {
    Joined joined;
    const auto use = joined.connection.add(AmqpUse::send, "q", joined.now);
    CHECK(joined.connection.phase(use) == Phase::sasl);
    CHECK_FALSE(joined.connection.may_send(use));
    joined.flow();
    CHECK(joined.connection.ready(use));
    CHECK(joined.connection.may_send(use));
    std::vector<Phase> phases;
    for (const PhaseTime& time : joined.connection.phases(use))
        phases.push_back(time.phase);
    CHECK(phases ==
          std::vector<Phase>{Phase::sasl, Phase::open, Phase::attach_send, Phase::credit});
    // One that is added later has the connection there.
    const auto other = joined.connection.add(AmqpUse::receive, "q", joined.now);
    CHECK(joined.connection.phase(other) == Phase::attach_recv);
    joined.flow();
    CHECK(joined.connection.ready(other));
    joined.connection.send(use, 4, "body", joined.now);
    const auto message = joined.next(Kind::message);
    CHECK(message.use == other);
    CHECK(message.seen.text == "body");
    joined.connection.accept(message.seen.delivery, joined.now);
    CHECK(joined.next(Kind::completed).seen.delivery == message.seen.delivery);
}

TEST_CASE("an announced detach is mended at once, with the time it took") {
    Joined joined;
    const auto use = joined.connection.add(AmqpUse::receive, "q", joined.now);
    joined.flow();
    const AmqpLinkId before = joined.connection.link(use);
    joined.peer.detach(false, "amqp:link:detach-forced");
    joined.connection.receive(joined.peer.take_bytes(), joined.now);
    CHECK_FALSE(joined.connection.ready(use));
    CHECK(joined.connection.phase(use) == Phase::attach_recv);
    joined.now += 40ms;
    CHECK(joined.next(Kind::reattached).took == 40ms);
    CHECK(joined.connection.ready(use));
    CHECK(joined.connection.link(use) != before);
}

TEST_CASE("a refused or failing use is failed, not the connection, and can be tried again") {
    AmqpManners manners;
    manners.refuse_sender = "amqp:not-found";
    Joined joined(manners);
    const auto use = joined.connection.add(AmqpUse::send, "q", joined.now);
    joined.flow();
    CHECK(joined.connection.failed(use) == Outcome::misconfigured);
    CHECK_FALSE(joined.connection.broken());
    joined.peer.manners().refuse_sender.clear();
    joined.connection.again(use, joined.now);
    joined.flow();
    CHECK_FALSE(joined.connection.failed(use));
    CHECK(joined.connection.ready(use));
    // Announced or not: an attach that is refused is no housekeeping.
    joined.peer.manners().refuse_sender = "amqp:link:detach-forced";
    const auto other = joined.connection.add(AmqpUse::send, "other", joined.now);
    joined.flow();
    CHECK(joined.connection.failed(other) == Outcome::reset);
}

TEST_CASE("a request use asks and is answered") {
    Joined joined;
    const auto use = joined.connection.add(AmqpUse::ask, "q/$management", joined.now);
    joined.flow();
    REQUIRE(joined.connection.may_send(use));
    AmqpRequest request;
    request.number = 3;
    request.peek = AmqpRequest::Peek{0, 10};
    joined.connection.ask(use, request, joined.now);
    CHECK(joined.next(Kind::reply).seen.reply.correlation == 3);
}

TEST_CASE("a close is in order, announced, or a failure") {
    Joined ours;
    ours.connection.add(AmqpUse::send, "q", ours.now);
    ours.flow();
    ours.connection.close();
    ours.flow();
    CHECK(ours.connection.closed());
    CHECK_FALSE(ours.connection.broken());
    for (const auto& [condition, planned] :
         {std::pair{"amqp:connection:forced", true}, {"", true}, {"amqp:internal-error", false}}) {
        Joined joined;
        joined.connection.add(AmqpUse::send, "q", joined.now);
        joined.flow();
        joined.peer.close(condition);
        joined.flow();
        REQUIRE(joined.connection.broken());
        CHECK(joined.connection.broken()->planned == planned);
        CHECK(joined.connection.broken()->outcome == Outcome::reset);
    }
}

TEST_CASE("a token is put once for an address, and $cbs may idle out between tokens") {
    const auto tokens = std::make_shared<Tokens>();
    Joined joined({}, tokens);
    const auto use = joined.connection.add(AmqpUse::send, "q", joined.now);
    joined.flow();
    CHECK(joined.connection.ready(use));
    joined.connection.add(AmqpUse::receive, "q", joined.now);
    joined.flow();
    CHECK(joined.store.tokens.size() == 1);
    const auto other = joined.connection.add(AmqpUse::receive, "/queue/r", joined.now);
    joined.flow();
    CHECK(joined.connection.ready(other));
    CHECK(tokens->asked.back() == "amqp://broker.example/queue/r");
    joined.peer.detach_address("$cbs", "amqp:link:detach-forced");
    joined.flow();
    CHECK_FALSE(joined.connection.broken());
    REQUIRE(joined.connection.wake_at());
    CHECK(*joined.connection.wake_at() == joined.now + 45min);
    joined.now += 45min;
    joined.connection.tick(joined.now);
    joined.flow();
    CHECK(joined.store.tokens.size() == 4);
    CHECK_FALSE(joined.connection.broken());
}

TEST_CASE("a detach of $cbs while a token is under way ends the connection") {
    AmqpManners manners;
    manners.fault_at = Phase::cbs_put_token;
    manners.fault = AmqpFault::detach;
    Joined joined(manners, std::make_shared<Tokens>());
    const auto use = joined.connection.add(AmqpUse::send, "q", joined.now);
    joined.flow();
    REQUIRE(joined.connection.broken());
    CHECK(joined.connection.phase(use) == Phase::cbs_put_token);
}

TEST_CASE("a token that cannot be had is retried while the last one is good, and then it is auth") {
    const auto tokens = std::make_shared<Tokens>();
    Joined joined({}, tokens);
    joined.connection.add(AmqpUse::send, "q", joined.now);
    joined.flow();
    tokens->none = true;
    const Instant expiry = joined.now + 1h;
    while (joined.connection.wake_at() && joined.now < expiry) {
        REQUIRE(*joined.connection.wake_at() > joined.now);
        CHECK_FALSE(joined.connection.broken());
        joined.now = *joined.connection.wake_at();
        joined.connection.tick(joined.now);
    }
    REQUIRE(joined.connection.broken());
    CHECK(joined.connection.broken()->outcome == Outcome::auth);
    CHECK(joined.connection.broken()->no_token);
}

namespace {

// Up, with a token that is good for an hour and due to be put anew after 45 minutes.
struct Renewing : Joined {
    explicit Renewing(std::shared_ptr<Tokens> its)
        : Joined(AmqpManners{}, its), tokens(its), use(connection.add(AmqpUse::send, "q", now)) {
        flow();
        REQUIRE(connection.ready(use));
    }
    void pass(Duration time) {
        const Instant end = now + time;
        while (!connection.broken() && connection.wake_at() && *connection.wake_at() <= end) {
            REQUIRE(*connection.wake_at() > now);
            now = *connection.wake_at();
            connection.tick(now);
            flow();
        }
        now = end;
    }
    std::shared_ptr<Tokens> tokens;
    AmqpConnection::Use use;
};

}  // namespace

TEST_CASE("a token that cannot be put anew is no loss while the one before it is good") {
    for (const int status : {500, 503, 401, 403, 0}) {
        CAPTURE(status);
        Renewing joined(std::make_shared<Tokens>());
        joined.peer.manners().token_status = status;
        joined.peer.manners().answer_tokens = status != 0;
        joined.pass(50min);
        CHECK(joined.tokens->asked.size() > 5);
        CHECK(joined.tokens->asked.size() < 15);
        REQUIRE_FALSE(joined.connection.broken());
        CHECK(joined.connection.may_send(joined.use));
        joined.peer.manners().token_status = 202;
        joined.peer.manners().answer_tokens = true;
        joined.pass(40min);
        CHECK_FALSE(joined.connection.broken());
        // Not when it is over.
        joined.peer.manners().token_status = status;
        joined.peer.manners().answer_tokens = status != 0;
        joined.pass(2h);
        REQUIRE(joined.connection.broken());
        CHECK(joined.connection.broken()->outcome == (status == 500   ? Outcome::wrong_answer
                                                      : status == 503 ? Outcome::busy
                                                      : status == 0   ? Outcome::timeout
                                                                      : Outcome::auth));
        CHECK(joined.connection.broken()->phase == Phase::cbs_put_token);
        CHECK_FALSE(joined.connection.broken()->no_token);
    }
}

TEST_CASE("a new secret that is refused is told at once, a broker that fails with it is not") {
    for (const int status : {401, 403, 500, 0}) {
        Renewing joined(std::make_shared<Tokens>());
        joined.peer.manners().token_status = status;
        joined.peer.manners().answer_tokens = status != 0;
        joined.tokens->number = 2;
        joined.connection.tick(joined.now);
        joined.flow();
        const bool refused = status == 401 || status == 403;
        CHECK(joined.connection.broken().has_value() == refused);
        if (refused) CHECK(joined.connection.broken()->outcome == Outcome::auth);
    }
}

TEST_CASE("a $cbs that goes while a token is put anew is attached again later") {
    Renewing joined(std::make_shared<Tokens>());
    joined.peer.manners().answer_tokens = false;
    joined.pass(45min);
    joined.peer.detach_address("$cbs", "amqp:internal-error");
    joined.flow();
    CHECK_FALSE(joined.connection.broken());
    joined.peer.manners().answer_tokens = true;
    const std::size_t before = joined.store.tokens.size();
    joined.pass(1min);
    CHECK(joined.store.tokens.size() > before);
    CHECK_FALSE(joined.connection.broken());
}

TEST_CASE("a first token that is never answered ends the connection in its time") {
    AmqpManners manners;
    manners.answer_tokens = false;
    Joined joined(manners, std::make_shared<Tokens>());
    joined.connection.add(AmqpUse::send, "q", joined.now);
    joined.flow();
    REQUIRE(joined.connection.wake_at());
    CHECK(*joined.connection.wake_at() == joined.now + 6s);
    joined.connection.tick(joined.now + 6s);
    REQUIRE(joined.connection.broken());
    CHECK(joined.connection.broken()->outcome == Outcome::timeout);
    CHECK(joined.connection.broken()->phase == Phase::cbs_put_token);
}

}  // namespace vc
