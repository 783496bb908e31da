#include "probes/control/session.h"

#include <utility>

#include "probes/http/dialogue.h"

namespace vc {
namespace {

std::optional<Outcome> judge(const HttpGet& get, Instant) {
    if (get.status() == 0) return std::nullopt;
    return get.status() < 500 ? Outcome::ok : Outcome::wrong_answer;
}

}  // namespace

std::unique_ptr<Session> make_control_session(GetTarget request) {
    return std::make_unique<FreshSession>([request = std::move(request)](const Attempt&) {
        return std::make_unique<HttpDialogue>(request, judge);
    });
}

}  // namespace vc
