#include "daemon/host/run_session.h"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <map>

#include "daemon/host/spawn.h"
#include "probes/catalogue.h"
#include "probes/gauges/session.h"

namespace vc {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// What the server does with a connection, once it has read something.
enum class Does { answer, stall, reset, close };

// A server on a port of its own, and a runner that probes it. Twenty seconds of the rules pass in
// one of the machine.
struct Desk {
    asio::io_context io{1};
    Clock clock{TimeLapse{20, Clock().wall().unix_ns}};
    tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    Does does = Does::answer;
    std::string says = "HTTP/1.1 204 No\r\n\r\n";
    int accepted = 0;
    std::unique_ptr<SessionRunner> runner;
    std::vector<Observation> seen;
    std::vector<Gauge> gauges;
    std::size_t stop_after = 1;  // observations or gauges
    std::uint64_t started = 0;
    bool ended = false;

    ~Desk() {
        const SessionCounters counters = runner->session().counters();
        CHECK(counters.started == started);
        CHECK(counters.started == counters.finished + runner->session().open_attempts());
        CHECK(counters.finished == seen.size() + gauges.size());
    }

    ProbeSpec spec(Channel channel) {
        ProbeSpec made;
        made.channel = channel;
        made.host = "127.0.0.1";
        made.port = acceptor.local_endpoint().port();
        made.identity = "CP1";
        made.entity = "canary-0";
        made.id_tag = "TAG";
        made.run = "run";
        made.budget = 1s;
        return made;
    }
    RunnerOptions options;
    void probe(std::unique_ptr<Session> session) {
        options.endpoint.host = "127.0.0.1";
        options.endpoint.port = acceptor.local_endpoint().port();
        if (options.connect_timeout == Duration{}) options.connect_timeout = 2s;
        SessionRunner::Callbacks callbacks;
        callbacks.on_observation = [this](const Observation& observation) {
            seen.push_back(observation);
            end_if_enough();
        };
        callbacks.on_gauge = [this](const Gauge& gauge) {
            gauges.push_back(gauge);
            end_if_enough();
        };
        runner = std::make_unique<SessionRunner>(io.get_executor(), clock, std::move(session),
                                                 options, callbacks);
        spawn(io.get_executor(), "server", serve());
        spawn(io.get_executor(), "runner", run());
    }
    void start(Channel channel, Duration budget = 1s) {
        Attempt attempt;
        attempt.id = AttemptId{++started};
        attempt.channel = channel;
        attempt.due = clock.now();
        attempt.budget = budget;
        runner->start(attempt);
    }
    void end_if_enough() {
        if (seen.size() + gauges.size() >= stop_after && !ended) runner->stop(clock.now() + 5s);
    }
    asio::awaitable<void> run() {
        co_await runner->run();
        ended = true;
        acceptor.close();
        io.stop();
    }
    asio::awaitable<void> serve() {
        for (;;) {
            auto [error, socket] = co_await acceptor.async_accept(as_result);
            if (error) co_return;
            ++accepted;
            spawn(io.get_executor(), "connection", talk(std::move(socket)));
        }
    }
    asio::awaitable<void> talk(tcp::socket socket) {
        std::array<char, 4096> room;
        const auto [error, bytes] = co_await socket.async_read_some(asio::buffer(room), as_result);
        if (error || does == Does::close) co_return;
        if (does == Does::reset) {
            socket.set_option(asio::socket_base::linger(true, 0));
            co_return;
        }
        if (does == Does::answer) co_await asio::async_write(socket, asio::buffer(says), as_result);
        // Until the client has gone.
        while (!std::get<0>(co_await socket.async_read_some(asio::buffer(room), as_result))) {
        }
    }
    Observation only() {
        REQUIRE(ended);
        REQUIRE(seen.size() == 1);
        return seen.front();
    }
};

// A session whose wishes a test sets; it asks for a connection with the first attempt.
class Wishful : public Session {
  public:
    SessionOutput on_start;
    SessionOutput when_connected;
    std::map<std::string, int>* calls;
    bool done = false;

    explicit Wishful(std::map<std::string, int>* its) : calls(its) {}
    SessionOutput start(const Attempt&, Instant) override { return note("start", on_start); }
    SessionOutput on_connect(Leg, const ConnectResult& result, Instant) override {
        return note(result.outcome == Outcome::ok ? "connected" : "failed", when_connected);
    }
    SessionOutput on_bytes(Leg, std::string_view, Instant) override { return note("bytes", {}); }
    SessionOutput on_deadline(Instant) override { return note("deadline", {}); }
    SessionOutput on_close(Leg, CloseReason reason, Instant) override {
        done = true;
        return note(reason == CloseReason::asked   ? "asked"
                    : reason == CloseReason::reset ? "reset"
                                                   : "peer_closed",
                    {});
    }
    SessionOutput stop(Instant) override { return note("stop", {}); }
    SessionOutput abandon(Instant) override { return note("abandon", {}); }
    bool idle() const override { return done; }
    SessionCounters counters() const override { return {}; }
    std::size_t open_attempts() const override { return 0; }

  private:
    SessionOutput note(const char* name, SessionOutput out) {
        ++(*calls)[name];
        return out;
    }
};

}  // namespace

TEST_CASE("a probe over a real socket is ok, with its phases, and the runner ends when stopped") {
    Desk desk;
    desk.probe(std::move(*make_probe(desk.spec(Channel::CT))));
    desk.start(Channel::CT, 20s);
    desk.io.run();
    const Observation seen = desk.only();
    CHECK(seen.outcome == Outcome::ok);
    REQUIRE(seen.phases.size() == 2);
    CHECK(seen.phases[0].phase == Phase::tcp);
    CHECK(seen.phases[1].phase == Phase::call);
    CHECK(seen.latency() >= seen.phases[0].took + seen.phases[1].took);
    CHECK(desk.runner->session().idle());
}

TEST_CASE("silence is a timeout, by the rules' clock and not the machine's") {
    Desk desk;
    desk.does = Does::stall;
    desk.probe(std::move(*make_probe(desk.spec(Channel::CT))));
    desk.start(Channel::CT, 2s);
    desk.io.run();
    const Observation seen = desk.only();
    CHECK(seen.outcome == Outcome::timeout);
    CHECK(seen.failed_phase == Phase::call);
    CHECK(seen.latency() >= 6s);
    CHECK(seen.latency() < 60s);
}

TEST_CASE("a reset and an end of the stream are a reset") {
    for (const Does does : {Does::reset, Does::close}) {
        Desk desk;
        desk.does = does;
        desk.probe(std::move(*make_probe(desk.spec(Channel::CT))));
        desk.start(Channel::CT, 20s);
        desk.io.run();
        CHECK(desk.only().outcome == Outcome::reset);
    }
}

TEST_CASE("a closed port is refused in tcp, for a fresh and for a kept connection") {
    for (const Channel channel : {Channel::BH, Channel::HB, Channel::DL}) {
        Desk desk;
        desk.probe(std::move(*make_probe(desk.spec(channel))));
        desk.acceptor.close();
        desk.start(channel, 20s);
        desk.io.run();
        const Observation seen = desk.only();
        CHECK(seen.outcome == Outcome::refused);
        CHECK(seen.failed_phase == Phase::tcp);
    }
}

TEST_CASE("attempts follow one another, each on a fresh connection") {
    Desk desk;
    desk.stop_after = 5;
    desk.probe(std::move(*make_probe(desk.spec(Channel::CT))));
    for (int i = 0; i < 5; ++i)
        desk.start(Channel::CT, 50s);
    desk.io.run();
    CHECK(desk.seen.size() == 5);
    for (const Observation& seen : desk.seen)
        CHECK(seen.outcome == Outcome::ok);
    CHECK(desk.accepted == 5);
}

TEST_CASE("a kept connection is made again after it was dropped") {
    Desk desk;
    desk.does = Does::reset;
    desk.stop_after = 2;
    desk.probe(std::move(*make_probe(desk.spec(Channel::HB))));
    desk.start(Channel::HB, 20s);
    desk.start(Channel::HB, 20s);
    desk.io.run();
    CHECK(desk.seen.size() == 2);
    for (const Observation& seen : desk.seen) {
        CHECK(seen.outcome == Outcome::reset);
        CHECK(seen.failed_phase == Phase::upgrade);
    }
    CHECK(desk.accepted >= 1);
}

TEST_CASE("a vendor's claim comes out as a gauge") {
    Desk desk;
    const std::string claim = R"({"properties":{"availabilityState":"Available",)"
                              R"("reportedTime":"2026-03-18T22:00:00Z"}})";
    desk.says =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(claim.size()) + "\r\n\r\n" + claim;
    GaugeSpec spec;
    spec.server = {"127.0.0.1", desk.acceptor.local_endpoint().port(), "", false};
    spec.question = AvailabilityQuestion{"/"};
    desk.probe(make_gauge_session(std::move(spec)));
    desk.start(Channel::CT, 20s);
    desk.io.run();
    REQUIRE(desk.gauges.size() == 1);
    CHECK(desk.gauges.front().vendor == VendorClaim::green);
}

TEST_CASE("stop ends an attempt under way as abandoned, and run returns") {
    Desk desk;
    desk.does = Does::stall;
    desk.stop_after = 99;
    desk.probe(std::move(*make_probe(desk.spec(Channel::DF))));
    desk.start(Channel::DF, 1000s);
    asio::steady_timer soon(desk.io, 20ms);
    soon.async_wait(
        [&](const boost::system::error_code&) { desk.runner->stop(desk.clock.now() + 100s); });
    desk.io.run();
    CHECK(desk.only().outcome == Outcome::abandoned);
    CHECK_FALSE(desk.runner->connected());
}

TEST_CASE("a session that does not become idle is abandoned at the deadline of the stop") {
    Desk desk;
    std::map<std::string, int> calls;
    auto session = std::make_unique<Wishful>(&calls);
    session->on_start.only().connection = Want::open;
    desk.does = Does::stall;
    desk.probe(std::move(session));
    Attempt attempt;
    desk.runner->start(attempt);
    asio::steady_timer soon(desk.io, 20ms);
    soon.async_wait(
        [&](const boost::system::error_code&) { desk.runner->stop(desk.clock.now() + 1s); });
    desk.io.run();
    CHECK(desk.ended);
    CHECK(calls["connected"] == 1);
    CHECK(calls["stop"] == 1);
    CHECK(calls["abandon"] == 1);
}

TEST_CASE("a peer that does not read cannot make us hoard: the connection is reset") {
    Desk desk;
    std::map<std::string, int> calls;
    auto session = std::make_unique<Wishful>(&calls);
    session->on_start.only().connection = Want::open;
    session->when_connected.only().bytes = std::string(300 * 1024, 'x');
    desk.probe(std::move(session));
    Attempt attempt;
    desk.runner->start(attempt);
    asio::steady_timer soon(desk.io, 20ms);
    soon.async_wait(
        [&](const boost::system::error_code&) { desk.runner->stop(desk.clock.now() + 1s); });
    desk.io.run();
    CHECK(calls["reset"] == 1);
}

TEST_CASE("a close is carried out after the last bytes, and answered as asked, once") {
    for (const bool connected : {true, false}) {
        Desk desk;
        std::map<std::string, int> calls;
        auto session = std::make_unique<Wishful>(&calls);
        session->on_start.only().connection = Want::open;
        session->when_connected.only().connection = Want::close;
        session->when_connected.only().bytes = "bye";
        if (!connected) session->on_start.only().connection = Want::close;
        desk.probe(std::move(session));
        Attempt attempt;
        desk.runner->start(attempt);
        asio::steady_timer soon(desk.io, 20ms);
        soon.async_wait(
            [&](const boost::system::error_code&) { desk.runner->stop(desk.clock.now() + 1s); });
        desk.io.run();
        CHECK(calls["asked"] == 1);
        CHECK(calls["connected"] == (connected ? 1 : 0));
        CHECK(calls["bytes"] == 0);
    }
}

TEST_CASE("a session is woken at its time, once") {
    Desk desk;
    std::map<std::string, int> calls;
    auto session = std::make_unique<Wishful>(&calls);
    session->on_start.wake_at = desk.clock.now() + 200ms;
    session->done = true;
    desk.probe(std::move(session));
    Attempt attempt;
    desk.runner->start(attempt);
    asio::steady_timer soon(desk.io, 50ms);
    soon.async_wait(
        [&](const boost::system::error_code&) { desk.runner->stop(desk.clock.now() + 1s); });
    desk.io.run();
    CHECK(calls["deadline"] == 1);
}

TEST_CASE("a session may say how long one connect may take") {
    Desk desk;
    desk.does = Does::stall;  // in the handshake
    desk.options.endpoint.tls = *TlsTrust::load("");
    desk.options.connect_timeout = 1h;
    std::map<std::string, int> calls;
    auto session = std::make_unique<Wishful>(&calls);
    session->on_start.only().connection = Want::open;
    session->on_start.only().connect_within = 1s;
    session->done = true;
    desk.probe(std::move(session));
    desk.runner->start(Attempt{});
    asio::steady_timer soon(desk.io, 200ms);
    soon.async_wait(
        [&](const boost::system::error_code&) { desk.runner->stop(desk.clock.now() + 1s); });
    desk.io.run();
    CHECK(calls["failed"] == 1);
}

}  // namespace vc
