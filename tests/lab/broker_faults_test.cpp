// The faults of messages and links on a broker, over real sockets, and their ground truth.
#include "tests/lab/broker_bench.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

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

}  // namespace
}  // namespace vc::lab
