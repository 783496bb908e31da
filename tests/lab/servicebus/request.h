// Requests and answers as messages: what a client sends to `entity/$management`, and the message
// that goes back to it. Pure. The protocol: Microsoft's "AMQP 1.0 in Azure Service Bus:
// request-response-based operations", and what its clients do beyond that.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/lab/servicebus/amqp_value.h"

namespace vc::lab::servicebus {

struct Request {
    Value message_id;  // goes back as the correlation-id, in its own type
    std::string reply_to;
    std::string operation;        // "com.microsoft:peek-message"
    std::string associated_link;  // whose locks are meant; may be empty
    std::string tracking_id;
    std::optional<std::int64_t> server_timeout_ms;
    Value body;  // a map, or null
};

struct Reply {
    int status = 200;
    std::string description = "OK";
    std::string error_condition;
    Value body;
};

// Nothing when the bytes are no message or name no operation.
std::optional<Request> parse_request(std::string_view bytes);
std::string encode_reply(const Request& request, const Reply& reply);

// For clients and tests: the other two directions.
std::string encode_request(const Request& request);
struct ReadReply {
    Value correlation_id;
    Reply reply;
};
std::optional<ReadReply> parse_reply(std::string_view bytes);

}  // namespace vc::lab::servicebus
