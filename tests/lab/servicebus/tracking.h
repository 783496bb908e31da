// The tail that Service Bus puts on every error it tells: ids by which its support finds the
// request, the gateway and backend that served it, and the time. Each error is tracked once.
#pragma once

#include "rules/base/time.h"
#include "tests/lab/amqp_types.h"
#include "tests/lab/random.h"

namespace vc::lab::servicebus {

class Tracking {
  public:
    // `name` is the namespace's, as "primary".
    Tracking(std::uint64_t seed, std::string name);

    // "... TrackingId:<uuid>_G0_B3, SystemTracker:<name>:<what>, Timestamp:2026-11-20T17:00:00"
    std::string tail(std::string_view what, Instant now);
    // The same error with the tail; what has one, or says nothing, stays as it is.
    AmqpError tracked(AmqpError error, std::string_view what, Instant now);

  private:
    std::string uuid();
    Random random_;
    std::string name_;
};

}  // namespace vc::lab::servicebus
