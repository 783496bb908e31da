#include "tests/lab/servicebus/cbs_message.h"

#include <proton/codec.h>
#include <proton/message.h>

#include "tests/lab/amqp_proton.h"

namespace vc::lab::servicebus {
namespace {

struct Free {
    void operator()(pn_message_t* message) const { pn_message_free(message); }
};
using Message = std::unique_ptr<pn_message_t, Free>;

std::string text(const char* chars) {
    return chars == nullptr ? std::string() : chars;
}

// Proton asserts that there is something to decode.
Message decoded(std::string_view bytes) {
    Message message{pn_message()};
    if (bytes.empty() || pn_message_decode(message.get(), bytes.data(), bytes.size()) != 0) {
        return nullptr;
    }
    return message;
}

std::string encoded(pn_message_t* message) {
    std::string bytes(4096, '\0');
    std::size_t size = bytes.size();
    while (pn_message_encode(message, bytes.data(), &size) == PN_OVERFLOW) {
        bytes.resize(bytes.size() * 2);
        size = bytes.size();
    }
    bytes.resize(size);
    return bytes;
}

// A token is a string; Microsoft's C client sends it so, others as binary too.
std::string body_text(pn_message_t* message) {
    pn_data_t* body = pn_message_body(message);
    pn_data_rewind(body);
    if (!pn_data_next(body)) return {};
    pn_bytes_t bytes{};
    if (pn_data_type(body) == PN_STRING) bytes = pn_data_get_string(body);
    if (pn_data_type(body) == PN_BINARY) bytes = pn_data_get_binary(body);
    return bytes.start == nullptr ? std::string() : std::string(bytes.start, bytes.size);
}

void put_text(pn_data_t* data, const std::string& text) {
    pn_data_put_string(data, pn_bytes(text.size(), text.data()));
}

// Application properties have strings for keys, unlike all other maps.
void put_properties(pn_message_t* message, const AmqpMap& map) {
    pn_data_t* data = pn_message_properties(message);
    pn_data_clear(data);
    pn_data_put_map(data);
    pn_data_enter(data);
    for (const auto& [key, value] : map) {
        put_text(data, key);
        if (const auto* number = std::get_if<std::int32_t>(&value)) {
            pn_data_put_int(data, *number);
        } else {
            put_text(data, std::get<std::string>(value));
        }
    }
    pn_data_exit(data);
}

}  // namespace

std::optional<PutToken> read_put_token(std::string_view bytes) {
    const Message message = decoded(bytes);
    if (!message) return std::nullopt;
    const AmqpMap map = read_map(pn_message_properties(message.get()));
    PutToken request;
    request.operation = text_of(map, "operation");
    request.type = text_of(map, "type");
    request.name = text_of(map, "name");
    request.token = body_text(message.get());
    request.reply_to = text(pn_message_get_reply_to(message.get()));
    request.bytes = bytes;
    return request;
}

std::string put_token_answer(const PutToken& request, int status, const std::string& words) {
    const Message asked = decoded(request.bytes);
    const Message answer{pn_message()};
    if (asked) {
        const pn_msgid_t id = pn_message_get_id(asked.get());
        if (id.type != PN_NULL) pn_message_set_correlation_id(answer.get(), id);
    }
    if (!request.reply_to.empty()) {
        pn_message_set_address(answer.get(), request.reply_to.c_str());
    }
    put_properties(answer.get(),
                   {{"status-code", std::int32_t{status}}, {"status-description", words}});
    // A body has to be there, Microsoft's C client insists.
    pn_data_put_null(pn_message_body(answer.get()));
    return encoded(answer.get());
}

std::string put_token_request(const std::string& id, const PutToken& request) {
    const Message message{pn_message()};
    pn_msgid_t number{};
    number.type = PN_STRING;
    number.u.as_bytes = pn_bytes(id.size(), id.data());
    pn_message_set_id(message.get(), number);
    if (!request.reply_to.empty()) {
        pn_message_set_reply_to(message.get(), request.reply_to.c_str());
    }
    put_properties(
        message.get(),
        {{"operation", request.operation}, {"type", request.type}, {"name", request.name}});
    put_text(pn_message_body(message.get()), request.token);
    return encoded(message.get());
}

std::optional<TokenAnswer> read_token_answer(std::string_view bytes) {
    const Message message = decoded(bytes);
    if (!message) return std::nullopt;
    const AmqpMap map = read_map(pn_message_properties(message.get()));
    TokenAnswer answer;
    const pn_msgid_t id = pn_message_get_correlation_id(message.get());
    if (id.type == PN_STRING) answer.correlation_id = {id.u.as_bytes.start, id.u.as_bytes.size};
    answer.status = static_cast<int>(number_of(map, "status-code", 0));
    answer.words = text_of(map, "status-description");
    return answer;
}

}  // namespace vc::lab::servicebus
