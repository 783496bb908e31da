#include "daemon/http/server.h"

#include <doctest/doctest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "tests/daemon/loop.h"

namespace vc {

using namespace test;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;

namespace {

// A client's end of one connection; `text` is everything the server said until it closed.
struct Caller {
    explicit Caller(boost::asio::io_context& io) : socket(io) {}
    tcp::socket socket;
    std::string text;
    bool closed = false;

    void read() {
        socket.async_read_some(boost::asio::buffer(piece),
                               [this](const boost::system::error_code& error, std::size_t size) {
                                   text.append(piece, size);
                                   if (error) {
                                       closed = true;
                                   } else {
                                       read();
                                   }
                               });
    }

  private:
    char piece[4096];
};

struct Running {
    boost::asio::io_context io;
    Clock clock;
    Health health{true, "probes complete"};
    std::vector<CommandGiven> commands;
    HttpAnswers::CommandAnswer waiting;  // of a command that is not answered at once
    bool answer_at_once = true;
    std::unique_ptr<HttpServer> server;

    explicit Running(HttpServerOptions options = {}) {
        HttpAnswers answers;
        answers.metrics = [] { return std::string("voltcanary_x 1\n"); };
        answers.health = [this] { return health; };
        answers.status = [] { return std::string("{\"version\":\"1\"}"); };
        answers.command = [this](CommandGiven given, HttpAnswers::CommandAnswer answer) {
            commands.push_back(given);
            if (!answer_at_once) {
                waiting = std::move(answer);
            } else if (given.by == "mallory") {
                answer(failure("not you"));
            } else {
                answer("paused");
            }
        };
        auto opened = HttpServer::open(io, clock, std::move(options), std::move(answers));
        REQUIRE(opened.has_value());
        server = std::move(*opened);
    }

    std::unique_ptr<Caller> call(const std::string& bytes) {
        auto caller = std::make_unique<Caller>(io);
        caller->socket.connect({boost::asio::ip::address_v4::loopback(), server->port()});
        boost::system::error_code ignored;
        boost::asio::write(caller->socket, boost::asio::buffer(bytes), ignored);
        caller->read();
        return caller;
    }

    // The whole answer to one request.
    std::string ask(const std::string& bytes) {
        const auto caller = call(bytes);
        REQUIRE(run_until(io, [&] { return caller->closed; }));
        return caller->text;
    }
};

std::string get(const std::string& target, const std::string& headers = "Host: localhost\r\n") {
    return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n";
}

const std::string pause_body = "{\"command\":\"pause\",\"by\":\"anna\",\"reason\":\"work\"}";

std::string post(const std::string& body, const std::string& headers =
                                              "Host: 127.0.0.1:9470\r\n"
                                              "Content-Type: application/json\r\n") {
    return "POST /api/command HTTP/1.1\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool is(const std::string& answer, int status, const std::string& body) {
    return answer.starts_with("HTTP/1.1 " + std::to_string(status) + " ") &&
           answer.ends_with("\r\n\r\n" + body);
}

}  // namespace

TEST_CASE("metrics, health and status are served") {
    Running running;
    const std::string metrics = running.ask(get("/metrics"));
    CHECK(is(metrics, 200, "voltcanary_x 1\n"));
    CHECK(metrics.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
          std::string::npos);
    CHECK(is(running.ask(get("/healthz")), 200, "probes complete\n"));
    running.health = {false, "no probe has ended for 1m30s"};
    CHECK(is(running.ask(get("/healthz")), 503, "no probe has ended for 1m30s\n"));
    const std::string status = running.ask(get("/api/status?pretty"));
    CHECK(is(status, 200, "{\"version\":\"1\"}"));
    CHECK(status.find("Content-Type: application/json\r\n") != std::string::npos);
    CHECK(is(running.ask(get("/")), 404,
             "{\"error\":\"there are /metrics, /healthz, /api/status and /api/command\"}"));
}

TEST_CASE("a path knows its method") {
    Running running;
    for (const char* target : {"/metrics", "/healthz", "/api/status"}) {
        const std::string answer =
            running.ask(std::string("DELETE ") + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        CHECK(is(answer, 405, "{\"error\":\"this path only knows GET\"}"));
        CHECK(answer.find("Allow: GET\r\n") != std::string::npos);
    }
    CHECK(is(running.ask(get("/api/command")), 405, "{\"error\":\"this path only knows POST\"}"));
}

TEST_CASE("a command is handed on and its answer waited for") {
    Running running;
    CHECK(is(running.ask(post(pause_body)), 200, "{\"done\":\"paused\"}"));
    REQUIRE(running.commands.size() == 1);
    CHECK(running.commands[0].command == Command::pause);
    CHECK(running.commands[0].by == "anna");
    CHECK(is(running.ask(post("{\"command\":\"pause\",\"by\":\"mallory\",\"reason\":\"x\"}")), 409,
             "{\"error\":\"not you\"}"));

    running.answer_at_once = false;
    const auto caller = running.call(post(pause_body));
    REQUIRE(run_until(running.io, [&] { return running.waiting != nullptr; }));
    CHECK(caller->text.empty());
    running.waiting("paused, and on disk");
    running.waiting("a second answer is none");
    REQUIRE(run_until(running.io, [&] { return caller->closed; }));
    CHECK(is(caller->text, 200, "{\"done\":\"paused, and on disk\"}"));
}

TEST_CASE("a command that nobody answers ends in time") {
    HttpServerOptions options;
    options.command_time = 50ms;
    Running running(options);
    running.answer_at_once = false;
    CHECK(is(running.ask(post(pause_body)), 504,
             "{\"error\":\"no answer in time; ask for the status before trying again\"}"));
    // And an answer after all hurts nobody.
    running.waiting("late");
    running.io.restart();
    running.io.poll();
}

TEST_CASE("a web page cannot give a command") {
    Running running;
    const std::string host = "Host: localhost:1\r\n";
    const std::string json = "Content-Type: application/json\r\n";
    CHECK(is(running.ask(post(pause_body, host + json + "Origin: http://evil.example\r\n")), 403,
             "{\"error\":\"commands are not taken from web pages\"}"));
    CHECK(is(running.ask(post(pause_body, host + json + "Origin: null\r\n")), 403,
             "{\"error\":\"commands are not taken from web pages\"}"));
    for (const char* type :
         {"", "Content-Type: text/plain\r\n", "Content-Type: application/jsonx\r\n",
          "Content-Type: application/x-www-form-urlencoded\r\n"}) {
        CHECK(is(running.ask(post(pause_body, host + type)), 415,
                 "{\"error\":\"a command is sent as application/json\"}"));
    }
    CHECK(running.commands.empty());
    CHECK(is(
        running.ask(post(pause_body, host + "Content-Type: Application/JSON ; charset=utf-8\r\n")),
        200, "{\"done\":\"paused\"}"));
}

TEST_CASE("a host that is not this machine is refused: DNS may have been rebound") {
    Running running;
    const std::string words = "{\"error\":\"the Host is not this machine's loopback\"}";
    const std::string json = "Content-Type: application/json\r\n";
    CHECK(is(running.ask(post(pause_body, "Host: evil.example:9470\r\n" + json)), 403, words));
    CHECK(is(running.ask(post(pause_body, json)), 403, words));
    CHECK(is(running.ask(get("/api/status", "Host: evil.example\r\n")), 403, words));
    CHECK(running.commands.empty());
    CHECK(is(running.ask(get("/metrics", "Host: watcher.example\r\n")), 200, "voltcanary_x 1\n"));
    CHECK(is(running.ask(get("/api/status", "Host: [::1]:9\r\n")), 200, "{\"version\":\"1\"}"));
}

TEST_CASE("loopback is told from what only looks like it") {
    for (const char* host :
         {"localhost", "LOCALHOST:80", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:9470"}) {
        CHECK_MESSAGE(is_loopback_host(host), host);
    }
    for (const char* host : {"", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
                             "[::2]", "[::1", "[::1]x", "127.1", "0.0.0.0", "evil.example:127"}) {
        CHECK_MESSAGE(!is_loopback_host(host), host);
    }
}

TEST_CASE("a broken command is told what is wrong, and one too long is cut short") {
    Running running;
    CHECK(is(running.ask(post("{}")), 400, "{\"error\":\"'command' is missing\"}"));
    CHECK(is(running.ask(post(std::string(20'000, ' '))), 413,
             "{\"error\":\"a command is shorter than that\"}"));
    CHECK(running.ask("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
    CHECK(running.ask(get("/healthz", "X: " + std::string(9000, 'x') + "\r\n"))
              .starts_with("HTTP/1.1 400 "));
    CHECK(running.commands.empty());
}

TEST_CASE("a slow client is cut, and nobody else waits for it") {
    HttpServerOptions options;
    options.request_time = 300ms;
    Running running(options);
    const auto slow = running.call("GET /healthz HTTP/1.1\r\nHost: l");
    const auto silent = running.call("");
    CHECK(is(running.ask(get("/healthz")), 200, "probes complete\n"));
    CHECK(!slow->closed);
    REQUIRE(run_until(running.io, [&] { return slow->closed && silent->closed; }));
    CHECK(slow->text.empty());
    CHECK(silent->text.empty());
}

TEST_CASE("a connection too many is closed at once; when one ends there is room again") {
    HttpServerOptions options;
    options.connections_max = 2;
    options.request_time = 20s;
    Running running(options);
    const auto first = running.call("GET /");
    const auto second = running.call("GET /");
    const auto third = running.call(get("/healthz"));
    REQUIRE(run_until(running.io, [&] { return third->closed; }));
    CHECK(third->text.empty());
    CHECK(!first->closed);
    first->socket.close();
    REQUIRE(run_until(running.io, [&] { return first->closed; }));
    REQUIRE(run_until(running.io,
                      [&] { return is(running.ask(get("/healthz")), 200, "probes complete\n"); }));
}

TEST_CASE("only loopback is listened on, and a port that is taken says so") {
    boost::asio::io_context io;
    const Clock clock;
    HttpServerOptions options;
    options.host = "0.0.0.0";
    CHECK(HttpServer::open(io, clock, options, {}).error().message ==
          "cannot listen on 0.0.0.0:0: 0.0.0.0 is not a loopback address");
    options.host = "localhost";
    CHECK(HttpServer::open(io, clock, options, {}).error().message ==
          "cannot listen on localhost:0: localhost is not a loopback address");
    const Running running;
    options.host = "127.0.0.1";
    options.port = running.server->port();
    CHECK(HttpServer::open(io, clock, options, {}).error().message ==
          "cannot listen on 127.0.0.1:" + std::to_string(options.port) +
              ": Address already in use");
}

TEST_CASE("a server that is destroyed cuts its connections and asks for nothing more") {
    Running running;
    const auto caller = running.call("GET /healthz HTTP/1.1\r\n");
    running.io.restart();
    running.io.poll();
    running.server.reset();
    REQUIRE(run_until(running.io, [&] { return caller->closed; }));
    CHECK(caller->text.empty());
}

}  // namespace vc
