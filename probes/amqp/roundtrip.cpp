#include "probes/amqp/roundtrip.h"

#include <algorithm>
#include <charconv>

namespace vc {

std::uint64_t Roundtrip::issue(Lane lane) {
    const std::uint64_t number = next_++;
    tokens_.emplace_hint(tokens_.end(), number, Token{})->second.lane = lane;
    if (tokens_.size() > most_remembered) tokens_.erase(tokens_.begin());
    return number;
}

std::string Roundtrip::body(std::uint64_t number) const {
    return "voltcanary " + run_ + " " + std::to_string(number);
}

std::uint64_t Roundtrip::number_in(std::string_view body) const {
    static constexpr std::string_view mark = "voltcanary ";
    if (!body.starts_with(mark)) return 0;
    body.remove_prefix(mark.size());
    if (!body.starts_with(run_)) return 0;
    body.remove_prefix(run_.size());
    if (!body.starts_with(' ')) return 0;
    body.remove_prefix(1);
    std::uint64_t number = 0;
    const char* end = body.data() + body.size();
    const auto read = std::from_chars(body.data(), end, number);
    return read.ec == std::errc{} && read.ptr == end ? number : 0;
}

Roundtrip::Received Roundtrip::received(std::string_view body, std::uint64_t link) {
    const std::uint64_t number = number_in(body);
    const auto found = tokens_.find(number);
    if (found == tokens_.end()) return {};
    Token& token = found->second;
    if (token.received_over != 0) {
        const bool twice = token.received_over == link || token.completed;
        return {twice ? Arrival::duplicate : Arrival::redelivered, number, false};
    }
    token.received_over = link;
    const bool behind = overtaken(number);
    latest_[token.lane] = std::max(latest_[token.lane], number);
    return {token.given_up ? Arrival::late : Arrival::first, number, behind};
}

void Roundtrip::give_up(std::uint64_t number) {
    const auto found = tokens_.find(number);
    if (found != tokens_.end()) found->second.given_up = true;
}

void Roundtrip::complete(std::uint64_t number) {
    const auto found = tokens_.find(number);
    if (found != tokens_.end()) found->second.completed = true;
}

bool Roundtrip::overtaken(std::uint64_t number) const {
    const auto found = tokens_.find(number);
    return found != tokens_.end() && number < latest_[found->second.lane];
}

}  // namespace vc
