// What a configuration would do, in words. Pure.
#pragma once

#include <string>

#include "daemon/config/config.h"

namespace vc {

// What our own probes put on a broker, each second, while nothing fails.
struct BrokerLoad {
    double messages = 0;
    double connections = 0;  // new ones, with all that it takes to be let in
    double management = 0;   // requests to $management, each of which some brokers count as ten
};
struct PlatformLoad {
    BrokerLoad primary;  // the full loops follow the active broker; counted here
    BrokerLoad standby;
};
PlatformLoad load_of(const Config& config);

// One watcher has nobody to contradict it; said on every check and at every start.
std::string quorum_notice(const Config& config);

std::string summary_of(const Config& config);

}  // namespace vc
