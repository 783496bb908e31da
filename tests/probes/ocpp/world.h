// A charger's session and the bridge that it talks to, joined by hand: for the tests of the
// session.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "probes/ocpp/frame.h"
#include "probes/ocpp/session.h"
#include "tests/probes/drive.h"
#include "tests/probes/websocket_server.h"

namespace vc::ocpp_test {

using namespace std::chrono_literals;

struct World {
    explicit World(OcppOptions options = usual()) : drive(std::make_unique<OcppSession>(options)) {}

    Drive drive;
    std::unique_ptr<WebSocketServer> server;
    std::vector<Frame> calls;  // what the charger has sent and nobody answered yet

    static OcppOptions usual() {
        OcppOptions options;
        options.request.host = "bridge.example";
        options.request.port = 80;
        options.request.path = "/ocpp/CP1";
        options.request.subprotocol = "ocpp1.6";
        options.charger.call_prefix = "run-";
        options.charger.id_tag = "TAG";
        options.charger.answer_timeout = 15s;
        options.upgrade_timeout = 30s;
        options.seed = 3;
        return options;
    }

    void flow() {
        for (int i = 0; i < 5; ++i) {
            server->receive(drive.take_sent());
            for (const std::string& text : server->take_messages()) {
                const auto frame = parse_frame(text);
                REQUIRE(frame);
                calls.push_back(*frame);
            }
            const std::string back = server->take_bytes();
            if (!back.empty()) drive.bytes(back);
        }
    }
    void connect() {
        drive.connect();
        server = std::make_unique<WebSocketServer>();
        flow();
    }
    Frame call() {
        flow();
        REQUIRE(calls.size() == 1);
        const Frame only = calls.front();
        calls.clear();
        return only;
    }
    bool quiet() {
        flow();
        return calls.empty();
    }
    void answer(const Frame& frame, std::string_view payload) {
        server->send(result_text(frame.id, payload));
        flow();
    }
    void refuse(const Frame& frame, std::string_view code) {
        server->send(error_text(frame.id, code, "no"));
        flow();
    }
    void accept_boot() {
        const Frame boot = call();
        REQUIRE(boot.action == "BootNotification");
        answer(boot, R"({"status":"Accepted","interval":300})");
    }
    void beat() { answer(call(), R"({"currentTime":"x"})"); }
    // Up and booted, with one heartbeat behind it.
    void ready() {
        drive.start(Channel::HB, 5s);
        connect();
        accept_boot();
        beat();
        CHECK(drive.one().outcome == Outcome::ok);
    }
    void start_transaction(int number) {
        const Frame start = call();
        REQUIRE(start.action == "StartTransaction");
        answer(start, R"({"transactionId":)" + std::to_string(number) +
                          R"(,"idTagInfo":{"status":"Accepted"}})");
    }
    void expect(Outcome outcome, Phase phase) {
        const Observation seen = drive.one();
        CHECK(to_text(seen.outcome) == to_text(outcome));
        CHECK(to_text(seen.failed_phase) == to_text(phase));
    }
};

}  // namespace vc::ocpp_test
