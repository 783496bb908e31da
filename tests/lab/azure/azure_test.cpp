#include "tests/lab/azure/azure.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

using namespace std::chrono_literals;
using namespace vc;
using namespace vc::lab;

namespace json = boost::json;

namespace {

const std::string id =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/";
const std::string version = "?api-version=2024-01-01";

// A minute of the rules is 50 ms.
struct Cloud {
    boost::asio::io_context io;
    Agenda agenda{io, Clock(TimeLapse{1200, Clock().wall().unix_ns})};
    Truth truth{agenda};
    TokenMint mint{Random(1, "tokens")};
    NamespaceReading primary, standby;
    Azure azure{agenda, truth, mint, {}, [this] { return primary; }, [this] { return standby; }};

    void let(Duration time) {
        bool over = false;
        const Timer timer = agenda.after(time, [&over] { over = true; });
        while (!over)
            io.run_one();
    }

    HttpResponse ask(const std::string& method, const std::string& target,
                     const std::string& body = "",
                     const std::map<std::string, std::string>& headers = {}) {
        HttpRequest request;
        request.method = method;
        read_target(target, request);
        request.body = body;
        request.headers = headers;
        return azure.answer(request);
    }

    // With a token for Azure's management.
    HttpResponse manage(const std::string& method, const std::string& path,
                        const std::string& body = "") {
        const TokenClaims claims{"https://management.azure.com/", "c", "t", agenda.now() + 1h};
        return ask(method, id + path, body,
                   {{"authorization", "Bearer " + mint.mint(claims, agenda.now())},
                    {"host", "127.0.0.1:1"}});
    }

    void set(const std::string& text) {
        const auto done = azure.set(json::parse(text).as_object());
        REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
    }

    std::string wrong(const std::string& text) {
        const auto done = azure.set(json::parse(text).as_object());
        return done ? "" : done.error().message;
    }

    std::string health() {
        const HttpResponse response = manage(
            "GET",
            "primary/providers/Microsoft.ResourceHealth/availabilityStatuses/current" + version);
        if (response.status != 200) return std::to_string(response.status);
        return text(response, "/properties/availabilityState");
    }

    static std::string text(const HttpResponse& response, const char* pointer) {
        return std::string(json::parse(response.body).at_pointer(pointer).as_string());
    }
};

}  // namespace

TEST_CASE("a managed identity gets a token that is good for what it asked") {
    Cloud cloud;
    const std::string target =
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F"
        "servicebus.azure.net%2F";
    const HttpResponse response = cloud.ask("GET", target, "", {{"metadata", "true"}});
    REQUIRE(response.status == 200);
    const std::string token = Cloud::text(response, "/access_token");
    const auto claims = cloud.mint.check(token, service_bus_audience, cloud.agenda.now());
    REQUIRE(claims.has_value());
    const std::int64_t expires = std::stoll(Cloud::text(response, "/expires_on"));
    CHECK(Instant(std::chrono::seconds(expires)) == claims->expires);
    CHECK(Cloud::text(response, "/expires_in") == "3600");
    CHECK(cloud.ask("GET", target).status == 400);
    CHECK(cloud.ask("GET", target, "", {{"metadata", "true"}, {"x-forwarded-for", "x"}}).status ==
          400);
    CHECK(cloud.ask("GET", target + "&client_id=other", "", {{"metadata", "true"}}).status == 400);
    CHECK(cloud.ask("GET", "/metadata/identity/oauth2/token", "", {{"metadata", "true"}}).status ==
          400);
}

TEST_CASE("client credentials get a token, and the wrong ones are told why not") {
    Cloud cloud;
    const auto ask = [&](const std::string& form) {
        return cloud.ask("POST", "/tenant/oauth2/v2.0/token", form);
    };
    const std::string form =
        "grant_type=client_credentials&client_id=voltcanary&scope=https%3A%2F%2Fmanagement.azure."
        "com%2F.default&client_secret=";
    const HttpResponse response = ask(form + "not-a-secret");
    REQUIRE(response.status == 200);
    const auto claims = cloud.mint.check(Cloud::text(response, "/access_token"),
                                         management_audience, cloud.agenda.now());
    REQUIRE(claims.has_value());
    CHECK(claims->tenant == "tenant");
    CHECK(Cloud::text(ask(form + "wrong"), "/error") == "invalid_client");
    CHECK(Cloud::text(ask("grant_type=password"), "/error") == "unsupported_grant_type");
    CHECK(Cloud::text(ask("grant_type=client_credentials&scope=x"), "/error") == "invalid_scope");
    CHECK(Cloud::text(ask("grant_type=client_credentials&scope=x/.default&client_id=y"),
                      "/error") == "unauthorized_client");
}

TEST_CASE("the token endpoint can be slow or missing, and its tokens short-lived") {
    Cloud cloud;
    const std::string target = "/metadata/identity/oauth2/token?api-version=1&resource=https://x";
    cloud.set(R"({"part": "tokens", "mode": "lagging", "minutes": 2})");
    CHECK(cloud.ask("GET", target, "", {{"metadata", "true"}}).delay == 2min);
    cloud.set(R"({"part": "tokens", "mode": "missing"})");
    CHECK(cloud.ask("GET", target, "", {{"metadata", "true"}}).status == 503);
    CHECK(cloud.ask("POST", "/t/oauth2/v2.0/token").status == 503);
    cloud.set(R"({"part": "tokens", "mode": "honest", "token_life_s": 60})");
    const HttpResponse response = cloud.ask("GET", target, "", {{"metadata", "true"}});
    CHECK(Cloud::text(response, "/expires_in") == "60");
}

TEST_CASE("management wants a bearer token for management, an api-version and a namespace") {
    Cloud cloud;
    CHECK(cloud.ask("GET", id + "primary" + version).status == 401);
    const TokenClaims claims{std::string(service_bus_audience), "c", "t", cloud.agenda.now() + 1h};
    const std::string token = cloud.mint.mint(claims, cloud.agenda.now());
    const auto other =
        cloud.ask("GET", id + "primary" + version, "", {{"authorization", "Bearer " + token}});
    CHECK(other.status == 401);
    CHECK(Cloud::text(other, "/error/code") == "InvalidAuthenticationToken");
    CHECK(cloud.manage("GET", "primary" + version).status == 200);
    CHECK(cloud.manage("GET", "PRIMARY" + version).status == 200);
    CHECK(Cloud::text(cloud.manage("GET", "primary"), "/error/code") ==
          "MissingApiVersionParameter");
    CHECK(cloud.manage("GET", "third" + version).status == 404);
    CHECK(cloud.manage("GET", "primary/what" + version).status == 404);
    CHECK(cloud.ask("GET", "/").status == 404);
}

TEST_CASE("metrics are what the namespace counted in each minute") {
    Cloud cloud;
    cloud.let(1min);
    cloud.primary.entities["q"].traffic.incoming_messages += 7;
    cloud.let(2min);
    const HttpResponse response =
        cloud.manage("GET", "primary/providers/microsoft.insights/metrics" + version +
                                "&metricnames=IncomingMessages&aggregation=Total");
    REQUIRE(response.status == 200);
    double sum = 0;
    const json::value body = json::parse(response.body);
    for (const json::value& point : body.at_pointer("/value/0/timeseries/0/data").as_array()) {
        if (const auto* total = point.as_object().if_contains("total")) {
            sum += total->to_number<double>();
        }
    }
    CHECK(sum == 7);
    CHECK(cloud.azure.state().at("primary").at("minutes").as_uint64() >= 2);
}

TEST_CASE("an honest vendor's health follows what was counted; others do not, or later") {
    Cloud cloud;
    CHECK(cloud.health() == "Available");
    auto& traffic = cloud.primary.entities["q"].traffic;
    traffic.incoming_requests = 20;
    traffic.server_errors = 20;
    cloud.let(30s);
    CHECK(cloud.health() == "Unavailable");
    cloud.set(R"({"part": "health", "mode": "always_healthy", "namespace": "primary"})");
    CHECK(cloud.health() == "Available");
    cloud.set(R"({"part": "health", "mode": "lagging", "minutes": 30})");
    CHECK(cloud.health() == "Available");
    cloud.set(R"({"part": "health", "mode": "missing"})");
    CHECK(cloud.health() == "503");
    cloud.set(R"({"part": "health", "mode": "missing", "empty": true})");
    CHECK(cloud.health() == "Unknown");
    cloud.set(R"({"part": "health", "mode": "honest"})");
    traffic.incoming_requests += 1000;
    traffic.successful_requests += 1000;
    cloud.let(30s);
    CHECK(cloud.health() == "Available");
    traffic.incoming_requests += 1000;
    traffic.successful_requests += 1000;
    traffic.sends_timed = 1000;
    traffic.send_time = 1000 * 2s;
    cloud.let(30s);
    CHECK(cloud.health() == "Degraded");
}

TEST_CASE("an alias fails over to the standby once, and the pairing is broken then") {
    Cloud cloud;
    const std::string alias = "/disasterRecoveryConfigs/alias";
    const auto role = [&](const std::string& name) {
        return Cloud::text(cloud.manage("GET", name + alias + version), "/properties/role");
    };
    CHECK(role("primary") == "Primary");
    CHECK(role("standby") == "Secondary");
    CHECK(cloud.manage("POST", "primary" + alias + "/failover" + version).status == 400);
    CHECK(cloud.manage("POST", "standby" + alias + "/breakPairing" + version).status == 400);
    CHECK(cloud.manage("POST", "standby" + alias + version).status == 405);
    CHECK(cloud.manage("POST", "standby" + alias + "/failover" + version).status == 200);
    CHECK(role("standby") == "PrimaryNotReplicating");
    CHECK(cloud.azure.state().at("arm").at("alias") == "standby");
    CHECK(cloud.manage("POST", "standby" + alias + "/failover" + version).status == 400);
}

TEST_CASE("a failover can take minutes, meet another, or be refused") {
    Cloud cloud;
    const std::string promote = "primary/failover" + version;
    const std::string body = R"({"properties": {"PrimaryLocation": "labwest", "Force": "false"}})";
    cloud.set(R"({"part": "arm", "mode": "conflict"})");
    CHECK(cloud.manage("POST", promote, body).status == 409);
    cloud.set(R"({"part": "arm", "mode": "missing"})");
    CHECK(cloud.manage("POST", promote, body).status == 503);
    cloud.set(R"({"part": "arm", "mode": "lagging", "minutes": 3})");
    CHECK(cloud.manage("POST", promote, "").status == 400);
    CHECK(cloud.manage("POST", promote, R"({"properties": {"PrimaryLocation": "x"}})").status ==
          400);
    const HttpResponse begun = cloud.manage("POST", promote, body);
    REQUIRE(begun.status == 202);
    const std::string location = begun.headers.at("Location");
    const std::string poll = location.substr(location.find("primary"));
    CHECK(cloud.manage("GET", poll).status == 202);
    CHECK(cloud.manage("POST", promote, body).status == 409);
    CHECK(Cloud::text(cloud.manage("GET", "standby" + version), "/properties/provisioningState") ==
          "Updating");
    cloud.let(4min);
    CHECK(cloud.manage("GET", poll).status == 200);
    CHECK(cloud.azure.state().at("arm").at("promoted") == "standby");
    CHECK(cloud.manage("POST", promote, body).status == 400);
    CHECK(cloud.manage("GET", "primary/operationresults/9" + version).status == 404);
}

TEST_CASE("a mode that cannot be is refused in words") {
    Cloud cloud;
    CHECK(cloud.wrong("{}") ==
          "mode: must be honest, always_healthy, lagging, missing or conflict");
    CHECK(cloud.wrong(R"({"mode": "honest"})") == "part: must be metrics, health, tokens or arm");
    CHECK(cloud.wrong(R"({"mode": "conflict", "part": "health"})") ==
          "mode: only arm can answer with a conflict");
    CHECK(cloud.wrong(R"({"mode": "lagging", "part": "health", "minutes": -1})") ==
          "minutes: must be 0 to 1440");
    CHECK(cloud.wrong(R"({"mode": "missing", "part": "health", "empty": 1})") ==
          "empty: true or false");
    CHECK(cloud.wrong(R"({"mode": "missing", "part": "health", "namespace": "x"})") ==
          "namespace: must be primary or standby");
    CHECK(cloud.wrong(R"({"token_life_s": 0})") == "token_life_s: must be seconds, 1 to 1000000");
}
