#include "tests/lab/lab.h"

#include <boost/json.hpp>

namespace vc::lab {
namespace {

BrokerOptions broker_options(const char* name, const Credentials& plain) {
    BrokerOptions options;
    options.name = name;
    options.plain = plain;
    // canary-probe and the topic canary-topic are there for direct probes of a broker.
    options.queues = {"ocpp-out", "canary-in",      "canary-probe", "canary-probe-2",
                      "canary-0", "canary-0-fresh", "canary-1",     "canary-1-fresh"};
    options.topics = {"ocpp-in", "canary-topic"};
    return options;
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
      faults(agenda, truth),
      ledger(agenda),
      tokens(Random(given.seed, "tokens")),
      primary(agenda, given.seed, broker_options("primary", given.primary_plain)),
      standby(agenda, given.seed, broker_options("standby", given.standby_plain)),
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
