#include "tests/lab/azure/arm.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

namespace vc::lab {
namespace {

namespace json = boost::json;

const std::string aliases = "/disasterRecoveryConfigs/";
const std::string operations = "/operationresults/";

std::string other(const std::string& name) {
    return name == "primary" ? "standby" : "primary";
}

// The namespaces stand in two regions of their own.
std::string region(const std::string& name) {
    return name == "primary" ? "labeast" : "labwest";
}

}  // namespace

Arm::Arm(Agenda& agenda, Truth& truth) : agenda_(agenda), truth_(truth) {}

HttpResponse Arm::answer(const HttpRequest& request, const std::string& name, const std::string& id,
                         const std::string& path) {
    if (mode.truth == AzureTruth::Missing) return unavailable();
    if (path.starts_with(aliases)) return alias(request, name, id, path.substr(aliases.size()));
    if (path.starts_with(operations) && request.method == "GET") {
        return operation(path.substr(operations.size()));
    }
    if (path == "/failover" && request.method == "POST") return promote(request, name, id);
    if (path.empty() && request.method == "GET") {
        return {200, json::serialize(namespace_json(name, id))};
    }
    return arm_error(404, "ResourceNotFound", "The resource '" + id + path + "' was not found.");
}

HttpResponse Arm::alias(const HttpRequest& request, const std::string& name, const std::string& id,
                        const std::string& path) {
    const auto slash = path.find('/');
    const std::string act = slash == std::string::npos ? "" : path.substr(slash + 1);
    const std::string alias_id = id + aliases + path.substr(0, slash);
    if (act.empty() && request.method == "GET") {
        return {200, json::serialize(alias_json(name, alias_id))};
    }
    if (request.method != "POST" || (act != "failover" && act != "breakPairing")) {
        return arm_error(405, "MethodNotAllowed", request.method + " is not known here.");
    }
    if (!paired_) return arm_error(400, "BadRequest", "The namespaces are not paired.");
    const bool is_primary = name == alias_primary_;
    if (act == "failover" && is_primary) {
        return arm_error(400, "BadRequest",
                         "Failover has to be called on the secondary namespace.");
    }
    if (act == "breakPairing" && !is_primary) {
        return arm_error(400, "BadRequest",
                         "Break pairing has to be called on the primary namespace.");
    }
    return begin(act, name, 200, [this, act, name] {
        paired_ = false;
        if (act == "failover") alias_primary_ = name;
    });
}

HttpResponse Arm::promote(const HttpRequest& request, const std::string& name,
                          const std::string& id) {
    json::error_code error;
    const json::value body = json::parse(request.body, error);
    const json::value* location =
        error ? nullptr : body.find_pointer("/properties/primaryLocation", error);
    if (location == nullptr && !body.is_null()) {
        location = body.find_pointer("/properties/PrimaryLocation", error);
    }
    if (location == nullptr || !location->is_string()) {
        return arm_error(400, "BadRequest", "properties.PrimaryLocation is missing.");
    }
    const std::string wanted(location->as_string());
    if (wanted != region("primary") && wanted != region("standby")) {
        return arm_error(400, "BadRequest", "The namespace is not replicated to " + wanted + ".");
    }
    const std::string to = wanted == region("primary") ? "primary" : "standby";
    if (to == promoted_) return arm_error(400, "BadRequest", wanted + " is the primary already.");
    HttpResponse response = begin("promotion", name, 202, [this, to] { promoted_ = to; });
    if (response.status == 202) {
        response.headers["Location"] = "http://" + request.header("host") + id + operations +
                                       std::to_string(operations_) + "?api-version=2024-01-01";
        response.headers["Retry-After"] = "5";
    }
    return response;
}

HttpResponse Arm::begin(const std::string& words, const std::string& name, unsigned status,
                        std::function<void()> effect) {
    if (mode.truth == AzureTruth::Conflict || busy_) {
        return arm_error(409, "Conflict", "Another operation on the namespace is in progress.");
    }
    ++operations_;
    truth_.add("azure", {{"operation", words}, {"namespace", name}, {"state", "Accepted"}});
    busy_ = true;
    const auto finish = [this, words, name, effect = std::move(effect)] {
        busy_ = false;
        effect();
        truth_.add("azure", {{"operation", words}, {"namespace", name}, {"state", "Succeeded"}});
    };
    if (mode.truth == AzureTruth::Lagging) {
        done_ = agenda_.after(mode.lag, finish);
    } else {
        finish();
    }
    return {status, ""};
}

HttpResponse Arm::operation(const std::string& path) const {
    std::uint64_t number = 0;
    std::from_chars(path.data(), path.data() + path.size(), number);
    if (number == 0 || number > operations_) {
        return arm_error(404, "ResourceNotFound", "There is no operation " + path + ".");
    }
    const bool running = busy_ && number == operations_;
    const json::object body{{"status", running ? "InProgress" : "Succeeded"}};
    return {running ? 202u : 200u, json::serialize(body)};
}

json::object Arm::alias_json(const std::string& name, const std::string& id) const {
    const bool primary = name == alias_primary_;
    const char* role = !paired_ ? "PrimaryNotReplicating" : primary ? "Primary" : "Secondary";
    return {{"id", id},
            {"name", id.substr(id.rfind('/') + 1)},
            {"type", "Microsoft.ServiceBus/Namespaces/disasterRecoveryConfigs"},
            {"properties",
             {{"provisioningState", busy_ ? "Accepted" : "Succeeded"},
              {"partnerNamespace", paired_ ? other(name) : ""},
              {"role", role},
              {"type", "MetadataReplication"},
              {"pendingReplicationOperationsCount", 0}}}};
}

json::object Arm::namespace_json(const std::string& name, const std::string& id) const {
    json::array locations;
    for (const char* each : {"primary", "standby"}) {
        locations.push_back({{"locationName", region(each)},
                             {"roleType", promoted_ == each ? "Primary" : "Secondary"}});
    }
    return {{"id", id},
            {"name", name},
            {"type", "Microsoft.ServiceBus/Namespaces"},
            {"location", region(name)},
            {"sku", {{"name", "Premium"}, {"tier", "Premium"}, {"capacity", 1}}},
            {"properties",
             {{"provisioningState", busy_ ? "Updating" : "Succeeded"},
              {"status", "Active"},
              {"geoDataReplication", {{"locations", std::move(locations)}}}}}};
}

json::object Arm::state() const {
    return {{"mode", to_text(mode.truth)}, {"alias", alias_primary_}, {"paired", paired_},
            {"promoted", promoted_},       {"busy", busy_},           {"operations", operations_}};
}

}  // namespace vc::lab
