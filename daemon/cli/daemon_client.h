// Asks the running daemon, for the command line. Blocking; bounded in time.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/config/config.h"
#include "daemon/host/clock.h"
#include "daemon/host/http_client.h"
#include "rules/base/error.h"

namespace vc {

// "http://127.0.0.1:9470": the port that the daemon has noted in its state directory, else the
// configured one. An error when neither is known.
Result<std::string> daemon_url(const DaemonPlace& place);

// An empty `body` is a GET, any other a POST of JSON. The error says that nobody answers, and
// where.
Result<HttpResponse> ask_daemon(const DaemonPlace& place, const std::string& path,
                                const std::string& body = "");

}  // namespace vc
