#include "tests/lab/servicebus/request.h"

#include "tests/lab/servicebus/message.h"

namespace vc::lab::servicebus {
namespace {

std::string text_of(const Value& map, std::string_view key) {
    const Value* value = map.find(key);
    return value != nullptr && value->is_text() ? value->text : std::string();
}

std::string encoded(std::vector<Value> fields, const Value& properties, const Value& body) {
    std::string out;
    put_value(out, described(0x73, list(std::move(fields))));
    put_value(out, described(0x74, properties));
    put_value(out, described(0x77, body));
    return out;
}

}  // namespace

std::optional<Request> parse_request(std::string_view bytes) {
    const auto message = parse_message(bytes, "");
    if (!message) return std::nullopt;
    Request request;
    std::vector<Value> fields = property_fields(*message);
    request.message_id = fields[0];
    if (fields[4].is_text()) request.reply_to = fields[4].text;
    const Value properties = application_properties(*message);
    request.operation = text_of(properties, "operation");
    request.associated_link = text_of(properties, "associated-link-name");
    request.tracking_id = text_of(properties, "com.microsoft:tracking-id");
    const Value* timeout = properties.find("com.microsoft:server-timeout");
    if (timeout != nullptr && timeout->is_integer()) request.server_timeout_ms = timeout->number;
    request.body = body_value(*message);
    if (request.operation.empty()) return std::nullopt;
    return request;
}

std::string encode_reply(const Request& request, const Reply& reply) {
    Value properties = map();
    properties.add("statusCode", int_value(reply.status));
    properties.add("statusDescription", string(reply.description));
    if (!reply.error_condition.empty()) {
        properties.add("errorCondition", symbol(reply.error_condition));
    }
    if (!request.tracking_id.empty()) {
        properties.add("com.microsoft:tracking-id", string(request.tracking_id));
    }
    std::vector<Value> fields(6);
    fields[5] = request.message_id;
    Value body = reply.body;
    if (body.null()) body = map();
    return encoded(std::move(fields), properties, body);
}

std::string encode_request(const Request& request) {
    Value properties = map();
    properties.add("operation", string(request.operation));
    if (!request.associated_link.empty()) {
        properties.add("associated-link-name", string(request.associated_link));
    }
    if (!request.tracking_id.empty()) {
        properties.add("com.microsoft:tracking-id", string(request.tracking_id));
    }
    std::vector<Value> fields(5);
    fields[0] = request.message_id;
    fields[4] = string(request.reply_to);
    return encoded(std::move(fields), properties, request.body);
}

std::optional<ReadReply> parse_reply(std::string_view bytes) {
    const auto message = parse_message(bytes, "");
    if (!message) return std::nullopt;
    ReadReply read;
    read.correlation_id = property_fields(*message)[5];
    const Value properties = application_properties(*message);
    const Value* status = properties.find("statusCode");
    if (status == nullptr || !status->is_integer()) return std::nullopt;
    read.reply.status = static_cast<int>(status->number);
    read.reply.description = text_of(properties, "statusDescription");
    read.reply.error_condition = text_of(properties, "errorCondition");
    read.reply.body = body_value(*message);
    return read;
}

}  // namespace vc::lab::servicebus
