// Proton's half of an AmqpConnection, for the files that implement it: the driver, and the bounds
// that Service Bus has. Owned by the AmqpConnection.
#pragma once

#include <proton/connection_driver.h>

#include "rules/base/check.h"
#include "tests/lab/amqp_engine.h"
#include "tests/lab/amqp_proton.h"

namespace vc::lab {

constexpr std::uint64_t max_message = 256 * 1024;  // Service Bus, standard tier
constexpr int max_unsettled = 2000;                // per link, on our side
constexpr std::size_t session_window = 4u << 20;   // octets a peer may have in flight to us

struct AmqpConnection::Engine {
    pn_connection_driver_t driver{};
    pn_session_t* session = nullptr;  // the client's only one
    Logins logins;

    Engine() {
        VC_CHECK(pn_connection_driver_init(&driver, nullptr, nullptr) == 0, "out of memory");
    }
    ~Engine() { pn_connection_driver_destroy(&driver); }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
};

}  // namespace vc::lab
