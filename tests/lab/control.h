// The lab's control API, HTTP on loopback; README.md lists it. A POST or DELETE that carries
// Idempotency-Key takes effect once: later ones with the key get 208 and the first result.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "tests/lab/lab.h"

namespace boost::json {
class object;
}

namespace vc::lab {

class Control {
  public:
    explicit Control(Lab& lab);

    std::uint16_t port() const { return server_.port(); }
    // What the server answers; also without the server, for tests.
    HttpResponse answer(const HttpRequest& request);

  private:
    struct Effect {
        int applied = 0;
        int seen = 0;
        HttpResponse result;
    };
    HttpResponse route(const HttpRequest& request);
    HttpResponse get(const HttpRequest& request) const;
    HttpResponse post(const std::string& path, const std::string& body);
    HttpResponse erase(const std::string& path);
    HttpResponse keys(const boost::json::object& body);
    HttpResponse truth() const;
    HttpResponse effects() const;
    HttpResponse pages() const;

    Lab& lab_;
    std::map<std::string, Effect> effects_;
    std::deque<std::string> effect_order_;
    std::deque<std::string> pages_;
    HttpServer server_;
};

}  // namespace vc::lab
