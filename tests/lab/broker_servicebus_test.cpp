// What makes a broker Service Bus, over real sockets: sessions, management, dead letters, batches,
// entities that change under their links, and the faults of messages.
#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "tests/lab/bench.h"
#include "tests/lab/random.h"
#include "tests/lab/servicebus/testing.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
using servicebus::EntityKind;
using servicebus::EntityOptions;
using servicebus::Value;

struct House {
    boost::asio::io_context io{1};
    Agenda agenda{io, Clock(test_lapse())};
    Truth truth{agenda};
    Fates fates;
    Faults faults{agenda, truth, &fates};
    Broker broker;

    explicit House(const std::string& entities) : broker(agenda, 1, options(entities)) {
        faults.add(broker.fault_target());
    }
    static BrokerOptions options(const std::string& entities) {
        BrokerOptions made;
        made.name = "primary";
        made.entities = servicebus::read_entities(entities).value();
        return made;
    }
    bool until(const std::function<bool()>& done) { return run_until(io, done); }
    void let(Duration time) {
        bool over = false;
        const Timer timer = agenda.after(time, [&over] { over = true; });
        while (!over)
            io.run_one();
    }
    void fault(const std::string& body) {
        REQUIRE(faults.inject(boost::json::parse(body).as_object()));
    }
    std::uint64_t count(const std::string& queue, const char* what) {
        return broker.to_json()["queues"].at(queue).at(what).to_number<std::uint64_t>();
    }
};

// Keeps bytes and whole outcomes, and attaches in words.
struct Client : AmqpPeer {
    House& house;
    std::vector<std::string> raw;
    std::vector<AmqpOutcome> said;
    std::map<LinkId, AmqpLink> attaches;

    explicit Client(House& given) : AmqpPeer(given.agenda, given.broker.port()), house(given) {}

    void on_attach(AmqpConnection& on, const AmqpLink& link) override {
        AmqpPeer::on_attach(on, link);
        attaches[link.id] = link;
    }
    void on_message(AmqpConnection& on, LinkId link, DeliveryId delivery,
                    AmqpIncoming came) override {
        raw.push_back(came.bytes);
        AmqpPeer::on_message(on, link, delivery, std::move(came));
    }
    void on_outcome(AmqpConnection& on, LinkId link, DeliveryId delivery,
                    const AmqpOutcome& outcome) override {
        said.push_back(outcome);
        AmqpPeer::on_outcome(on, link, delivery, outcome);
    }
    LinkId sender(const std::string& to) {
        const LinkId id = connection->open_sender("s" + std::to_string(++tags), to);
        CHECK(house.until([&] { return attached(id); }));
        return id;
    }
    LinkId receiver(const std::string& from, int credit = 10, const AttachWish& wish = {}) {
        const LinkId id =
            connection->open_receiver("r" + std::to_string(++tags), from, credit, wish);
        CHECK(house.until([&] { return attached(id) || detached.count(id) > 0; }));
        return id;
    }
    void put(LinkId link, const std::string& bytes) {
        AmqpConnection::Tag tag{};
        tag[0] = static_cast<char>(++tags);
        connection->send(link, tag, bytes, false);
    }
    bool has(std::size_t messages) {
        return house.until([&] { return got.size() == messages; });
    }
    bool answered(std::size_t sends) {
        return house.until([&] { return said.size() == sends; });
    }
};

std::string message(const std::string& id, const std::string& session = {}) {
    servicebus::Parts parts;
    parts.id = id;
    parts.session = session;
    return servicebus::bytes_of(parts);
}

AttachWish session(const std::string& id = {}) {
    AttachWish wish;
    wish.session = id.empty() ? SessionWish::Any : SessionWish::Named;
    wish.session_id = id;
    wish.properties["com.microsoft:timeout"] = std::int64_t{2000};
    return wish;
}

const std::string one_queue = R"({"queues":[{"name":"q"}]})";
const std::string sessions = R"({"queues":[{"name":"q","requires_session":true,
                                            "lock_duration_s":10}]})";

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

std::string peek(const std::string& reply_to) {
    servicebus::Request request;
    request.message_id = servicebus::string("r1");
    request.reply_to = reply_to;
    request.operation = "com.microsoft:peek-message";
    request.body = servicebus::map();
    request.body.add("from-sequence-number", servicebus::long_value(0));
    request.body.add("message-count", servicebus::int_value(5));
    return servicebus::encode_request(request);
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

TEST_CASE("a delay of one entity is its own, and what really passed is written down") {
    House house(R"({"queues":[{"name":"q"},{"name":"other"}]})");
    Client client(house);
    house.fault(R"({"component":"primary","kind":"settle_delay","delay_ms":3000,"entity":"q"})");
    const LinkId slow = client.sender("q");
    const LinkId quick = client.sender("other");
    const Instant start = house.agenda.now();
    client.put(quick, message("fast"));
    REQUIRE(client.answered(1));
    CHECK(house.agenda.now() - start < 3s);
    client.put(slow, message("late"));
    REQUIRE(client.answered(2));
    const auto fate = boost::json::parse(house.fates.lines(0, 10));
    CHECK(fate.at("message_id") == "late");
    CHECK(fate.at("what") == "settle");
    CHECK(fate.at("delay_ns").to_number<std::int64_t>() >= 3'000'000'000);
    CHECK(house.fates.count() == 1);
}

TEST_CASE("a message can be handed out late, twice, or after the one behind it") {
    House house(one_queue);
    Client client(house);
    const LinkId to = client.sender("q");
    client.receiver("q", 50);
    house.fault(R"({"component":"primary","kind":"deliver_delay","delay_ms":2000})");
    const Instant start = house.agenda.now();
    client.put(to, message("late"));
    REQUIRE(client.has(1));
    CHECK(house.agenda.now() - start >= 2s);
    house.faults.clear_all();
    house.fault(R"({"component":"primary","kind":"duplicate"})");
    client.put(to, message("twice"));
    REQUIRE(client.has(3));
    CHECK(client.got[2].message.id == "twice");
    house.faults.clear_all();
    house.fault(R"({"component":"primary","kind":"reorder"})");
    client.put(to, message("first"));
    client.put(to, message("second"));
    REQUIRE(client.has(5));
    CHECK(client.got[3].message.id == "second");
    CHECK(client.got[4].message.id == "first");
    CHECK(house.fates.lines(0, 10).find("reordered") != std::string::npos);
}

TEST_CASE("a message to be overtaken is not kept when nothing comes behind it") {
    House house(one_queue);
    Client client(house);
    client.receiver("q");
    house.fault(R"({"component":"primary","kind":"reorder"})");
    client.put(client.sender("q"), message("alone"));
    CHECK(client.has(1));
}

TEST_CASE("a namespace that is busy rejects, detaches and answers 503") {
    House house(one_queue);
    Client client(house);
    const LinkId to = client.sender("q");
    client.receiver("q/$management");
    const LinkId ask = client.sender("q/$management");
    house.fault(R"({"component":"primary","kind":"server_busy","role":"any"})");
    client.put(to, message("a"));
    REQUIRE(client.answered(1));
    CHECK(client.said[0].settlement == Settlement::Rejected);
    CHECK(client.said[0].error.condition == "com.microsoft:server-busy");
    client.put(ask, peek(""));
    REQUIRE(client.has(1));
    CHECK(servicebus::parse_reply(client.raw[0])->reply.status == 503);
    CHECK(client.detached[client.receiver("q")].condition == "com.microsoft:server-busy");
}

TEST_CASE("management that is down says 503, and is slow when it is made slow") {
    House house(one_queue);
    Client client(house);
    client.receiver("q/$management");
    const LinkId ask = client.sender("q/$management");
    house.fault(R"({"component":"primary","kind":"management_down"})");
    client.put(ask, peek(""));
    REQUIRE(client.has(1));
    CHECK(servicebus::parse_reply(client.raw[0])->reply.status == 503);
    house.faults.clear_all();
    house.fault(R"({"component":"primary","kind":"mgmt_slow","delay_ms":2000})");
    const Instant start = house.agenda.now();
    client.put(ask, peek(""));
    REQUIRE(client.has(2));
    CHECK(house.agenda.now() - start >= 2s);
}

TEST_CASE("links can starve: old receivers get nothing, senders no credit, settles never come") {
    House house(one_queue);
    Client client(house);
    const LinkId to = client.sender("q");
    client.receiver("q");
    house.fault(R"({"component":"primary","kind":"silent_receiver"})");
    client.put(to, message("a"));
    REQUIRE(client.answered(1));
    house.let(2s);
    CHECK(client.got.empty());
    Client fresh(house);
    fresh.receiver("q");
    CHECK(fresh.has(1));
    house.faults.clear_all();

    house.fault(R"({"component":"primary","kind":"credit_starve"})");
    const LinkId starved = client.sender("q");
    house.let(1s);
    CHECK(client.connection->credit(starved) == 0);
    house.faults.clear_all();
    CHECK(house.until([&] { return client.connection->credit(starved) > 0; }));

    house.fault(R"({"component":"primary","kind":"settle_stall"})");
    client.put(to, message("b"));
    house.let(2s);
    CHECK(client.said.size() == 1);
    CHECK(client.got.size() + fresh.got.size() == 2);
}

TEST_CASE("a stall holds requests to management as well, and all that it holds is written down") {
    House house(one_queue);
    Client client(house);
    const LinkId to = client.sender("q");
    client.receiver("q/$management");
    const LinkId ask = client.sender("q/$management");
    house.fault(R"({"component":"primary","kind":"stall"})");
    client.put(ask, peek(""));
    client.put(to, message("held"));
    house.let(2s);
    CHECK(client.got.empty());
    CHECK(house.fates.count() == 2);
    CHECK(house.fates.lines(1, 1).find("\"held\"") != std::string::npos);
    house.faults.clear_all();
    CHECK(client.has(1));
    CHECK(client.answered(2));  // the request has an outcome too
}

TEST_CASE("a file of entities that is not understood says where") {
    const auto wrong = [](const std::string& text) {
        const auto read = servicebus::read_entities(text);
        return read ? "understood" : read.error().message;
    };
    CHECK(wrong("{") == "this is no JSON");
    CHECK(wrong("[]") == "this must be an object");
    CHECK(wrong(R"({"queues":[{"name":"q","speed":1}]})") == "queues[0].speed: is not known");
    CHECK(wrong(R"({"queues":[{"name":7}]})") == "queues[0].name: must be a text");
    CHECK(wrong(R"({"queues":[{"lock_duration_s":"x"}]})") ==
          "queues[0].lock_duration_s: must be a number of seconds");
    CHECK(wrong(R"({"queues":[{"max_delivery_count":-1}]})") ==
          "queues[0].max_delivery_count: must be a whole number");
    CHECK(wrong(R"({"queues":[{"requires_session":1}]})") ==
          "queues[0].requires_session: must be true or false");
    CHECK(wrong(R"({"queues":[{"status":"tired"}]})") ==
          "queues[0].status: must be Active, Disabled, SendDisabled or ReceiveDisabled");
    CHECK(wrong(R"({"topics":[{"subscriptions":{}}]})") ==
          "topics[0].subscriptions: must be a list");
    CHECK(wrong(R"({"topics":[{"subscriptions":[{"rules":[{"sqll":""}]}]}]})") ==
          "topics[0].subscriptions[0].rules[0].sqll: is not known");
    servicebus::Store store("x");
    const auto made = servicebus::make_entities(
        store, servicebus::read_entities(R"({"queues":[{"name":"a b"}]})").value(), Instant{});
    CHECK(made.error().message == "a b: 'a b' cannot be the name of a queue or a topic.");
    CHECK(servicebus::make_entities(
        store,
        servicebus::read_entities(
            R"({"topics":[{"name":"t","subscriptions":[{"name":"s","rules":[{"name":"r",
                "sql":"a=1","action":"SET b=2"}]}]}]})")
            .value(),
        Instant{}));
    CHECK(store.find("t/Subscriptions/s")->rules.at(0).description().action == "SET b=2");
}

}  // namespace
}  // namespace vc::lab
