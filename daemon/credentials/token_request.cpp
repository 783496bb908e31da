#include "daemon/credentials/token_request.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/credentials/sas.h"
#include "probes/json.h"

namespace vc {
namespace {

constexpr std::size_t most_answer_bytes = 64 << 10;
// What identities get lasts a day at most. A longer life would be somebody's slip in the units.
constexpr Duration longest_life = std::chrono::hours(48);

bool is_token(std::string_view text) {
    return !text.empty() && text.size() <= most_answer_bytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// Error codes of the protocol are words of small letters; anything else might repeat a secret.
bool is_error_code(std::string_view text) {
    return !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || c == '_';
    });
}

// The metadata service writes its numbers as texts.
std::optional<std::int64_t> integer_at(const Json& json, std::string_view name) {
    if (const auto number = json.integer_at(name)) return number;
    const auto text = json.text_at(name);
    if (!text) return std::nullopt;
    std::int64_t value = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

NoToken passing(std::string words) {
    return {TokenFailure::passing, std::move(words)};
}

NoToken refusal_of(const HttpResponse& response) {
    NoToken none;
    // 404 and 410: the metadata service while an identity is set up, or itself is updated.
    const unsigned status = response.status;
    const bool soon = status == 404 || status == 408 || status == 410 || status == 429;
    none.kind =
        status >= 400 && status < 500 && !soon ? TokenFailure::refused : TokenFailure::passing;
    none.words = "HTTP " + std::to_string(status);
    const auto json = parse_json(response.body);
    if (!json) return none;
    if (const auto code = json->text_at("error"); code && is_error_code(*code)) {
        none.words += ", " + std::string(*code);
    }
    const Json* codes = json->at("error_codes");
    if (codes != nullptr && !codes->items.empty() &&
        codes->items.front().kind == Json::Kind::integer) {
        none.words += " (AADSTS" + std::to_string(codes->items.front().integer) + ")";
    }
    return none;
}

// How long it is good for, from `now` on.
std::optional<Duration> life_of(const Json& json, WallTime date) {
    using std::chrono::seconds;
    std::optional<std::int64_t> left = integer_at(json, "expires_in");
    if (const auto ends = integer_at(json, "expires_on"); !left && ends) {
        left = *ends - date.unix_ns / 1'000'000'000;
    }
    if (!left || *left <= 0) return std::nullopt;
    const std::int64_t most = longest_life / seconds(1);
    return seconds(std::min(*left, most));
}

}  // namespace

HttpRequest token_request(const IdentityConfig& identity) {
    HttpRequest request;
    request.answer_limit = most_answer_bytes;
    if (identity.managed()) {
        request.url = identity.token_url +
                      "?api-version=2018-02-01&resource=" + percent_encoded(identity.resource);
        if (!identity.client_id.empty()) {
            request.url += "&client_id=" + percent_encoded(identity.client_id);
        }
        request.headers = {{"Metadata", "true"}};
        return request;
    }
    request.method = "POST";
    request.url = identity.token_url;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body =
        "grant_type=client_credentials&client_id=" + percent_encoded(identity.client_id) +
        "&client_secret=" + percent_encoded(identity.client_secret.reveal()) +
        "&scope=" + percent_encoded(identity.resource + "/.default");
    return request;
}

tl::expected<BearerToken, NoToken> read_token(const HttpAnswer& answer, WallTime date,
                                              Instant now) {
    if (!answer) return tl::unexpected(passing(answer.error().message));
    if (answer->status != 200) return tl::unexpected(refusal_of(*answer));
    auto json = parse_json(answer->body);
    if (!json) return tl::unexpected(passing("the answer is not JSON"));
    const auto text = json->text_at("access_token");
    if (!text || !is_token(*text)) {
        return tl::unexpected(passing("the answer has no access_token"));
    }
    const auto life = life_of(*json, date);
    if (!life) return tl::unexpected(passing("the answer's token is of no duration"));
    return BearerToken{Secret(std::string(*text)), now + *life};
}

}  // namespace vc
