#include "tests/lab/lab.h"

#include <boost/json.hpp>

namespace vc::lab {
namespace {

BrokerOptions broker_options(const LabOptions& given, bool primary, Tls& tls,
                             const TokenMint& tokens) {
    BrokerOptions options;
    options.name = primary ? "primary" : "standby";
    options.plain = primary ? given.primary_plain : given.standby_plain;
    options.entities = given.entities;
    options.front.keys = primary ? given.primary_keys : given.standby_keys;
    options.front.amqps_address = primary ? given.primary_amqps : given.standby_amqps;
    options.front.machine_idle = given.machine_idle;
    options.front.tls = &tls;
    options.front.platform = platform_login;
    options.front.jwt = [&tokens](std::string_view token, Instant now) -> Result<Instant> {
        const auto claims = tokens.check(token, service_bus_audience, now);
        if (!claims) return tl::unexpected<Error>(claims.error());
        return claims->expires;
    };
    // canary-probe and the topic canary-topic are there for direct probes of a broker.
    options.queues = {"ocpp-out", "canary-in",      "canary-probe", "canary-probe-2",
                      "canary-0", "canary-0-fresh", "canary-1",     "canary-1-fresh"};
    options.topics = {"ocpp-in", "canary-topic"};
    return options;
}

std::vector<std::string> addresses(const LabOptions& given) {
    std::vector<std::string> list;
    for (const std::string& address : {given.primary_amqps, given.standby_amqps}) {
        if (!address.empty()) list.push_back(address);
    }
    return list;
}

NamespaceReading reading(Broker& broker) {
    NamespaceReading told = read_namespace(broker.store());
    told.connections = broker.connections();
    told.opened = broker.connections_opened();
    told.closed = broker.connections_closed();
    return told;
}

}  // namespace

Lab::Lab(boost::asio::io_context& io, const LabOptions& given)
    : options(given),
      agenda(io, Clock(given.time_lapse)),
      truth(agenda),
      faults(agenda, truth, &fates),
      ledger(agenda),
      tls(addresses(given)),
      tokens(Random(given.seed, "tokens")),
      primary(agenda, given.seed, broker_options(given, true, tls, tokens)),
      standby(agenda, given.seed, broker_options(given, false, tls, tokens)),
      bridge(agenda, given.seed, {primary.port(), standby.port()}, ledger),
      backend(agenda, given.seed, {primary.port(), standby.port()}, ledger),
      load(agenda, given.seed, given.chargers, bridge.port(), given.pace, ledger),
      vendor(agenda),
      azure(
          agenda, truth, tokens, given.azure, [this] { return reading(primary); },
          [this] { return reading(standby); }),
      control_target(agenda, [this](const HttpRequest& request) { return ping(request); }),
      network(agenda, given.seed) {
    network.add("bridge", bridge.port());
    network.add("primary", primary.port());
    network.add("standby", standby.port());
    network.add("vendor", vendor.port());
    network.add("azure", azure.port());
    network.add("ping", control_target.port());
    faults.add(primary.fault_target());
    faults.add(standby.fault_target());
    faults.add(bridge.fault_target());
    faults.add(backend.fault_target());
    faults.add(network.fault_target());
}

HttpResponse Lab::ping(const HttpRequest& request) const {
    if (request.method == "GET" && request.path == "/ping") return {200, "ok", "text/plain"};
    return {404, "not here", "text/plain"};
}

boost::json::object Lab::ports() const {
    boost::json::object relays;
    for (const auto& [name, relay] : network.relays())
        relays[name] = relay->port();
    return {{"bridge", bridge.port()},      {"primary", primary.port()},
            {"standby", standby.port()},    {"vendor", vendor.port()},
            {"azure", azure.port()},        {"ping", control_target.port()},
            {"relay", std::move(relays)},   {"seed", options.seed},
            {"chargers", options.chargers}, {"time_lapse", to_text(options.time_lapse)}};
}

boost::json::object Lab::state() const {
    return {{"ready", ready()},
            {"now_ns", agenda.now().time_since_epoch().count()},
            {"time_lapse", to_text(options.time_lapse)},
            {"active", bridge.active()},
            {"primary", primary.to_json()},
            {"standby", standby.to_json()},
            {"bridge", bridge.to_json()},
            {"backend", backend.to_json()},
            {"vendor", vendor.state()},
            {"azure", azure.state()},
            {"faults", faults.to_json()}};
}

}  // namespace vc::lab
