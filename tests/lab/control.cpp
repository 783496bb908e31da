#include "tests/lab/control.h"

#include <boost/json.hpp>
#include <cstdlib>

namespace vc::lab {
namespace {

namespace json = boost::json;
constexpr std::size_t most_effects = 10'000;
constexpr std::size_t most_pages = 10'000;

HttpResponse say(unsigned status, const json::value& body) {
    return {status, json::serialize(body), "application/json"};
}

HttpResponse wrong(unsigned status, const std::string& words) {
    return say(status, {{"error", words}});
}

HttpResponse yes_or_no(bool yes) {
    return say(yes ? 200 : 404, {{"is", yes}});
}

bool is_broker(const std::string& name) {
    return name == "primary" || name == "standby";
}

std::string text_of(const json::object& body, const char* key) {
    const json::value* value = body.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

std::string query_of(const HttpRequest& request, const char* key) {
    const auto found = request.query.find(key);
    return found == request.query.end() ? "" : found->second;
}

}  // namespace

Control::Control(Lab& lab)
    : lab_(lab),
      server_(lab.agenda, [this](const HttpRequest& request) { return answer(request); }) {}

HttpResponse Control::answer(const HttpRequest& request) {
    const bool acts = request.method == "POST" || request.method == "DELETE";
    if (!acts || request.key.empty()) return route(request);
    const auto known = effects_.find(request.key);
    if (known != effects_.end()) {
        ++known->second.seen;
        HttpResponse again = known->second.result;
        again.status = 208;
        return again;
    }
    HttpResponse result = route(request);
    if (result.status / 100 != 2) return result;  // nothing was done; the key is still free
    effects_[request.key] = {1, 1, result};
    effect_order_.push_back(request.key);
    if (effect_order_.size() > most_effects) {
        effects_.erase(effect_order_.front());
        effect_order_.pop_front();
    }
    return result;
}

HttpResponse Control::route(const HttpRequest& request) {
    if (request.method == "GET") return get(request);
    if (request.method == "POST") return post(request.path, request.body);
    if (request.method == "DELETE") return erase(request.path);
    return wrong(405, request.method + " is not known here");
}

HttpResponse Control::get(const HttpRequest& request) const {
    const std::string& path = request.path;
    if (path == "/state") return say(200, lab_.state());
    if (path == "/ports") return say(200, lab_.ports());
    if (path == "/faults") return say(200, lab_.faults.to_json());
    if (path == "/load") return say(200, lab_.load.to_json());
    if (path == "/azure") return say(200, lab_.azure.state());
    if (path == "/truth") return truth();
    if (path == "/truth/messages") {
        const auto number = [&](const char* key, const char* fallback) {
            const std::string given = query_of(request, key);
            return std::strtoull(given.empty() ? fallback : given.c_str(), nullptr, 10);
        };
        return {200, lab_.fates.lines(number("from", "0"), number("most", "100000")),
                "application/x-ndjson"};
    }
    if (path == "/effects") return effects();
    if (path == "/pages") return pages();
    if (path == "/ledger") {
        const double grace = std::strtod(query_of(request, "grace_s").c_str(), nullptr);
        if (!(grace >= 0 && grace < 1e9)) return wrong(400, "grace_s: must be seconds");
        return say(200, lab_.ledger.to_json(Duration{static_cast<std::int64_t>(grace * 1e9)}));
    }
    const std::string broker = query_of(request, "broker");
    if (path == "/consumers/attached" || path == "/producers/active") {
        if (!is_broker(broker)) return wrong(400, "broker: must be primary or standby");
        if (path == "/producers/active") return yes_or_no(lab_.bridge.active() == broker);
        return yes_or_no(lab_.backend.attached(broker));
    }
    return wrong(404, path + " is not known here");
}

HttpResponse Control::post(const std::string& path, const std::string& text) {
    json::error_code error;
    const json::value read = json::parse(text.empty() ? "{}" : text, error);
    if (path == "/pages") {
        pages_.push_back(error ? json::serialize(json::string(text)) : json::serialize(read));
        if (pages_.size() > most_pages) pages_.pop_front();
        return say(200, {{"pages", pages_.size()}});
    }
    if (error || !read.is_object()) return wrong(400, "the body must be a JSON object");
    const json::object& body = read.as_object();
    if (path == "/faults") {
        const auto id = lab_.faults.inject(body);
        return id ? say(200, {{"id", *id}}) : wrong(400, id.error().message);
    }
    if (path == "/load/pause") {
        const json::value* paused = body.if_contains("paused");
        if (paused != nullptr && !paused->is_bool()) return wrong(400, "paused: true or false");
        lab_.load.pause(paused == nullptr || paused->as_bool());
        return say(200, {{"paused", lab_.load.paused()}});
    }
    if (path == "/vendor") {
        const std::string state = text_of(body, "state");
        if (!lab_.vendor.say(state)) {
            return wrong(400, "state: must be Available, Unavailable, Degraded or missing");
        }
        lab_.truth.add("vendor", {{"state", state}});
        return say(200, {{"state", state}});
    }
    if (path == "/azure") {
        const auto done = lab_.azure.set(body);
        return done ? say(200, lab_.azure.state()) : wrong(400, done.error().message);
    }
    if (path == "/keys") return keys(body);
    const std::string broker = text_of(body, "broker");
    const bool switches = path == "/producers/switch";
    const bool attaches = path == "/consumers/attach";
    if (!switches && !attaches && path != "/consumers/detach") {
        return wrong(404, path + " is not known here");
    }
    if (!is_broker(broker)) return wrong(400, "broker: must be primary or standby");
    if (switches) {
        lab_.bridge.switch_to(broker);
    } else if (attaches) {
        lab_.backend.attach(broker);
    } else {
        lab_.backend.detach(broker);
    }
    lab_.truth.add("act", {{"path", path}, {"broker", broker}});
    return say(200, {{"broker", broker}});
}

HttpResponse Control::erase(const std::string& path) {
    if (path == "/faults") return say(200, {{"cleared", lab_.faults.clear_all()}});
    const std::string prefix = "/faults/";
    if (!path.starts_with(prefix)) return wrong(404, path + " is not known here");
    const std::string id = path.substr(prefix.size());
    if (!lab_.faults.clear(id)) return wrong(404, "there is no fault " + id);
    return say(200, {{"id", id}});
}

HttpResponse Control::keys(const json::object& body) {
    const std::string component = text_of(body, "component");
    if (!is_broker(component)) return wrong(400, "component: must be primary or standby");
    const json::value* given = body.if_contains("keys");
    if (given == nullptr || !given->is_array()) return wrong(400, "keys: must be a list");
    std::vector<servicebus::AccessKey> keys;
    for (const json::value& one : given->as_array()) {
        if (!one.is_string()) return wrong(400, "keys: must be texts NAME:KEY[:RIGHTS]");
        const auto key = servicebus::parse_access_key(std::string(one.as_string()));
        if (!key) return wrong(400, "keys: " + key.error().message);
        keys.push_back(*key);
    }
    const std::size_t count = keys.size();
    (component == "primary" ? lab_.primary : lab_.standby).set_keys(std::move(keys));
    lab_.truth.add("keys", {{"component", component}, {"count", count}});
    return say(200, {{"keys", count}});
}

HttpResponse Control::truth() const {
    HttpResponse response{200, "", "application/x-ndjson"};
    for (const std::string& line : lab_.truth.lines())
        response.body += line + "\n";
    return response;
}

HttpResponse Control::effects() const {
    json::object out;
    for (const auto& [key, effect] : effects_) {
        out[key] = {{"applied", effect.applied}, {"seen", effect.seen}};
    }
    return say(200, out);
}

HttpResponse Control::pages() const {
    HttpResponse response{200, "[", "application/json"};
    for (const std::string& page : pages_) {
        if (response.body.size() > 1) response.body += ",";
        response.body += page;
    }
    response.body += "]";
    return response;
}

}  // namespace vc::lab
