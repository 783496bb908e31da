// The control target (channel CT): a plain HTTP GET of something that shares nothing with the
// platform, on a fresh connection each time. Any well-formed answer with a status below 500 is ok:
// what is asked is whether we reach the world, not what the world says.
#pragma once

#include <memory>

#include "probes/http/get.h"
#include "probes/session.h"

namespace vc {

std::unique_ptr<Session> make_control_session(GetTarget request);

}  // namespace vc
