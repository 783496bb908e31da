// Carries out a command as an HTTP request. 2xx done, 208 already done, 409 and 412 refused, 429
// and 503 transient, any other answer failed. A connection that cannot be made is transient: the
// request was never sent. No whole answer, by the deadline or because the connection broke, is
// timed out: nobody knows whether the request took effect.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "daemon/hooks/command.h"
#include "daemon/hooks/text.h"
#include "daemon/host/clock.h"

namespace vc {

// `key` goes out as the header Idempotency-Key.
boost::asio::awaitable<HookResult> run_http(HttpCommand command, std::vector<HookFact> facts,
                                            std::string key, Instant deadline, Clock clock);

// Visible for tests.
HookOutcome outcome_of_status(unsigned status);

}  // namespace vc
