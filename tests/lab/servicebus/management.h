// The operations of `entity/$management`, each a function of the store, a request and the time.
// Pure. An operation that cannot be done is answered with a status and an errorCondition, never
// with silence.
#pragma once

#include "tests/lab/servicebus/request.h"
#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {

struct ManagementCall {
    Address address;  // whose $management it is
    Instant now{};
    Holder holder = 0;        // of what a request locks: the associated link, or none
    std::string fallback_id;  // for a scheduled message without an id
};

Reply manage(Store& store, const ManagementCall& call, const Request& request);

// Which rights an operation needs.
enum class Needs { Send, Listen, Manage };
Needs needs_of(const std::string& operation);

// The HTTP-like status that goes with a condition.
int status_of(const Refusal& refusal);

}  // namespace vc::lab::servicebus
