// What the tests of a broker's dialect share: a namespace with faults and fates, and a client that
// keeps every byte and outcome.
#pragma once

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "tests/lab/bench.h"
#include "tests/lab/servicebus/testing.h"

namespace vc::lab {

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

inline std::string message(const std::string& id, const std::string& session = {}) {
    servicebus::Parts parts;
    parts.id = id;
    parts.session = session;
    return servicebus::bytes_of(parts);
}

inline AttachWish session(const std::string& id = {}) {
    AttachWish wish;
    wish.session = id.empty() ? SessionWish::Any : SessionWish::Named;
    wish.session_id = id;
    wish.properties["com.microsoft:timeout"] = std::int64_t{2000};
    return wish;
}

inline const std::string one_queue = R"({"queues":[{"name":"q"}]})";
inline const std::string sessions = R"({"queues":[{"name":"q","requires_session":true,
                                            "lock_duration_s":10}]})";

inline std::string peek(const std::string& reply_to) {
    servicebus::Request request;
    request.message_id = servicebus::string("r1");
    request.reply_to = reply_to;
    request.operation = "com.microsoft:peek-message";
    request.body = servicebus::map();
    request.body.add("from-sequence-number", servicebus::long_value(0));
    request.body.add("message-count", servicebus::int_value(5));
    return servicebus::encode_request(request);
}

}  // namespace vc::lab
