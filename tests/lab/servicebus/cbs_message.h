// The messages on $cbs: a request to put a token, and its answer. What a peer sends is read with
// Proton's decoder and never trusted; bytes that are no message read as nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vc::lab::servicebus {

struct PutToken {
    std::string operation;  // "put-token"
    std::string type;       // "servicebus.windows.net:sastoken", "jwt", "amqp:jwt"
    std::string name;       // the audience
    std::string token;
    std::string reply_to;
    // The request as it came, for the answer's correlation-id, which has the type of its id.
    std::string bytes;
};

std::optional<PutToken> read_put_token(std::string_view bytes);
std::string put_token_answer(const PutToken& request, int status, const std::string& words);

// The client's side.
std::string put_token_request(const std::string& id, const PutToken& request);
struct TokenAnswer {
    std::string correlation_id;
    int status = 0;
    std::string words;
};
std::optional<TokenAnswer> read_token_answer(std::string_view bytes);

}  // namespace vc::lab::servicebus
