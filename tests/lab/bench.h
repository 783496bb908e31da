// What the lab's tests share: a lab in the test's own process, turned by hand. Time-lapse 25, so a
// rules' second is 40 ms; waiting is for a condition, with a limit in machine time that only a
// failing test reaches.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/base/check.h"
#include "tests/lab/amqp_message.h"
#include "tests/lab/control.h"

namespace vc::lab {

inline TimeLapse test_lapse() {
    return {25, Clock().wall().unix_ns};
}

// Runs `io` until `done` or until 10 s of the machine have passed; whether it was done.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& done) {
    // Shared, because the handler of a cancelled timer runs after this call has returned.
    const auto late = std::make_shared<bool>(false);
    boost::asio::steady_timer limit(io);
    limit.expires_after(std::chrono::seconds(10));
    limit.async_wait([late](const boost::system::error_code& error) { *late = !error; });
    while (!*late && !done())
        io.run_one();
    return done();
}

struct Bench {
    boost::asio::io_context io{1};
    Lab lab;
    Control control{lab};

    explicit Bench(std::size_t chargers = 0, LabOptions options = {})
        : lab(io, with(std::move(options), chargers)) {}

    static LabOptions with(LabOptions options, std::size_t chargers) {
        options.chargers = chargers;
        options.time_lapse = test_lapse();
        return options;
    }

    bool until(const std::function<bool()>& done) { return run_until(io, done); }
    bool ready() {
        return until([this] { return lab.ready(); });
    }
    // Lets `time` of the rules pass.
    void let(Duration time) {
        const Instant end = lab.agenda.now() + time;
        bool over = false;
        const Timer timer = lab.agenda.at(end, [&over] { over = true; });
        while (!over)
            io.run_one();
    }

    HttpResponse ask(const std::string& method, const std::string& path,
                     const std::string& body = "", const std::string& key = "") {
        HttpRequest request{method, path, {}, key, body};
        const auto mark = path.find('?');
        if (mark != std::string::npos) {
            request.path = path.substr(0, mark);
            const std::string pair = path.substr(mark + 1);
            request.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
        }
        return control.answer(request);
    }
    void fault(const std::string& body) {
        const HttpResponse response = ask("POST", "/faults", body);
        VC_CHECK(response.status == 200, response.body.c_str());
    }
    void heal() { ask("DELETE", "/faults"); }
};

// An AMQP client that keeps what happens to it. Connects at once.
struct AmqpPeer : AmqpEvents {
    struct Got {
        DeliveryId delivery;
        LinkId link;
        AmqpMessage message;
    };
    Agenda& agenda;
    std::shared_ptr<AmqpConnection> connection;
    bool opened = false;
    bool closed = false;
    AmqpError error;
    std::map<LinkId, bool> links;  // attached, and not refused
    std::map<LinkId, AmqpError> detached;
    std::vector<Got> got;
    std::vector<Settlement> outcomes;
    std::uint64_t tags = 0;

    AmqpPeer(Agenda& given, std::uint16_t port, Credentials login = {}) : agenda(given) {
        Socket socket(agenda.io());
        socket.connect({boost::asio::ip::address_v4::loopback(), port});
        AmqpConnection::Settings settings;
        settings.container_id = "test";
        settings.credentials = std::move(login);
        settings.idle_timeout = std::chrono::seconds(60);
        connection = std::make_shared<AmqpConnection>(agenda, std::move(socket), settings, *this);
        connection->start();
    }
    AmqpPeer(Agenda& given, std::unique_ptr<Transport> transport, Credentials login = {},
             const std::string& mechanisms = "")
        : agenda(given) {
        AmqpConnection::Settings settings;
        settings.container_id = "test";
        settings.credentials = std::move(login);
        settings.mechanisms = mechanisms;
        settings.idle_timeout = std::chrono::seconds(60);
        connection =
            std::make_shared<AmqpConnection>(agenda, std::move(transport), settings, *this);
        connection->start();
    }
    ~AmqpPeer() override { connection->abandon(); }

    void on_open(AmqpConnection&) override { opened = true; }
    void on_attach(AmqpConnection&, const AmqpLink& link) override {
        links[link.id] = !link.refused;
    }
    void on_detach(AmqpConnection&, LinkId link, const AmqpError& why) override {
        links.erase(link);
        detached[link] = why;
    }
    void on_message(AmqpConnection&, LinkId link, DeliveryId delivery, AmqpIncoming came) override {
        got.push_back({delivery, link, decode(came.bytes).value()});
    }
    void on_outcome(AmqpConnection& on, LinkId, DeliveryId delivery,
                    const AmqpOutcome& outcome) override {
        outcomes.push_back(outcome.settlement);
        on.settle(delivery, Settlement::None);
    }
    void on_closed(AmqpConnection&, const AmqpError& why) override {
        closed = true;
        error = why;
    }

    bool attached(LinkId link) const { return links.count(link) > 0 && links.at(link); }
    void send(LinkId link, const std::string& body, const std::string& id = "") {
        AmqpMessage message;
        message.id = id;
        message.body = body;
        AmqpConnection::Tag tag{};
        tag[0] = static_cast<char>(++tags);
        connection->send(link, tag, encode(message), false);
    }
};

// A charger by hand.
struct WsPeer {
    bool opened = false;
    bool closed = false;
    std::vector<std::string> texts;
    std::shared_ptr<WsConnection> socket;

    WsPeer(Bench& bench, const std::string& identity, const std::string& root = "/ocpp/") {
        WsConnection::Events events;
        events.on_open = [this] { opened = true; };
        events.on_text = [this](std::string text) { texts.push_back(std::move(text)); };
        events.on_closed = [this] { closed = true; };
        socket = ws_connect(bench.lab.agenda, bench.lab.bridge.port(), root + identity,
                            std::chrono::seconds(300), std::move(events));
    }
    ~WsPeer() { socket->abandon(); }
};

}  // namespace vc::lab
