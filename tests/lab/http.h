// A small HTTP/1.1 server and a one-request client on loopback, over Beast. The server takes each
// answer from a function and sends it at once, or after the answer's own delay; keep-alive; bounded
// bodies, idle time and connections.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "rules/base/error.h"
#include "tests/lab/agenda.h"
#include "tests/lab/listener.h"

namespace vc::lab {

struct HttpRequest {
    std::string method;
    std::string path;  // without the query
    std::map<std::string, std::string> query;
    std::string key;  // the header Idempotency-Key
    std::string body;
    std::map<std::string, std::string> headers = {};  // names in lower case
    std::string target = {};                          // path and query as they came, still escaped

    // The header or query value, or "" when there is none.
    std::string header(const std::string& name) const;
    std::string argument(const std::string& name) const;
};

struct HttpResponse {
    unsigned status = 200;
    std::string body;
    std::string type = "application/json";
    std::map<std::string, std::string> headers = {};  // besides Content-Type and Content-Length
    Duration delay = {};                              // the server waits so long before it answers
};

// Splits `target` into path and query, unescaped.
void read_target(std::string target, HttpRequest& request);

// The escaped text as it was ("a%20b" is "a b"); '+' is a space, as in forms and queries.
std::string unescaped(std::string_view text);

class HttpServer {
  public:
    using Handle = std::function<HttpResponse(const HttpRequest&)>;

    HttpServer(Agenda& agenda, Handle handle);
    ~HttpServer();

    std::uint16_t port() const { return listener_.port(); }

  private:
    class Session;
    Agenda& agenda_;
    Handle handle_;
    std::set<Session*> sessions_;
    Listener listener_;
};

// Asks for request.target, or for request.path when that is empty, with its key and headers. Runs
// an io_context of its own until the answer is there. `patience` is machine time. Fails when there
// is no connection or no answer.
Result<HttpResponse> http_ask(std::uint16_t port, const HttpRequest& request, Duration patience);

}  // namespace vc::lab
