#include "probes/amqp/roundtrip.h"

#include <algorithm>
#include <charconv>

namespace vc {

std::uint64_t Roundtrip::issue() {
    const std::uint64_t number = next_++;
    tokens_.emplace(number, Token{});
    if (tokens_.size() > most_remembered) tokens_.erase(tokens_.begin());
    return number;
}

std::string Roundtrip::body(std::uint64_t number) const {
    return "voltcanary " + run_ + " " + std::to_string(number);
}

Roundtrip::Received Roundtrip::received(std::string_view body, std::uint64_t connection) {
    const std::string ours = "voltcanary " + run_ + " ";
    if (!body.starts_with(ours)) return {};
    std::uint64_t number = 0;
    const char* end = body.data() + body.size();
    const auto read = std::from_chars(body.data() + ours.size(), end, number);
    if (read.ec != std::errc{} || read.ptr != end) return {};
    const auto found = tokens_.find(number);
    if (found == tokens_.end()) return {};
    Token& token = found->second;
    if (token.received_on != 0) {
        return {token.received_on == connection ? Arrival::duplicate : Arrival::redelivered,
                number};
    }
    token.received_on = connection;
    latest_ = std::max(latest_, number);
    return {token.given_up ? Arrival::late : Arrival::first, number};
}

void Roundtrip::give_up(std::uint64_t number) {
    const auto found = tokens_.find(number);
    if (found != tokens_.end()) found->second.given_up = true;
}

}  // namespace vc
