#include "daemon/hooks/http.h"

#include <utility>

#include "daemon/host/http_client.h"

namespace vc {
namespace {

constexpr std::size_t detail_limit = 300;
constexpr std::size_t answer_limit = 64 * 1024;

HookOutcome outcome_of(HttpError::Kind kind) {
    switch (kind) {
        case HttpError::Kind::bad_request:
            return HookOutcome::failed;
        case HttpError::Kind::unreachable:
            return HookOutcome::transient;
        case HttpError::Kind::broken:
        case HttpError::Kind::timed_out:
            return HookOutcome::timed_out;
    }
    return HookOutcome::failed;
}

}  // namespace

HookOutcome outcome_of_status(unsigned status) {
    switch (status) {
        case 208:
            return HookOutcome::already_done;
        case 409:
        case 412:
            return HookOutcome::refused;
        case 429:
        case 503:
            return HookOutcome::transient;
        default:
            return status >= 200 && status < 300 ? HookOutcome::done : HookOutcome::failed;
    }
}

boost::asio::awaitable<HookResult> run_http(HttpCommand command, std::vector<HookFact> facts,
                                            std::string key, Instant deadline, Clock clock) {
    HttpRequest request;
    request.method = command.method;
    request.url = command.url;
    request.answer_limit = answer_limit;
    if (!key.empty()) request.headers.emplace_back("Idempotency-Key", std::move(key));
    const bool takes_body = command.method != "GET" && command.method != "HEAD";
    if (command.body) {
        request.body = *command.body;
    } else if (takes_body) {
        request.body = to_json(facts);
    }
    if (!request.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    const auto answer = co_await http_request(std::move(request), deadline, clock);
    HookResult result;
    if (!answer) {
        result.outcome = outcome_of(answer.error().kind);
        result.detail = one_line(answer.error().message, detail_limit, {});
        co_return result;
    }
    result.outcome = outcome_of_status(answer->status);
    result.detail = "HTTP " + std::to_string(answer->status);
    const std::string said = one_line(answer->body, detail_limit, {});
    if (!said.empty()) result.detail += ": " + said;
    co_return result;
}

}  // namespace vc
