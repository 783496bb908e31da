// What a configuration would do, in words. Pure.
#pragma once

#include <string>

#include "daemon/config/config.h"

namespace vc {

// Messages per second that our own probes put on each broker, while nothing fails.
struct BrokerLoad {
    double primary = 0;  // the full loops follow the active broker; counted here
    double standby = 0;
};
BrokerLoad load_of(const Config& config);

// One watcher has nobody to contradict it; said on every check and at every start.
std::string quorum_notice(const Config& config);

std::string summary_of(const Config& config);

}  // namespace vc
