// What the tests of a namespace's front share: a front with nothing but a recorder behind it, and a
// client that can put tokens. Time-lapse 25 unless told otherwise.
#pragma once

#include <boost/json.hpp>

#include "tests/lab/amqp_frame.h"
#include "tests/lab/bench.h"
#include "tests/lab/servicebus/front.h"

namespace vc::lab::servicebus {

// A broker that takes every link and settles every message, and remembers.
struct Recorder : AmqpEvents {
    std::vector<std::string> attached;
    std::vector<AmqpIncoming> messages;
    int detached = 0;
    int closed = 0;

    void on_attach(AmqpConnection& connection, const AmqpLink& link) override {
        attached.push_back(link.address);
        connection.accept_link(link.id, 100);
    }
    void on_detach(AmqpConnection&, LinkId, const AmqpError&) override { ++detached; }
    void on_message(AmqpConnection& connection, LinkId, DeliveryId delivery,
                    AmqpIncoming message) override {
        messages.push_back(std::move(message));
        connection.settle(delivery, Settlement::Accepted);
    }
    void on_outcome(AmqpConnection&, LinkId, DeliveryId, const AmqpOutcome&) override {}
    void on_closed(AmqpConnection&, const AmqpError&) override { ++closed; }
};

struct FrontBench {
    boost::asio::io_context io{1};
    Agenda agenda;
    Truth truth{agenda};
    Fates fates;
    Faults faults{agenda, truth, &fates};
    FaultState state{1, "primary"};
    Tls tls;
    Recorder behind;
    Front front;

    explicit FrontBench(std::vector<AccessKey> keys = {}, double factor = 25)
        : agenda(io, Clock(TimeLapse{factor, test_lapse().origin_unix_ns})),
          front(agenda, state, options(std::move(keys)), behind) {
        FaultTarget target{&state, Front::kinds(), [this] { front.faults_changed(); },
                           [this](const Fault& fault) { return front.drop(fault); }};
        target.narrows = true;
        faults.add(std::move(target));
    }
    FrontOptions options(std::vector<AccessKey> keys) {
        FrontOptions made;
        made.name = "primary";
        made.keys = std::move(keys);
        made.tls = &tls;
        made.jwt = [](std::string_view token, Instant now) -> Result<Instant> {
            if (token != "good") return failure("InvalidToken: not ours");
            return now + std::chrono::seconds(100);
        };
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
        const auto id = faults.inject(boost::json::parse(body).as_object());
        VC_CHECK(id, id.error().message.c_str());
        return *id;
    }
    Socket dial() {
        Socket socket(io);
        socket.connect({boost::asio::ip::address_v4::loopback(), front.port()});
        return socket;
    }
};

struct Caller : AmqpPeer {
    std::vector<TokenAnswer> answers;
    LinkId requests;
    LinkId replies;
    FrontBench& bench;

    explicit Caller(FrontBench& with, Credentials login = {})
        : AmqpPeer(with.agenda, with.front.port(), std::move(login)), bench(with) {}
    Caller(FrontBench& with, std::unique_ptr<Transport> transport,
           const std::string& mechanisms = "")
        : AmqpPeer(with.agenda, std::move(transport), {}, mechanisms), bench(with) {}

    void on_message(AmqpConnection& on, LinkId, DeliveryId delivery, AmqpIncoming came) override {
        if (const auto answer = read_token_answer(came.bytes)) answers.push_back(*answer);
        on.settle(delivery, Settlement::Accepted);
    }
    void open_cbs(const std::string& target = "") {
        requests = connection->open_sender("cbs-sender", "$cbs");
        AttachWish wish;
        wish.local_address = target;
        replies = connection->open_receiver("cbs-receiver", "$cbs", 10, wish);
        VC_CHECK(bench.until([this] { return attached(requests) && attached(replies); }), "cbs");
    }
    void put(const PutToken& request, const std::string& id = "1") {
        AmqpConnection::Tag tag{};
        tag[0] = static_cast<char>(++tags);
        connection->send(requests, tag, put_token_request(id, request), false);
    }
    // The answer to putting a signature for `audience`.
    TokenAnswer put_sas(const std::string& audience, const AccessKey& key, Duration life) {
        const std::size_t before = answers.size();
        PutToken request;
        request.operation = "put-token";
        request.type = "servicebus.windows.net:sastoken";
        request.name = audience;
        request.token = make_sas(audience, key, agenda.now() + life);
        put(request, std::to_string(before));
        VC_CHECK(bench.until([&] { return answers.size() > before; }), "an answer to put-token");
        return answers.back();
    }
};

}  // namespace vc::lab::servicebus
