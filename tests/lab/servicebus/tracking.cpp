#include "tests/lab/servicebus/tracking.h"

#include <cstdio>

namespace vc::lab::servicebus {

Tracking::Tracking(std::uint64_t seed, std::string name)
    : random_(seed, "tracking/" + name), name_(std::move(name)) {}

std::string Tracking::uuid() {
    std::string out;
    for (const int digits : {8, 4, 4, 4, 12}) {
        if (!out.empty()) out += '-';
        for (int i = 0; i < digits; ++i)
            out += "0123456789abcdef"[static_cast<int>(random_.ratio() * 16)];
    }
    return out;
}

std::string Tracking::tail(std::string_view what, Instant now) {
    const int backend = static_cast<int>(random_.ratio() * 8);
    return "TrackingId:" + uuid() + "_G0_B" + std::to_string(backend) + ", SystemTracker:" + name_ +
           ":" + std::string(what) + ", Timestamp:" + to_text(now).substr(0, 19);
}

AmqpError Tracking::tracked(AmqpError error, std::string_view what, Instant now) {
    if (error.condition.empty() || error.description.find("TrackingId:") != std::string::npos) {
        return error;
    }
    if (!error.description.empty()) error.description += ' ';
    error.description += tail(what, now);
    return error;
}

}  // namespace vc::lab::servicebus
