// What an HTTP request shows to be let in: the value of its Authorization header. Made and kept
// fresh by the daemon, which reads files and fetches tokens; shared by the requests that show the
// same (hence shared_ptr), which ask anew each time, so that a rotated secret needs no restart. The
// text is a secret: it goes to the peer and nowhere else.
#pragma once

#include <optional>
#include <string>

#include "rules/base/time.h"

namespace vc {

class Authorization {
  public:
    virtual ~Authorization() = default;

    // "Bearer eyJ...", "Basic cHJv...". None: there is nothing to be shown now, and the request is
    // not made. Must not block.
    virtual std::optional<std::string> header(Instant now) const = 0;
};

}  // namespace vc
