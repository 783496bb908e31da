// The daemon's HTTP door, on loopback only:
//   GET  /metrics      Prometheus' text format
//   GET  /healthz      200 while probes complete, 503 with the reason otherwise
//   GET  /api/status   JSON, see status_json.h
//   POST /api/command  {"command":"pause|resume|ack","by":"...","reason":"..."}
//
// There are no passwords: whoever may run programs on this machine may ask. A web page may not:
// /api refuses a Host that is not loopback (DNS rebinding), and a command is refused when it has an
// Origin or is not application/json (cross-site forms). One request per connection. The number of
// connections, the size of a request and the time for all of it are bounded; who is slower is cut.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/host/clock.h"
#include "daemon/http/health.h"
#include "rules/base/error.h"
#include "rules/event.h"

namespace boost::asio {
class io_context;
}

namespace vc {

// What the owner answers. Called on its thread.
struct HttpAnswers {
    std::function<std::string()> metrics;
    std::function<Health()> health;
    std::function<std::string()> status;
    // Calls `answer` once, then or later: with words for the operator, or why it was refused. An
    // operator who is answered may rely on it, so answer when the command is in the journal.
    using CommandAnswer = std::function<void(Result<std::string>)>;
    std::function<void(CommandGiven, CommandAnswer answer)> command;
};

struct HttpServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any
    std::size_t connections_max = 32;
    Duration request_time = std::chrono::seconds(10);  // to send a request, and to take the answer
    Duration command_time = std::chrono::seconds(30);  // to get an answer from the owner
};

class HttpServer {
  public:
    // Listens at once. "cannot listen on 127.0.0.1:9470: Address already in use"; a host that is
    // not a loopback address is refused.
    static Result<std::unique_ptr<HttpServer>> open(boost::asio::io_context& io, Clock clock,
                                                    HttpServerOptions options, HttpAnswers answers);
    // Stops listening and cuts what is open; no answer is asked for any more.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;

  private:
    struct State;
    explicit HttpServer(std::shared_ptr<State> state);
    // Shared with the connections, which may end after the server.
    std::shared_ptr<State> state_;
};

// Whether a Host header names this machine as such: localhost, 127.0.0.0/8 or [::1], with or
// without a port. Visible for tests.
bool is_loopback_host(std::string_view host);

}  // namespace vc
