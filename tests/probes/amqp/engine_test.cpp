#include "probes/amqp/engine.h"

#include <doctest/doctest.h>

#include "probes/random.h"
#include "tests/probes/amqp_peer.h"

namespace vc {
namespace {

using namespace std::chrono_literals;
using Kind = AmqpEvent::Kind;

constexpr Instant start{500'000h};

AmqpOptions options() {
    AmqpOptions made;
    made.hostname = "broker.example";
    made.container_id = "voltcanary-1";
    return made;
}

struct Pair {
    explicit Pair(AmqpManners manners = {}) : peer(std::move(manners), store) {}
    AmqpEngine engine{options(), start};
    AmqpStore store;
    AmqpPeer peer;
    AmqpLinkId sender = 0;
    AmqpLinkId receiver = 0;
    std::vector<AmqpEvent> events;

    void flow() {
        for (int i = 0; i < 10; ++i) {
            peer.receive(engine.take_bytes());
            const std::string back = peer.take_bytes();
            if (!back.empty()) engine.receive(back, start);
        }
        for (AmqpEvent& event : engine.take_events())
            events.push_back(std::move(event));
    }
    // The only event of the kind since the last look; all are forgotten.
    AmqpEvent only(Kind kind) {
        flow();
        const AmqpEvent* found = nullptr;
        for (const AmqpEvent& event : events) {
            if (event.kind != kind) continue;
            REQUIRE(found == nullptr);
            found = &event;
        }
        REQUIRE(found != nullptr);
        const AmqpEvent copy = *found;
        events.clear();
        return copy;
    }
    void attach() {
        sender = engine.attach_sender("canary-0");
        receiver = engine.attach_receiver("canary-0", 10);
        flow();
        events.clear();
    }
};

std::vector<Kind> kinds_of(const std::vector<AmqpEvent>& events) {
    std::vector<Kind> kinds;
    for (const AmqpEvent& event : events)
        kinds.push_back(event.kind);
    return kinds;
}

}  // namespace

TEST_CASE("a connection authenticates, opens, attaches and gets credit, each told once") {
    Pair pair;
    pair.flow();
    CHECK(kinds_of(pair.events) == std::vector<Kind>{Kind::authenticated, Kind::opened});
    CHECK(pair.peer.container() == "voltcanary-1");
    CHECK(pair.peer.hostname() == "broker.example");
    pair.events.clear();
    CHECK_FALSE(pair.engine.may_send(1));
    const AmqpLinkId sender = pair.engine.attach_sender("canary-0");
    pair.flow();
    CHECK(kinds_of(pair.events) == std::vector<Kind>{Kind::attached, Kind::credit});
    CHECK(pair.events.front().link == sender);
    CHECK(pair.engine.may_send(sender));
    pair.events.clear();
    const AmqpLinkId receiver = pair.engine.attach_receiver("canary-0", 10);
    CHECK(receiver != sender);
    CHECK(pair.only(Kind::attached).link == receiver);
    CHECK_FALSE(pair.engine.may_send(receiver));
    CHECK(pair.peer.senders() == std::vector<std::string>{"canary-0"});
    CHECK(pair.peer.receivers() == std::vector<std::string>{"canary-0"});
}

TEST_CASE("RabbitMQ, which ends the session at it, is not asked for the second settlement") {
    for (const char* product : {"", "ServiceBus", "RabbitMQ"}) {
        AmqpManners manners;
        manners.product = product;
        Pair pair(manners);
        pair.flow();
        pair.attach();
        CHECK(pair.peer.asked_second() == (std::string(product) != "RabbitMQ"));
    }
}

TEST_CASE("a message is settled, received and completed") {
    for (const bool second : {true, false}) {
        AmqpManners manners;
        manners.second = second;
        Pair pair(manners);
        pair.attach();
        pair.engine.send(pair.sender, 17, "hello");
        pair.flow();
        CHECK(pair.events.size() == 3);  // with one of credit
        AmqpEvent message;
        for (const AmqpEvent& event : pair.events) {
            if (event.kind == Kind::settled) {
                CHECK(event.tag == 17);
                CHECK(event.disposition == Disposition::accepted);
            }
            if (event.kind == Kind::message) message = event;
        }
        CHECK(message.text == "hello");
        pair.events.clear();
        pair.engine.accept(message.delivery);
        CHECK(pair.only(Kind::completed).delivery == message.delivery);
        CHECK(pair.store.completed == 1);
        pair.engine.accept(message.delivery);  // twice is harmless
        pair.flow();
        CHECK(pair.events.empty());
    }
}

TEST_CASE("credit is kept out: many more messages come than were granted at first") {
    Pair pair;
    pair.attach();
    for (int i = 0; i < 100; ++i) {
        pair.store.put("canary-0", "message " + std::to_string(i));
        pair.flow();
    }
    CHECK(pair.events.size() == 100);
}

TEST_CASE("rejections carry their condition, releases none") {
    AmqpManners manners;
    manners.reject = "com.microsoft:server-busy";
    Pair pair(manners);
    pair.attach();
    pair.engine.send(pair.sender, 1, "x");
    AmqpEvent settled = pair.only(Kind::settled);
    CHECK(settled.disposition == Disposition::rejected);
    CHECK(settled.condition == "com.microsoft:server-busy");
    CHECK(settled.text == "no room");
    manners.reject.clear();
    manners.release = true;
    Pair other(manners);
    other.attach();
    other.engine.send(other.sender, 1, "x");
    CHECK(other.only(Kind::settled).disposition == Disposition::released);
}

TEST_CASE("a refused attach is a detach with its reason, and no attach") {
    AmqpManners manners;
    manners.refuse_sender = "amqp:not-found";
    Pair pair(manners);
    pair.engine.attach_sender("nowhere");
    pair.flow();
    for (const AmqpEvent& event : pair.events)
        CHECK(event.kind != Kind::attached);
    const AmqpEvent detached = pair.only(Kind::detached);
    CHECK(detached.link == 1);
    CHECK(detached.condition == "amqp:not-found");
    CHECK(detached.text == "not this one");
}

TEST_CASE("a close by the peer is told with its reason, ours is answered") {
    Pair pair;
    pair.attach();
    pair.peer.close("amqp:connection:forced");
    const AmqpEvent closed = pair.only(Kind::closed);
    CHECK(closed.condition == "amqp:connection:forced");
    CHECK(closed.text == "closing");
    CHECK_FALSE(pair.engine.may_send(pair.sender));
    Pair ours;
    ours.attach();
    ours.engine.close();
    CHECK(ours.only(Kind::closed).condition.empty());
}

TEST_CASE("PLAIN sends user and password and takes yes or no for an answer") {
    AmqpOptions plain = options();
    plain.login = {SaslMechanism::plain, "user", "secret"};
    AmqpEngine engine(plain, start);
    CHECK(engine.take_bytes() == sasl_header());
    engine.receive(sasl_header() + sasl_mechanisms("PLAIN"), start);
    CHECK(engine.take_bytes().find(std::string("\0user\0secret", 12)) != std::string::npos);
    engine.receive(sasl_outcome(0), start);
    CHECK(kinds_of(engine.take_events()) == std::vector<Kind>{Kind::authenticated});
    AmqpEngine refused(plain, start);
    refused.receive(sasl_header() + sasl_mechanisms("PLAIN") + sasl_outcome(1), start);
    CHECK(kinds_of(refused.take_events()) == std::vector<Kind>{Kind::refused});
}

TEST_CASE("the mechanism is the one that was chosen, whatever else the broker offers") {
    const auto chosen = [](SaslMechanism mechanism) {
        AmqpOptions some = options();
        some.login = {mechanism, "user", "secret"};
        AmqpEngine engine(some, start);
        engine.take_bytes();
        // An array of symbols: EXTERNAL, ANONYMOUS, PLAIN.
        const std::string list(
            "\x00\x53\x40\xc0\x1e\x01\xe0\x1b\x03\xa3\x08"
            "EXTERNAL"
            "\x09"
            "ANONYMOUS"
            "\x05"
            "PLAIN",
            35);
        const std::string head{0, 0, 0, static_cast<char>(list.size() + 8), 2, 1, 0, 0};
        engine.receive(sasl_header() + head + list, start);
        const std::string answer = engine.take_bytes();
        for (const char* name : {"EXTERNAL", "ANONYMOUS", "PLAIN"}) {
            if (answer.find(name) != std::string::npos) return std::string(name);
        }
        return std::string("none");
    };
    CHECK(chosen(SaslMechanism::anonymous) == "ANONYMOUS");
    CHECK(chosen(SaslMechanism::plain) == "PLAIN");
    CHECK(chosen(SaslMechanism::external) == "EXTERNAL");
}

TEST_CASE("several links live side by side, and one that is detached leaves the others alone") {
    Pair pair;
    pair.attach();
    const AmqpLinkId other = pair.engine.attach_sender("canary-1");
    pair.flow();
    pair.events.clear();
    pair.peer.detach_address("canary-1", "amqp:link:detach-forced");
    CHECK(pair.only(Kind::detached).link == other);
    CHECK_FALSE(pair.engine.may_send(other));
    pair.engine.send(other, 1, "x");  // to nowhere, and harmless
    pair.engine.send(pair.sender, 2, "y");
    CHECK(pair.only(Kind::settled).tag == 2);
    const AmqpLinkId again = pair.engine.attach_sender("canary-1");
    CHECK(again != other);
    pair.flow();
    pair.events.clear();
    pair.engine.send(again, 3, "z");
    const AmqpEvent settled = pair.only(Kind::settled);
    CHECK(settled.tag == 3);
    CHECK(settled.link == again);
}

TEST_CASE("a request is answered on the link for replies, which needs no accept") {
    Pair pair;
    const AmqpLinkId asks = pair.engine.attach_sender("q/$management");
    const AmqpLinkId replies = pair.engine.attach_replies("q/$management", "here");
    pair.flow();
    pair.events.clear();
    AmqpRequest request;
    request.number = 5;
    request.reply_to = "here";
    request.peek = AmqpRequest::Peek{0, 10};
    pair.engine.send(asks, request);
    const AmqpEvent reply = pair.only(Kind::reply);
    CHECK(reply.link == replies);
    CHECK(reply.reply.correlation == 5);
    CHECK(reply.reply.status == 204);
}

TEST_CASE("a broker that offers no mechanism of ours refuses us") {
    AmqpEngine engine(options(), start);
    engine.receive(sasl_header() + sasl_mechanisms("GSSAPI"), start);
    CHECK(kinds_of(engine.take_events()) == std::vector<Kind>{Kind::refused});
}

TEST_CASE("bytes that are no AMQP, and links of the peer's own, break the protocol") {
    AmqpEngine engine(options(), start);
    engine.receive("HTTP/1.1 400 Bad Request\r\n\r\n", start);
    const auto events = engine.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events.front().kind == Kind::failed);
    AmqpManners manners;
    manners.fault_at = Phase::open;
    manners.fault = AmqpFault::own_link;
    Pair pair(manners);
    CHECK(pair.only(Kind::failed).text == "the peer attached a link of its own");
}

TEST_CASE("a message too long breaks the protocol") {
    Pair pair;
    pair.attach();
    pair.store.put_raw(
        "canary-0", std::string("\x00\x53\x75\xb0\x00\x01\x86\xa0", 8) + std::string(100'000, 'x'));
    CHECK(pair.only(Kind::failed).text == "a message of more than 64 KiB");
}

TEST_CASE("a message that is none has no text, and is somebody else's doing") {
    for (const std::string& raw :
         {std::string("no message"), std::string("\x00\x53\x75\xa0\x20x", 6), std::string()}) {
        Pair pair;
        pair.attach();
        pair.store.put_raw("canary-0", raw);
        const AmqpEvent message = pair.only(Kind::message);
        CHECK(message.text.empty());
        pair.engine.accept(message.delivery);
        pair.only(Kind::completed);
    }
}

TEST_CASE("messages that the peer never lets us complete do not pile up for ever") {
    AmqpManners manners;
    manners.complete = false;
    Pair pair(manners);
    pair.attach();
    for (int i = 0; i < 300; ++i) {
        pair.store.put("canary-0", "x");
        pair.flow();
        for (const AmqpEvent& event : pair.events) {
            if (event.kind == Kind::message) pair.engine.accept(event.delivery);
        }
        if (!pair.events.empty() && pair.events.back().kind == Kind::failed) break;
        pair.events.clear();
    }
    REQUIRE_FALSE(pair.events.empty());
    CHECK(pair.events.back().text == "the peer leaves more than 256 accepted messages unsettled");
}

TEST_CASE("messages that the peer never settles do not pile up for ever either") {
    AmqpManners manners;
    manners.settle = false;
    manners.grant = 400;
    Pair pair(manners);
    pair.attach();
    std::uint64_t sent = 0;
    while (pair.engine.may_send(pair.sender) && sent < 400) {
        pair.engine.send(pair.sender, ++sent, "x");
        pair.flow();
    }
    CHECK(sent == 256);
    pair.peer.settle_held();
    pair.flow();
    CHECK(pair.engine.may_send(pair.sender));
}

TEST_CASE("a peer that falls silent is given up after the idle timeout, and heartbeats are sent") {
    AmqpOptions idle = options();
    idle.idle_timeout = 20s;
    AmqpEngine engine(idle, start);
    AmqpStore store;
    AmqpPeer peer({}, store);
    for (int i = 0; i < 5; ++i) {
        peer.receive(engine.take_bytes());
        engine.receive(peer.take_bytes(), start);
    }
    engine.take_events();
    REQUIRE(engine.wake_at());
    CHECK(*engine.wake_at() <= start + 20s);
    engine.tick(start + 19s);
    CHECK(engine.take_events().empty());
    engine.tick(start + 41s);
    const auto events = engine.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events.front().kind == Kind::failed);
    CHECK_FALSE(engine.wake_at());
}

TEST_CASE("no bytes of a peer can crash it, whatever it was doing") {
    Random random(3);
    for (int round = 0; round < 2000; ++round) {
        Pair pair;
        if (round % 2 == 0) pair.flow();
        if (round % 4 == 0) pair.attach();
        pair.engine.send(pair.sender, 1, "x");
        pair.peer.receive(pair.engine.take_bytes());
        std::string bytes = pair.peer.take_bytes();
        if (bytes.empty()) bytes = std::string("\0\0\0\x14\x02\0\0\0\0\x53", 10);
        const std::size_t changes = 1 + random.next() % 4;
        for (std::size_t i = 0; i < changes; ++i) {
            bytes[random.next() % bytes.size()] = static_cast<char>(random.next());
        }
        if (random.next() % 2 == 0) {
            for (int i = 0; i < 40; ++i)
                bytes += static_cast<char>(random.next());
        }
        pair.engine.receive(bytes, start);
        for (const AmqpEvent& event : pair.engine.take_events()) {
            if (event.kind == Kind::message) pair.engine.accept(event.delivery);
        }
        pair.engine.tick(start + 1s);
        pair.engine.close();
        pair.engine.take_bytes();
    }
}

}  // namespace vc
