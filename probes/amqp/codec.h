// Messages as bytes and back: the one that goes round a queue, and the requests to $cbs and
// $management with their replies. Owned by an engine, which lends it bytes; keeps one message of
// Proton's for all. With engine.cpp the only file of the layer that sees Proton.
//
// What cannot be decoded is told as such and never trusted; nothing here throws
// or grows with what a peer sends beyond the size of the message.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct pn_data_t;

namespace vc {

// A request to a node that answers, see "AMQP request/response" of Azure Service Bus.
struct AmqpRequest {
    std::uint64_t number = 0;  // becomes the message-id, and comes back as correlation
    std::string reply_to;
    std::vector<std::pair<std::string, std::string>> properties;
    std::string text;  // the body, unless it is a peek
    struct Peek {
        std::int64_t from_sequence = 0;
        std::int32_t count = 0;
    };
    std::optional<Peek> peek;
};

struct PeekedMessage {
    std::string body;                      // as of a received message
    std::optional<std::int64_t> sequence;  // x-opt-sequence-number
};

struct AmqpReply {
    bool decoded = false;           // it was a message with application properties
    std::uint64_t correlation = 0;  // the number of the request; 0 when it is none of ours
    std::optional<int> status;      // status-code of $cbs, statusCode of $management
    std::string condition;          // errorCondition
    bool sound_body = true;         // of a peek: a map with a list of messages that can be read
    std::vector<PeekedMessage> peeked;
};

// Whether a map of Proton's has this text under this key. Null is no map.
bool has_text(pn_data_t* map, std::string_view key, std::string_view text);

class AmqpCodec {
  public:
    AmqpCodec();
    ~AmqpCodec();
    AmqpCodec(const AmqpCodec&) = delete;
    AmqpCodec& operator=(const AmqpCodec&) = delete;

    // Bytes are valid until the next call. Empty when it cannot be encoded.
    // `text` is message-id and body at once.
    std::string_view encode(std::string_view text);
    std::string_view encode(const AmqpRequest& request);

    // The body of an encoded message: a data section, or a value that is binary
    // or text. Empty when it is something else or no message at all.
    std::string body_of(std::string_view encoded);
    AmqpReply reply_of(std::string_view encoded);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
