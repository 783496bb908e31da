// The vendor's status page: GET /vendor/health answers like Azure Resource Health, and says
// Available whatever happens to the brokers, unless told otherwise.
#pragma once

#include <string>

#include "tests/lab/http.h"

namespace vc::lab {

class VendorMonitor {
  public:
    explicit VendorMonitor(Agenda& agenda);

    std::uint16_t port() const { return server_.port(); }
    // "Available", "Unavailable", "Degraded", or "missing" (503, no data); false for another word.
    bool say(const std::string& state);
    const std::string& state() const { return state_; }

  private:
    HttpResponse answer(const HttpRequest& request) const;

    Agenda& agenda_;
    std::string state_ = "Available";
    Instant since_;
    HttpServer server_;
};

}  // namespace vc::lab
