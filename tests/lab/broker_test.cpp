#include "tests/lab/broker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "tests/lab/bench.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

// A broker alone, with faults to inject.
struct Alone {
    boost::asio::io_context io{1};
    Agenda agenda{io, Clock(test_lapse())};
    Truth truth{agenda};
    Faults faults{agenda, truth};
    Broker broker;

    explicit Alone(std::size_t queue_limit = 100) : broker(agenda, 1, options(queue_limit)) {
        faults.add(broker.fault_target());
    }
    static BrokerOptions options(std::size_t queue_limit) {
        BrokerOptions made;
        made.name = "primary";
        made.plain = {"probe", "secret"};
        made.queues = {"q"};
        made.topics = {"t"};
        made.queue_limit = queue_limit;
        return made;
    }
    bool until(const std::function<bool()>& done) { return run_until(io, done); }
    void let(Duration time) {
        bool over = false;
        const Timer timer = agenda.after(time, [&over] { over = true; });
        while (!over)
            io.run_one();
    }
    std::string fault(const std::string& body) {
        return faults.inject(boost::json::parse(body).as_object()).value();
    }
};

// A connection with one sender and one receiver, both attached.
struct Pair : AmqpPeer {
    LinkId to;
    LinkId from;
    explicit Pair(Alone& alone, const std::string& target = "q", const std::string& source = "q",
                  int credit = 10)
        : AmqpPeer(alone.agenda, alone.broker.port()) {
        to = connection->open_sender("s", target);
        from = connection->open_receiver("r", source, credit);
        CHECK(alone.until([this] { return attached(to) && attached(from); }));
    }
};

TEST_CASE("a message is sent, settled, received and completed") {
    Alone alone;
    Pair peer(alone);
    peer.send(peer.to, "hello", "m1");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 1 && peer.got.size() == 1; }));
    CHECK(peer.outcomes[0] == Settlement::Accepted);
    CHECK(peer.got[0].message.body == "hello");
    CHECK(peer.got[0].message.id == "m1");
    CHECK(alone.broker.to_json()["queues"].at("q").at("locked").as_uint64() == 1);
    peer.connection->settle(peer.got[0].delivery, Settlement::Accepted);
    CHECK(alone.until([&] { return alone.broker.to_json()["completed"].as_uint64() == 1; }));
    CHECK(alone.broker.to_json()["queues"].at("q").at("locked").as_uint64() == 0);
}

TEST_CASE("a message without an id gets one") {
    Alone alone;
    Pair peer(alone);
    peer.send(peer.to, "hello");
    REQUIRE(alone.until([&] { return peer.got.size() == 1; }));
    CHECK_FALSE(peer.got[0].message.id.empty());
}

TEST_CASE("PLAIN passes with the right password only, ANONYMOUS passes") {
    Alone alone;
    AmqpPeer right(alone.agenda, alone.broker.port(), {"probe", "secret"});
    AmqpPeer wrong(alone.agenda, alone.broker.port(), {"probe", "guess"});
    AmqpPeer anonymous(alone.agenda, alone.broker.port());
    CHECK(alone.until([&] { return right.opened && wrong.closed && anonymous.opened; }));
    CHECK_FALSE(wrong.opened);
    CHECK(wrong.error.condition == "amqp:unauthorized-access");
}

TEST_CASE("an entity that is not there is attached and then detached with amqp:not-found") {
    Alone alone;
    AmqpPeer peer(alone.agenda, alone.broker.port());
    const LinkId to = peer.connection->open_sender("s", "nowhere");
    const LinkId from = peer.connection->open_receiver("r", "nowhere/Subscriptions/x", 1);
    REQUIRE(alone.until([&] { return peer.detached.size() == 2; }));
    CHECK(peer.detached[to].condition == "amqp:not-found");
    CHECK(peer.detached[to].description.starts_with(
        "The messaging entity 'nowhere' could not be found. TrackingId:"));
    CHECK(peer.detached[from].condition == "amqp:not-found");
}

TEST_CASE("a topic without a subscription accepts a message and forgets it") {
    Alone alone;
    AmqpPeer peer(alone.agenda, alone.broker.port());
    const LinkId to = peer.connection->open_sender("s", "t");
    REQUIRE(alone.until([&] { return peer.attached(to); }));
    peer.send(to, "gone");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 1; }));
    CHECK(peer.outcomes[0] == Settlement::Accepted);
    CHECK(alone.broker.to_json()["unrouted"].as_uint64() == 1);

    Pair reader(alone, "t", "amqps://host/t/subscriptions/backend");
    reader.send(reader.to, "kept");
    REQUIRE(alone.until([&] { return reader.got.size() == 1; }));
    CHECK(reader.got[0].message.body == "kept");
}

TEST_CASE("a lock is given back when its connection goes, and the next reader is told") {
    Alone alone;
    {
        Pair first(alone);
        first.send(first.to, "hello");
        REQUIRE(alone.until([&] { return first.got.size() == 1; }));
        CHECK(first.got[0].message.delivery_count == 0);
    }
    Pair second(alone);
    REQUIRE(alone.until([&] { return second.got.size() == 1; }));
    CHECK(second.got[0].message.delivery_count == 1);
}

TEST_CASE("a message that is released or modified comes again") {
    Alone alone;
    Pair peer(alone);
    peer.send(peer.to, "hello");
    REQUIRE(alone.until([&] { return peer.got.size() == 1; }));
    peer.connection->settle(peer.got[0].delivery, Settlement::Released);
    REQUIRE(alone.until([&] { return peer.got.size() == 2; }));
    peer.connection->settle(peer.got[1].delivery, Settlement::Modified);
    REQUIRE(alone.until([&] { return peer.got.size() == 3; }));
    peer.connection->settle(peer.got[2].delivery, Settlement::Rejected);
    CHECK(alone.until([&] { return alone.broker.to_json()["dead_lettered"].as_uint64() == 1; }));
}

TEST_CASE("no more is delivered than there is credit for") {
    Alone alone;
    Pair peer(alone, "q", "q", 1);
    for (int i = 0; i < 3; ++i)
        peer.send(peer.to, "m");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 3; }));
    alone.let(1s);
    CHECK(peer.got.size() == 1);
    peer.connection->add_credit(peer.from, 1);
    CHECK(alone.until([&] { return peer.got.size() == 2; }));
}

TEST_CASE("a drain is answered: what credit is left is given back") {
    Alone alone;
    Pair peer(alone);
    CHECK(peer.connection->credit(peer.from) == 10);
    peer.connection->drain(peer.from);
    CHECK(alone.until([&] { return peer.connection->credit(peer.from) == 0; }));
    peer.send(peer.to, "m");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 1; }));
    alone.let(1s);
    CHECK(peer.got.empty());
}

TEST_CASE("a message whose time is over is not delivered any more") {
    Alone alone;
    Pair peer(alone, "q", "q", 0);
    AmqpMessage brief;
    brief.body = "brief";
    brief.ttl_ms = 2000;
    peer.connection->send(peer.to, {'x'}, encode(brief), false);
    peer.send(peer.to, "lasting");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 2; }));
    alone.let(3s);
    peer.connection->add_credit(peer.from, 5);
    REQUIRE(alone.until([&] { return peer.got.size() == 1; }));
    CHECK(peer.got[0].message.body == "lasting");
    CHECK(alone.broker.to_json()["expired"].as_uint64() == 1);
}

TEST_CASE("a queue that is full rejects") {
    Alone alone(2);
    Pair peer(alone, "q", "q", 0);
    for (int i = 0; i < 3; ++i)
        peer.send(peer.to, "m");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 3; }));
    std::sort(peer.outcomes.begin(), peer.outcomes.end());
    CHECK(peer.outcomes[1] == Settlement::Accepted);
    CHECK(peer.outcomes[2] == Settlement::Rejected);
}

TEST_CASE("a message larger than the limit costs its link, not the connection") {
    Alone alone;
    Pair peer(alone);
    peer.send(peer.to, std::string(300'000, 'x'));
    REQUIRE(alone.until([&] { return peer.detached.size() == 1; }));
    CHECK(peer.detached[peer.to].condition == "amqp:link:message-size-exceeded");
    CHECK_FALSE(peer.closed);
}

TEST_CASE("heartbeats keep an idle connection open past its time-out") {
    Alone alone;
    Pair peer(alone);  // without a link it would be closed after a minute
    alone.let(150s);
    CHECK_FALSE(peer.closed);
}

TEST_CASE("bytes that are no AMQP cost their connection only") {
    Alone alone;
    Socket socket(alone.io);
    socket.connect({boost::asio::ip::address_v4::loopback(), alone.broker.port()});
    boost::asio::write(socket, boost::asio::buffer(std::string("neither this nor that\r\n\r\n")));
    REQUIRE(alone.until([&] { return alone.broker.connections() == 1; }));
    CHECK(alone.until([&] { return alone.broker.connections() == 0; }));
    Pair still(alone);
}

TEST_CASE("a peer that leaves in the middle of its handshake, or never begins one, holds nothing") {
    Alone alone;
    Socket silent(alone.io);
    silent.connect({boost::asio::ip::address_v4::loopback(), alone.broker.port()});
    {
        Socket leaver(alone.io);
        leaver.connect({boost::asio::ip::address_v4::loopback(), alone.broker.port()});
        const std::string half("AMQP\x03\x01\x00\x00\x00\x00\x00\x1f\x02\x01", 14);
        boost::asio::write(leaver, boost::asio::buffer(half));
        REQUIRE(alone.until([&] { return alone.broker.connections() == 2; }));
    }
    CHECK(alone.until([&] { return alone.broker.connections() == 1; }));
    alone.let(55s);
    CHECK(alone.broker.connections() == 1);
    CHECK(alone.until([&] { return alone.broker.connections() == 0; }));
}

TEST_CASE("a stall settles nothing and delivers nothing, and clearing it lets the backlog move") {
    Alone alone;
    Pair peer(alone);
    const std::string id = alone.fault(R"({"component":"primary","kind":"stall"})");
    peer.send(peer.to, "hello");
    alone.let(5s);
    CHECK(peer.outcomes.empty());
    CHECK(peer.got.empty());
    Pair fresh(alone);  // connections and attaches are still answered
    CHECK(alone.faults.clear(id));
    CHECK(alone.until([&] { return peer.outcomes.size() == 1; }));
    CHECK(alone.until([&] { return peer.got.size() + fresh.got.size() == 1; }));
}

TEST_CASE("a stall of one direction leaves the other alone") {
    Alone alone;
    Pair peer(alone);
    alone.fault(R"({"component":"primary","kind":"stall","dir":"out"})");
    peer.send(peer.to, "hello");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 1; }));
    alone.let(2s);
    CHECK(peer.got.empty());
    CHECK(alone.broker.depth("q") == 1);
    alone.faults.clear_all();
    CHECK(alone.until([&] { return peer.got.size() == 1; }));
}

TEST_CASE("a stall of new connections leaves them without an answer until it is cleared") {
    Alone alone;
    alone.fault(R"({"component":"primary","kind":"stall","new_connections":true})");
    AmqpPeer peer(alone.agenda, alone.broker.port());
    alone.let(5s);
    CHECK_FALSE(peer.opened);
    CHECK_FALSE(peer.closed);
    alone.faults.clear_all();
    CHECK(alone.until([&] { return peer.opened; }));
}

TEST_CASE("a delay holds a settle back and then it comes") {
    Alone alone;
    Pair peer(alone);
    alone.fault(R"({"component":"primary","kind":"delay","scale_ms":5000,"cap_ms":8000})");
    const Instant start = alone.agenda.now();
    peer.send(peer.to, "hello");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 1; }));
    CHECK(alone.agenda.now() - start >= 5s);
    CHECK(alone.until([&] { return peer.got.size() == 1; }));
}

TEST_CASE("a drop ends connections by RST or by a close frame that says so") {
    Alone alone;
    AmqpPeer reset(alone.agenda, alone.broker.port());
    REQUIRE(alone.until([&] { return reset.opened; }));
    alone.fault(R"({"component":"primary","kind":"drop"})");
    REQUIRE(alone.until([&] { return reset.closed; }));
    alone.faults.clear_all();

    AmqpPeer forced(alone.agenda, alone.broker.port());
    REQUIRE(alone.until([&] { return forced.opened; }));
    alone.fault(R"({"component":"primary","kind":"drop","mode":"forced"})");
    REQUIRE(alone.until([&] { return forced.closed; }));
    CHECK(forced.error.condition == "amqp:connection:forced");
}

TEST_CASE("a drop with every_s comes back until it is cleared") {
    Alone alone;
    alone.fault(R"({"component":"primary","kind":"drop","every_s":5})");
    for (int i = 0; i < 2; ++i) {
        AmqpPeer peer(alone.agenda, alone.broker.port());
        REQUIRE(alone.until([&] { return peer.closed; }));
    }
    alone.faults.clear_all();
    AmqpPeer peer(alone.agenda, alone.broker.port());
    alone.let(20s);
    CHECK(peer.opened);
    CHECK_FALSE(peer.closed);
}

TEST_CASE("refuse answers connects with RST, spares what is open, and keeps the port") {
    Alone alone;
    Pair old(alone);
    alone.fault(R"({"component":"primary","kind":"refuse"})");
    Socket socket(alone.io);
    boost::system::error_code error;
    socket.connect({boost::asio::ip::address_v4::loopback(), alone.broker.port()}, error);
    CHECK(error == boost::asio::error::connection_refused);
    old.send(old.to, "hello");
    CHECK(alone.until([&] { return old.got.size() == 1; }));
    alone.faults.clear_all();
    Pair again(alone);
}

TEST_CASE("accept_lose accepts a message that nobody ever gets") {
    Alone alone;
    Pair peer(alone);
    alone.fault(R"({"component":"primary","kind":"accept_lose","p":1})");
    peer.send(peer.to, "lost");
    REQUIRE(alone.until([&] { return peer.outcomes.size() == 1; }));
    CHECK(peer.outcomes[0] == Settlement::Accepted);
    alone.faults.clear_all();
    peer.send(peer.to, "kept");
    REQUIRE(alone.until([&] { return peer.got.size() == 1; }));
    CHECK(peer.got[0].message.body == "kept");
    CHECK(alone.broker.to_json()["lost"].as_uint64() == 1);
}

}  // namespace
}  // namespace vc::lab
