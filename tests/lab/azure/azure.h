// What stands beside a Service Bus namespace in Azure, on one port of 127.0.0.1, plain HTTP:
//
//   GET  /metadata/identity/oauth2/token                            IMDS, managed identity
//   POST /{tenant}/oauth2/v2.0/token                                client credentials
//   GET  {namespace}/providers/microsoft.insights/metrics           Azure Monitor
//   GET  {namespace}/providers/Microsoft.ResourceHealth/availabilityStatuses/current
//   GET  {namespace}, {namespace}/disasterRecoveryConfigs/{alias}   ARM
//   POST {namespace}/disasterRecoveryConfigs/{alias}/failover|breakPairing, {namespace}/failover
//
// {namespace} is /subscriptions/{any}/resourceGroups/{any}/providers/Microsoft.ServiceBus/
// namespaces/{primary|standby}. All but the tokens want a bearer token for the management audience.
// Each part has a mode (set()): honest tells what the brokers counted; always_healthy sees no harm;
// lagging knows nothing of the last minutes, and an ARM operation takes them; missing is 503, or
// points without values; conflict (ARM only) is 409. Owns its port and its history.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/lab/azure/arm.h"
#include "tests/lab/azure/metrics.h"
#include "tests/lab/azure/mode.h"
#include "tests/lab/azure/token.h"
#include "tests/lab/http.h"
#include "tests/lab/truth.h"

namespace boost::json {
class object;
}

namespace vc::lab {

struct AzureOptions {
    std::string client_id = "voltcanary";
    std::string client_secret = "not-a-secret";
    Duration token_life = std::chrono::hours(1);
};

class Azure {
  public:
    using Read = std::function<NamespaceReading()>;

    Azure(Agenda& agenda, Truth& truth, const TokenMint& mint, AzureOptions options, Read primary,
          Read standby);

    std::uint16_t port() const { return server_.port(); }
    // {"part": "metrics|health|tokens|arm", "mode": .., "minutes": N, "empty": bool,
    // "namespace": "primary"}, or {"token_life_s": N}. Fails with what is wrong with it.
    Result<void> set(const boost::json::object& request);
    boost::json::object state() const;
    HttpResponse answer(const HttpRequest& request);

  private:
    struct Namespace {
        MetricHistory history;
        AzureMode metrics, health;
        // What was true of its health, each with the time from which on it was.
        std::deque<std::pair<Instant, std::string>> states;
    };

    HttpResponse imds(const HttpRequest& request);
    HttpResponse client_credentials(const HttpRequest& request);
    HttpResponse management(const HttpRequest& request);
    HttpResponse in_namespace(const HttpRequest& request, const std::string& name,
                              const std::string& rest);
    HttpResponse health(const std::string& id, const Namespace& of) const;
    Result<void> set_mode(const boost::json::object& request, const AzureMode& mode);
    void watch();
    void watch(Namespace& of);

    Agenda& agenda_;
    Truth& truth_;
    const TokenMint& mint_;
    AzureOptions options_;
    Namespace primary_;
    Namespace standby_;
    AzureMode tokens_;
    Arm arm_;
    Timer watch_;
    HttpServer server_;
};

}  // namespace vc::lab
