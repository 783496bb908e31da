// The whole lab: two brokers, bridge, backend, load, vendor monitor, a control target, the
// watcher's network, and the faults. Everything on 127.0.0.1 with ports of the kernel's choice, in
// one thread and one io_context. Made and destroyed while that io_context does not run.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tests/lab/azure/azure.h"
#include "tests/lab/azure/token.h"
#include "tests/lab/backend.h"
#include "tests/lab/bridge.h"
#include "tests/lab/broker.h"
#include "tests/lab/fates.h"
#include "tests/lab/faults.h"
#include "tests/lab/http.h"
#include "tests/lab/ledger.h"
#include "tests/lab/load.h"
#include "tests/lab/network.h"
#include "tests/lab/tls.h"
#include "tests/lab/truth.h"
#include "tests/lab/vendor_monitor.h"

namespace vc::lab {

struct LabOptions {
    std::uint64_t seed = 1;
    std::size_t chargers = 20;
    ChargerPace pace;
    Credentials primary_plain;
    Credentials standby_plain;
    TimeLapse time_lapse;
    AzureOptions azure;
    // Of the namespaces' access policies; none: open to all.
    std::vector<servicebus::AccessKey> primary_keys;
    std::vector<servicebus::AccessKey> standby_keys;
    // Where each namespace listens on 5671 besides, for clients that insist; empty: nowhere.
    std::string primary_amqps;
    std::string standby_amqps;
    std::vector<servicebus::EntitySpec> entities;  // of both, besides the platform's own
    bool machine_idle = false;                     // for clients that know of no time-lapse
};

class Lab {
  public:
    Lab(boost::asio::io_context& io, const LabOptions& options);

    bool ready() const { return bridge.ready() && backend.ready(); }
    boost::json::object ports() const;
    boost::json::object state() const;

    LabOptions options;
    Agenda agenda;
    Truth truth;
    Fates fates;
    Faults faults;
    Ledger ledger;
    Tls tls;
    TokenMint tokens;  // of the lab's own Entra; the brokers' $cbs takes them too
    Broker primary;
    Broker standby;
    Bridge bridge;
    Backend backend;
    Load load;
    VendorMonitor vendor;
    Azure azure;                // what stands beside the brokers in Azure, and reads their counters
    HttpServer control_target;  // GET /ping; shares nothing with the platform
    Network network;

  private:
    HttpResponse ping(const HttpRequest& request) const;
};

}  // namespace vc::lab
