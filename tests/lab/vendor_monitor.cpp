#include "tests/lab/vendor_monitor.h"

namespace vc::lab {

VendorMonitor::VendorMonitor(Agenda& agenda)
    : agenda_(agenda),
      since_(agenda.now()),
      server_(agenda, [this](const HttpRequest& request) { return answer(request); }) {}

bool VendorMonitor::say(const std::string& state) {
    if (state != "Available" && state != "Unavailable" && state != "Degraded" &&
        state != "missing") {
        return false;
    }
    if (state != state_) since_ = agenda_.now();
    state_ = state;
    return true;
}

HttpResponse VendorMonitor::answer(const HttpRequest& request) const {
    if (request.method != "GET" || request.path != "/vendor/health") {
        return {404, R"({"error":{"code":"ResourceNotFound"}})", "application/json"};
    }
    if (state_ == "missing") {
        return {503, R"({"error":{"code":"ServiceUnavailable"}})", "application/json"};
    }
    return {200,
            R"({"name":"current","properties":{"availabilityState":")" + state_ +
                R"(","occurredTime":")" + to_text(since_) + R"(","reportedTime":")" +
                to_text(agenda_.now()) + R"("}})",
            "application/json"};
}

}  // namespace vc::lab
