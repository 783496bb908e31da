#include "tests/probes/amqp_nodes.h"

#include <proton/codec.h>
#include <proton/message.h>

#include <string_view>
#include <utility>
#include <vector>

namespace vc {
namespace {

pn_bytes_t bytes_of(std::string_view text) {
    return pn_bytes(text.size(), text.data());
}

// The message of Proton's that is decoded or encoded.
struct Message {
    pn_message_t* message = pn_message();
    Message() = default;
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    ~Message() { pn_message_free(message); }

    bool decode(const std::string& encoded) {
        return !encoded.empty() && pn_message_decode(message, encoded.data(), encoded.size()) == 0;
    }
    std::string encode() const {
        std::string room(256 * 1024, '\0');
        std::size_t size = room.size();
        pn_message_encode(message, room.data(), &size);
        room.resize(size);
        return room;
    }
    std::string property(std::string_view name) const {
        pn_data_t* data = pn_message_properties(message);
        pn_data_rewind(data);
        if (!pn_data_next(data) || !pn_data_enter(data)) return {};
        while (pn_data_next(data)) {
            const pn_bytes_t key = pn_data_get_string(data);
            pn_data_next(data);
            if (std::string_view(key.start, key.size) == name) {
                const pn_bytes_t value = pn_data_get_string(data);
                return {value.start, value.size};
            }
        }
        return {};
    }
};

void put_token(const Message& request, AmqpStore& store) {
    pn_data_t* body = pn_message_body(request.message);
    pn_data_rewind(body);
    pn_data_next(body);
    const pn_bytes_t token = pn_data_get_string(body);
    store.tokens.push_back(request.property("name") + " " + request.property("type") + " " +
                           std::string(token.start, token.size));
}

std::int64_t asked_from(const Message& request) {
    pn_data_t* asked = pn_message_body(request.message);
    std::int64_t from = 0;
    pn_data_rewind(asked);
    pn_data_next(asked);
    pn_data_enter(asked);
    while (pn_data_next(asked)) {
        if (pn_data_type(asked) == PN_LONG) from = pn_data_get_long(asked);
    }
    return from;
}

std::vector<std::string> peeked(const std::string& queue, std::int64_t from,
                                const AmqpManners& manners, const AmqpStore& store) {
    std::vector<std::string> found;
    const auto its = store.queues.find(queue);
    if (its == store.queues.end()) return found;
    for (const AmqpStore::Stored& stored : its->second) {
        Message one;
        if (stored.sequence < from || found.size() == manners.peek_most) continue;
        if (!one.decode(stored.encoded)) continue;
        pn_data_t* annotations = pn_message_annotations(one.message);
        if (manners.sequence) {
            pn_data_clear(annotations);
            pn_data_put_map(annotations);
            pn_data_enter(annotations);
            pn_data_put_symbol(annotations, bytes_of("x-opt-sequence-number"));
            pn_data_put_long(annotations, stored.sequence);
        }
        pn_message_set_inferred(one.message, true);
        found.push_back(one.encode());
    }
    return found;
}

void put_list(pn_data_t* body, const std::vector<std::string>& messages) {
    pn_data_put_map(body);
    pn_data_enter(body);
    pn_data_put_string(body, bytes_of("messages"));
    pn_data_put_list(body);
    pn_data_enter(body);
    for (const std::string& encoded : messages) {
        pn_data_put_map(body);
        pn_data_enter(body);
        pn_data_put_string(body, bytes_of("message"));
        pn_data_put_binary(body, bytes_of(encoded));
        pn_data_exit(body);
    }
    pn_data_exit(body);
    pn_data_exit(body);
}

void put_status(const Message& answer, std::string_view name, int status,
                const std::string& condition) {
    pn_data_t* properties = pn_message_properties(answer.message);
    pn_data_put_map(properties);
    pn_data_enter(properties);
    if (status > 0) {
        pn_data_put_string(properties, bytes_of(name));
        pn_data_put_int(properties, status);
    }
    if (!condition.empty()) {
        pn_data_put_string(properties, bytes_of("errorCondition"));
        pn_data_put_symbol(properties, bytes_of(condition));
    }
    pn_data_exit(properties);
}

}  // namespace

NodeAnswer answer_of_node(const std::string& node, const std::string& raw,
                          const AmqpManners& manners, AmqpStore& store) {
    Message request;
    if (!request.decode(raw)) return {};
    Message answer;
    if (node == "$cbs") {
        put_token(request, store);
        put_status(answer, "status-code", manners.token_status, "");
    } else {
        const std::string queue = node.substr(0, node.size() - 12);
        const auto found = peeked(queue, asked_from(request), manners, store);
        pn_data_t* body = pn_message_body(answer.message);
        if (manners.peek_garbage) {
            pn_data_put_string(body, bytes_of("what?"));
        } else if (!found.empty()) {
            put_list(body, found);
        }
        const int right = found.empty() && !manners.peek_garbage ? 204 : 200;
        put_status(answer, "statusCode", manners.peek_status != 0 ? manners.peek_status : right,
                   manners.peek_condition);
    }
    if (manners.own_correlation) {
        pn_data_put_string(pn_message_correlation_id(answer.message), bytes_of("somebody-else-1"));
    } else {
        pn_message_set_correlation_id(answer.message, pn_message_get_id(request.message));
    }
    const char* to = pn_message_get_reply_to(request.message);
    return {to == nullptr ? "" : to,
            manners.reply_garbage ? std::string("\x00\x53\x75\xa0\x20x", 6) : answer.encode()};
}

}  // namespace vc
