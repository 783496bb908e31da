// A small HTTP/1.1 server and a one-request client on loopback, over Beast. The server answers each
// request at once from a function; keep-alive; bounded bodies, idle time and connections.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

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
};

struct HttpResponse {
    unsigned status = 200;
    std::string body;
    std::string type = "application/json";
};

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

// Runs an io_context of its own until the answer is there. `patience` is machine time. Fails when
// there is no connection or no answer.
Result<HttpResponse> http_ask(std::uint16_t port, const HttpRequest& request, Duration patience);

}  // namespace vc::lab
