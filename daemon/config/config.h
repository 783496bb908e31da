// What the operator has configured, as plain structs. Every default has its unit in its type and
// its reason beside it; load_config() fills in what the file says and checks it, so whoever holds
// a Config may rely on every promise made here. Secrets are already read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/auth.h"
#include "daemon/config/gauge.h"
#include "daemon/config/secret.h"
#include "daemon/config/url.h"
#include "daemon/hooks/command.h"
#include "rules/base/error.h"
#include "rules/base/time.h"
#include "rules/observation.h"
#include "rules/rules.h"

namespace vc {

// The OCPP bridge that the virtual chargers connect to.
struct BridgeConfig {
    Url url;                              // the identity is appended as a path segment
    std::string identity_prefix;          // chargers are PREFIX0001, ...; BH uses PREFIXPING
    std::string standby_identity_prefix;  // the bridge routes these through the standby
    std::string id_tag;                   // of the synthetic transactions; 1 to 20 characters
    Secret password;                      // HTTP basic, the identity as user; empty: none is sent
};

struct BrokerConfig {
    Url url;
    BrokerAuth auth;
    std::string tls_ca;  // who vouches for an amqps:// broker; empty: the system's certificates
    // Each two queues of our own for direct probes, NAME and NAME + fresh_suffix, because two
    // consumers of one queue would take each other's messages. At least one.
    std::vector<std::string> entities;
    std::string address = "{entity}";  // what the broker calls a queue
    std::string fresh_suffix = "-fresh";
    bool management = false;  // it has the nodes ENTITY/$management

    bool uses_tokens() const;  // put to the node $cbs
    std::string kept_address(std::size_t index) const;
    std::string fresh_address(std::size_t index) const;
};

// A broker's management plane: what it holds is listed there, over HTTP.
struct ManagementConfig {
    Url url;                         // without a path
    std::optional<BrokerAuth> auth;  // a key that may list; none: as the probes
};

// Audits that compare what both brokers hold; how often is said in rules.audits.
struct ReadinessConfig {
    ManagementConfig primary;
    ManagementConfig standby;
    std::vector<std::string> ignore;  // patterns of paths, see probes/readiness/inventory.h
};

struct Config {
    std::string file;                           // as it was named on the command line
    std::string state = "/var/lib/voltcanary";  // directory of the journal
    ListenAddress listen;
    std::uint64_t seed = 1;  // of spread and jitter: any value will do, but the same each run

    BridgeConfig bridge;
    BrokerConfig primary;
    BrokerConfig standby;
    std::vector<Url> control;  // at least one
    std::vector<GaugeConfig> gauges;  // `vendor` among them; names are unique

    std::optional<ReadinessConfig> readiness;  // present exactly when rules.audits is

    std::vector<HookDefinition> hooks;  // names are unique, each has apply, programs are absolute
    std::vector<HookCommand> notify;    // each page goes to all of them

    Duration retention = std::chrono::hours(24 * 90);   // a quarter, to compare incidents
    Duration stop_deadline = std::chrono::seconds(30);  // three transactions' budgets

    // Mode, quorum, migration steps and the cadence of every channel (in the order of
    // all_channels) included.
    Rules rules;

    // What is allowed and yet probably not meant; `voltcanary check` and the log show them.
    std::vector<Error> warnings;

    const ChannelCadence& probe(Channel channel) const;
    const HookDefinition* hook(std::string_view name) const;  // null when there is none
};

// Reads the file, the rule files and secrets it names. Nothing when there is any error; `errors`
// has all of them, in the order of the file. Blocking; for start-up.
std::optional<Config> load_config(const std::string& path, Errors& errors);

// Only where the daemon is to be found, for an operator's questions: they must be answered also
// when the rest of the file is being edited, or its secrets are not the operator's to read.
struct DaemonPlace {
    std::string state;
    ListenAddress listen;
};
std::optional<DaemonPlace> load_place(const std::string& path, Errors& errors);

}  // namespace vc
