// The handshake-only probe of the bridge (channel BH): WebSocket upgrade with the OCPP subprotocol,
// one ping, its pong, and a close. It never sends an OCPP CALL, so it says whether the bridge's
// edge answers, and nothing of what lies behind. It needs an identity of its own: a second
// connection under a charger's identity would drop that charger.
#pragma once

#include <memory>

#include "probes/session.h"
#include "probes/websocket/websocket.h"

namespace vc {

std::unique_ptr<Session> make_bridge_session(WebSocketRequest request, std::uint64_t seed);

}  // namespace vc
