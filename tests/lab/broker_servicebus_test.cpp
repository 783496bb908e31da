// What makes a broker Service Bus, over real sockets: sessions, management, dead letters, batches,
// and entities that change under their links.
#include <doctest/doctest.h>

#include "tests/lab/broker_bench.h"
#include "tests/lab/random.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using servicebus::EntityOptions;

TEST_CASE("an entity of the lab's own that is described is as described") {
    boost::asio::io_context io(1);
    Agenda agenda(io, Clock(test_lapse()));
    BrokerOptions options =
        House::options(R"({"queues":[{"name":"Mine","max_delivery_count":7}]})");
    options.queues = {"mine", "other"};
    Broker broker(agenda, 1, options);
    CHECK(broker.store().find("mine")->options.max_delivery_count == 7);
    CHECK_FALSE(broker.store().find("mine")->options.locks_end_with_link);
    CHECK(broker.store().find("other")->options.locks_end_with_link);
}

TEST_CASE("a batch becomes as many messages as it holds") {
    House house(one_queue);
    Client client(house);
    std::string batch;
    for (const char* id : {"a", "b", "c"})
        put_value(batch, servicebus::described(0x75, servicebus::binary(message(id))));
    client.put(client.sender("q"), batch);
    REQUIRE(client.answered(1));
    client.receiver("q");
    REQUIRE(client.has(3));
    CHECK(client.got[2].message.id == "c");
    CHECK(servicebus::annotation(client.raw[2], "x-opt-sequence-number").number == 3);
}

TEST_CASE("bytes that are no message are rejected, and nothing else happens") {
    House house(one_queue);
    Client client(house);
    const LinkId to = client.sender("q");
    const LinkId request = client.sender("q/$management");
    Random random(3, "hostile");
    std::size_t sent = 0;
    for (int i = 0; i < 200; ++i) {
        std::string bytes = message("x");
        bytes.resize(1 + static_cast<std::size_t>(random.ratio() * 60));
        bytes[0] = static_cast<char>(1 + random.ratio() * 200);
        client.put(i % 2 == 0 ? to : request, bytes);
        ++sent;
    }
    REQUIRE(client.answered(sent));
    for (const AmqpOutcome& outcome : client.said)
        CHECK(outcome.error.condition == "amqp:decode-error");
    client.put(to, message("fine"));
    client.receiver("q");
    CHECK(client.has(1));
}

TEST_CASE("a message that fails too often is found in the dead-letter queue") {
    House house(R"({"queues":[{"name":"q","max_delivery_count":2}]})");
    Client client(house);
    client.put(client.sender("q"), message("bad"));
    client.receiver("q");
    for (std::size_t round = 1; round <= 2; ++round) {
        REQUIRE(client.has(round));
        CHECK(client.got[round - 1].message.delivery_count == round - 1);
        client.connection->settle(client.got[round - 1].delivery, Settlement::Modified);
    }
    client.receiver("amqps://host/q/$deadletterqueue");
    REQUIRE(client.has(3));
    CHECK(servicebus::property(client.raw[2], "DeadLetterReason").text ==
          "MaxDeliveryCountExceeded");
}

TEST_CASE("a rejected message is dead-lettered with what the receiver said") {
    House house(one_queue);
    Client client(house);
    client.put(client.sender("q"), message("bad"));
    client.receiver("q");
    REQUIRE(client.has(1));
    AmqpError why{"com.microsoft:dead-letter", "", {}};
    why.info["DeadLetterReason"] = std::string("unreadable");
    why.info["attempt"] = std::int32_t{3};
    client.connection->settle(client.got[0].delivery, Settlement::Rejected, why);
    client.receiver("q/$DeadLetterQueue");
    REQUIRE(client.has(2));
    CHECK(servicebus::property(client.raw[1], "DeadLetterReason").text == "unreadable");
    CHECK(servicebus::property(client.raw[1], "attempt").number == 3);
}

TEST_CASE("a lock outlives its link and ends at its time") {
    House house(R"({"queues":[{"name":"q","lock_duration_s":20}]})");
    {
        Client first(house);
        first.put(first.sender("q"), message("a"));
        first.receiver("q");
        REQUIRE(first.has(1));
        CHECK(servicebus::annotation(first.raw[0], "x-opt-locked-until").number >
              servicebus::unix_ms(house.agenda.now()));
    }
    Client second(house);
    second.receiver("q");
    house.let(5s);
    CHECK(second.got.empty());
    REQUIRE(second.has(1));
    CHECK(second.got[0].message.delivery_count == 1);
}

TEST_CASE("a receiver that deletes as it receives leaves nothing locked") {
    House house(one_queue);
    Client client(house);
    client.put(client.sender("q"), message("a"));
    AttachWish wish;
    wish.presettled = true;
    client.receiver("q", 10, wish);
    REQUIRE(client.has(1));
    CHECK(house.count("q", "locked") == 0);
    CHECK(house.broker.to_json()["completed"].as_uint64() == 1);
}

TEST_CASE("a session is granted by name or as the next that is free, with its lock's end") {
    House house(sessions);
    Client client(house);
    const LinkId to = client.sender("q");
    client.put(to, message("a1", "a"));
    client.put(to, message("b1", "b"));
    REQUIRE(client.answered(2));
    const LinkId b = client.receiver("q", 10, session("b"));
    REQUIRE(client.attached(b));
    CHECK(client.attaches[b].session_id == "b");
    const std::int64_t ticks =
        number_of(client.attaches[b].properties, "com.microsoft:locked-until-utc", 0);
    const std::int64_t until_ms = (ticks - 621'355'968'000'000'000) / 10'000;
    CHECK(until_ms > servicebus::unix_ms(house.agenda.now()));
    const LinkId next = client.receiver("q", 10, session());
    CHECK(client.attaches[next].session_id == "a");
    REQUIRE(client.has(2));
    CHECK(client.got[0].message.id == "b1");
    const LinkId taken = client.receiver("q", 10, session("b"));
    CHECK(client.detached[taken].condition == "com.microsoft:session-cannot-be-locked");
}

TEST_CASE("who waits for a session gets the next one, or is told after its time") {
    House house(sessions);
    Client client(house);
    const LinkId nothing = client.connection->open_receiver("w1", "q", 10, session());
    REQUIRE(house.until([&] { return client.detached.count(nothing) > 0; }));
    CHECK(client.detached[nothing].condition == "com.microsoft:timeout");
    AttachWish patient = session();
    patient.properties["com.microsoft:timeout"] = std::int64_t{60'000};
    const LinkId waits = client.connection->open_receiver("w2", "q", 10, patient);
    house.let(1s);
    CHECK_FALSE(client.attached(waits));
    client.put(client.sender("q"), message("a1", "a"));
    REQUIRE(client.has(1));
    CHECK(client.attaches[waits].session_id == "a");
}

TEST_CASE("a session whose lock ends loses its link") {
    House house(sessions);
    Client client(house);
    const LinkId link = client.receiver("q", 10, session("a"));
    REQUIRE(house.until([&] { return client.detached.count(link) > 0; }));
    CHECK(client.detached[link].condition == "com.microsoft:session-lock-lost");
    CHECK(client.attached(client.receiver("q", 10, session("a"))));
}

TEST_CASE("sessions and ordinary receivers are not taken for each other") {
    House house(R"({"queues":[{"name":"q"},{"name":"s","requires_session":true}],
                    "topics":[{"name":"t"}]})");
    Client client(house);
    CHECK(client.detached[client.receiver("q", 1, session("a"))].condition == "amqp:not-allowed");
    CHECK(client.detached[client.receiver("s")].condition == "amqp:not-allowed");
    CHECK(client.detached[client.receiver("t")].condition == "amqp:not-allowed");
    CHECK(client.attached(client.receiver("s/$DeadLetterQueue")));
    const LinkId dead = client.connection->open_sender("d", "q/$DeadLetterQueue");
    REQUIRE(house.until([&] { return client.detached.count(dead) > 0; }));
    CHECK(client.detached[dead].condition == "amqp:not-allowed");
    client.put(client.sender("s"), message("no session"));
    REQUIRE(client.answered(1));
    CHECK(client.said[0].error.condition == "amqp:not-allowed");
    CHECK(client.said[0].error.description.find("TrackingId:") != std::string::npos);
}

TEST_CASE("a request to management is answered on the link that it names, or on the only one") {
    House house(one_queue);
    Client client(house);
    client.put(client.sender("q"), message("a"));
    client.receiver("q/$management", 0);
    AttachWish named;
    named.local_address = "my-inbox";
    const LinkId inbox = client.receiver("q/$management", 5, named);
    const LinkId ask = client.sender("q/$management");
    client.put(ask, peek("my-inbox"));
    REQUIRE(client.has(1));
    CHECK(client.got[0].link == inbox);
    const auto reply = servicebus::parse_reply(client.raw[0]);
    REQUIRE(reply);
    CHECK(reply->correlation_id == servicebus::string("r1"));
    CHECK(reply->reply.body.find("messages")->items.size() == 1);
    client.put(ask, peek(""));
    REQUIRE(client.has(2));
    CHECK(client.got[1].link == inbox);
}

TEST_CASE("an answer waits for credit") {
    House house(one_queue);
    Client client(house);
    const LinkId inbox = client.receiver("q/$management", 0);
    client.put(client.sender("q/$management"), peek(""));
    house.let(1s);
    CHECK(client.got.empty());
    client.connection->add_credit(inbox, 1);
    CHECK(client.has(1));
}

TEST_CASE("an entity that is disabled or removed takes its links with it") {
    House house(R"({"queues":[{"name":"q"},{"name":"r"}]})");
    Client client(house);
    const LinkId to = client.sender("q");
    const LinkId from = client.receiver("q");
    const LinkId gone = client.receiver("r");
    EntityOptions options;
    options.status = servicebus::EntityStatus::SendDisabled;
    CHECK(house.broker.store().update("q", options, house.agenda.now()));
    CHECK(house.broker.store().remove("r"));
    house.broker.store_changed();
    REQUIRE(house.until([&] { return client.detached.size() == 2; }));
    CHECK(client.detached[to].condition == "com.microsoft:entity-disabled");
    CHECK(client.detached[gone].condition == "amqp:not-found");
    CHECK(client.attached(from));
    const LinkId again = client.connection->open_sender("again", "q");
    REQUIRE(house.until([&] { return client.detached.count(again) > 0; }));
    CHECK(client.detached[again].condition == "com.microsoft:entity-disabled");
}

}  // namespace
}  // namespace vc::lab
