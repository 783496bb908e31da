#include "tests/lab/azure/azure.h"

#include <algorithm>
#include <boost/json.hpp>

#include "tests/lab/azure/monitor.h"
#include "tests/lab/servicebus/entity.h"
#include "tests/lab/signature.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using servicebus::lowered;

constexpr std::size_t most_health = 240;
constexpr Duration health_period = 15s;
const std::string tenant = "lab";
const std::string provider = "/providers/microsoft.servicebus/namespaces/";

HttpResponse oauth_error(unsigned status, const std::string& code, const std::string& words) {
    return {status, json::serialize(json::object{{"error", code}, {"error_description", words}})};
}

std::string unix_text(Instant at) {
    return std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

// What an honest vendor would say of the minute before and of this one.
std::string honest_health(const Minute& before, const Minute& now) {
    servicebus::Traffic sum;
    for (const Minute* minute : {&before, &now}) {
        for (const auto& [name, entity] : minute->entities)
            add_traffic(sum, entity.traffic);
    }
    if (sum.incoming_requests < 5) return "Available";  // too few to tell
    const auto asked = static_cast<double>(sum.incoming_requests);
    const double good = static_cast<double>(sum.successful_requests + sum.user_errors) / asked;
    if (good < 0.5) return "Unavailable";
    const bool slow =
        sum.sends_timed > 0 && sum.send_time / static_cast<std::int64_t>(sum.sends_timed) > 1s;
    return good < 0.95 || slow ? "Degraded" : "Available";
}

}  // namespace

Azure::Azure(Agenda& agenda, Truth& truth, const TokenMint& mint, AzureOptions options,
             Read primary, Read standby)
    : agenda_(agenda),
      truth_(truth),
      mint_(mint),
      options_(std::move(options)),
      primary_{{agenda, std::move(primary)}, {}, {}, {}},
      standby_{{agenda, std::move(standby)}, {}, {}, {}},
      arm_(agenda, truth),
      server_(agenda, [this](const HttpRequest& request) { return answer(request); }) {
    watch();
}

void Azure::watch() {
    watch(primary_);
    watch(standby_);
    watch_ = agenda_.after(health_period, [this] { watch(); });
}

void Azure::watch(Namespace& of) {
    const auto& minutes = of.history.minutes();
    const Minute before = minutes.empty() ? Minute{} : minutes.back();
    const std::string state = honest_health(before, of.history.current());
    if (!of.states.empty() && of.states.back().second == state) return;
    of.states.emplace_back(agenda_.now(), state);
    if (of.states.size() > most_health) of.states.pop_front();
}

HttpResponse Azure::answer(const HttpRequest& request) {
    const std::string path = lowered(request.path);
    if (path == "/metadata/identity/oauth2/token") return imds(request);
    if (path.ends_with("/oauth2/v2.0/token")) return client_credentials(request);
    if (path.starts_with("/subscriptions/")) return management(request);
    return arm_error(404, "ResourceNotFound", request.path + " was not found.");
}

HttpResponse Azure::imds(const HttpRequest& request) {
    if (tokens_.truth == AzureTruth::Missing) return unavailable();
    if (request.method != "GET") return {405, ""};
    if (lowered(request.header("metadata")) != "true") {
        return oauth_error(400, "invalid_request", "Required metadata header not specified");
    }
    if (request.headers.contains("x-forwarded-for")) {
        return oauth_error(400, "invalid_request", "Proxied requests are not answered");
    }
    const std::string resource = request.argument("resource");
    if (request.argument("api-version").empty() || resource.empty()) {
        return oauth_error(400, "invalid_request", "Required query variables are missing");
    }
    const std::string asked = request.argument("client_id");
    if (!asked.empty() && asked != options_.client_id) {
        return oauth_error(400, "invalid_request", "Identity not found");
    }
    const Instant now = agenda_.now();
    const TokenClaims claims{audience_of(resource), options_.client_id, tenant,
                             now + options_.token_life};
    const std::string life = std::to_string(options_.token_life / 1s);
    const json::object body{{"access_token", mint_.mint(claims, now)},
                            {"client_id", options_.client_id},
                            {"expires_in", life},
                            {"expires_on", unix_text(claims.expires)},
                            {"ext_expires_in", life},
                            {"not_before", unix_text(now)},
                            {"resource", resource},
                            {"token_type", "Bearer"}};
    HttpResponse response{200, json::serialize(body)};
    if (tokens_.truth == AzureTruth::Lagging) response.delay = tokens_.lag;
    return response;
}

HttpResponse Azure::client_credentials(const HttpRequest& request) {
    if (tokens_.truth == AzureTruth::Missing) return unavailable();
    if (request.method != "POST") return {405, ""};
    HttpRequest form;
    read_target("/?" + request.body, form);
    if (form.argument("grant_type") != "client_credentials") {
        return oauth_error(400, "unsupported_grant_type",
                           "AADSTS70003: The app requested an unsupported grant type.");
    }
    if (!form.argument("scope").ends_with("/.default")) {
        return oauth_error(400, "invalid_scope",
                           "AADSTS1002012: The provided value for scope is not valid. Client "
                           "credential flows must have a scope value with /.default suffixed.");
    }
    if (form.argument("client_id") != options_.client_id) {
        return oauth_error(400, "unauthorized_client",
                           "AADSTS700016: The application was not found in the directory.");
    }
    if (!same_secret(form.argument("client_secret"), options_.client_secret)) {
        return oauth_error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
    }
    const Instant now = agenda_.now();
    const auto slash = request.path.find('/', 1);
    const TokenClaims claims{audience_of(form.argument("scope")), options_.client_id,
                             request.path.substr(1, slash - 1), now + options_.token_life};
    const json::object body{{"token_type", "Bearer"},
                            {"expires_in", options_.token_life / 1s},
                            {"ext_expires_in", options_.token_life / 1s},
                            {"access_token", mint_.mint(claims, now)}};
    HttpResponse response{200, json::serialize(body)};
    if (tokens_.truth == AzureTruth::Lagging) response.delay = tokens_.lag;
    return response;
}

HttpResponse Azure::management(const HttpRequest& request) {
    const std::string bearer = request.header("authorization");
    if (!bearer.starts_with("Bearer ")) {
        return arm_error(401, "AuthenticationFailed",
                         "Authentication failed. The 'Authorization' header is missing.");
    }
    const auto claims = mint_.check(bearer.substr(7), management_audience, agenda_.now());
    if (!claims) return arm_error(401, "InvalidAuthenticationToken", claims.error().message);
    if (request.argument("api-version").empty()) {
        return arm_error(400, "MissingApiVersionParameter",
                         "The api-version query parameter (?api-version=) is required for all "
                         "requests.");
    }
    const auto at = lowered(request.path).find(provider);
    if (at == std::string::npos) {
        return arm_error(404, "ResourceNotFound", request.path + " was not found.");
    }
    const auto begin = at + provider.size();
    const auto end = std::min(request.path.find('/', begin), request.path.size());
    return in_namespace(request, lowered(request.path.substr(begin, end - begin)),
                        request.path.substr(end));
}

HttpResponse Azure::in_namespace(const HttpRequest& request, const std::string& name,
                                 const std::string& rest) {
    if (name != "primary" && name != "standby") {
        return arm_error(404, "ResourceNotFound", "The namespace '" + name + "' was not found.");
    }
    const std::string id = request.path.substr(0, request.path.size() - rest.size());
    const Namespace& of = name == "primary" ? primary_ : standby_;
    const std::string low = lowered(rest);
    const bool get = request.method == "GET";
    if (get && low == "/providers/microsoft.insights/metrics") {
        return metrics_answer(request, id, of.history.minutes(), of.metrics, agenda_.now());
    }
    if (get && low == "/providers/microsoft.resourcehealth/availabilitystatuses/current") {
        return health(id, of);
    }
    return arm_.answer(request, name, id, rest);
}

HttpResponse Azure::health(const std::string& id, const Namespace& of) const {
    const AzureMode& mode = of.health;
    if (mode.truth == AzureTruth::Missing && !mode.empty) return unavailable();
    Instant known = agenda_.now();
    if (mode.truth == AzureTruth::Lagging) known -= mode.lag;
    std::string state = "Available";
    Instant since = of.states.front().first;
    for (const auto& [at, said] : of.states) {
        if (at > known || mode.truth == AzureTruth::AlwaysHealthy) break;
        state = said;
        since = at;
    }
    if (mode.truth == AzureTruth::Missing) state = "Unknown";
    const json::object body{
        {"id", id + "/providers/Microsoft.ResourceHealth/availabilityStatuses/current"},
        {"name", "current"},
        {"type", "Microsoft.ResourceHealth/AvailabilityStatuses"},
        {"location", "lab"},
        {"properties",
         {{"availabilityState", state},
          {"title", state},
          {"reasonType", state == "Available" ? "" : "Unplanned"},
          {"reasonChronicity", "Persistent"},
          {"occurredTime", to_text(since)},
          {"reportedTime", to_text(known)}}}};
    return {200, json::serialize(body)};
}

Result<void> Azure::set(const json::object& request) {
    if (const json::value* life = request.if_contains("token_life_s")) {
        json::error_code error;
        const double length = life->to_number<double>(error);
        if (error || !(length >= 1 && length <= 1e6)) {
            return failure("token_life_s: must be seconds, 1 to 1000000");
        }
        options_.token_life = Duration{static_cast<std::int64_t>(length * 1e9)};
        if (request.size() == 1) return {};
    }
    AzureMode mode;
    const json::value* word = request.if_contains("mode");
    const auto truth = word != nullptr && word->is_string()
                           ? azure_truth_of(std::string_view(word->as_string()))
                           : std::nullopt;
    if (!truth) {
        return failure("mode: must be honest, always_healthy, lagging, missing or conflict");
    }
    mode.truth = *truth;
    if (const json::value* minutes = request.if_contains("minutes")) {
        json::error_code error;
        const double count = minutes->to_number<double>(error);
        if (error || !(count >= 0 && count <= 1440)) return failure("minutes: must be 0 to 1440");
        mode.lag = Duration{static_cast<std::int64_t>(count * 60e9)};
    }
    if (const json::value* empty = request.if_contains("empty")) {
        if (!empty->is_bool()) return failure("empty: true or false");
        mode.empty = empty->as_bool();
    }
    const auto done = set_mode(request, mode);
    if (done) truth_.add("azure", request);
    return done;
}

Result<void> Azure::set_mode(const json::object& request, const AzureMode& mode) {
    const auto text = [&](const char* key) {
        const json::value* value = request.if_contains(key);
        return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
    };
    const std::string part = text("part");
    const bool conflict = mode.truth == AzureTruth::Conflict;
    if (part == "arm") {
        arm_.mode = mode;
        return {};
    }
    if (conflict) return failure("mode: only arm can answer with a conflict");
    if (part == "tokens") {
        tokens_ = mode;
        return {};
    }
    if (part != "metrics" && part != "health") {
        return failure("part: must be metrics, health, tokens or arm");
    }
    const std::string name = text("namespace");
    if (!name.empty() && name != "primary" && name != "standby") {
        return failure("namespace: must be primary or standby");
    }
    for (Namespace* of : {&primary_, &standby_}) {
        if (name == (of == &primary_ ? "standby" : "primary")) continue;
        (part == "metrics" ? of->metrics : of->health) = mode;
    }
    return {};
}

json::object Azure::state() const {
    const auto told = [](const Namespace& of) -> json::object {
        return {{"metrics", to_text(of.metrics.truth)},
                {"health", to_text(of.health.truth)},
                {"state", of.states.back().second},
                {"minutes", of.history.minutes().size()}};
    };
    return {{"port", port()},
            {"primary", told(primary_)},
            {"standby", told(standby_)},
            {"tokens", to_text(tokens_.truth)},
            {"token_life_s", options_.token_life / 1s},
            {"arm", arm_.state()}};
}

}  // namespace vc::lab
