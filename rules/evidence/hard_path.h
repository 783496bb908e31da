// The hard path: an outage that is plain needs no score. Measured over settled slots, as a share
// of what was due (not of what was seen): minutes that we did not watch never count as failed.
#pragma once

#include "rules/evidence/block_score.h"
#include "rules/evidence/ledger.h"

namespace vc {

struct HardPath {
    bool page = false;  // users fail: most heartbeats and transactions of the last two minutes
    bool act = false;   // users and the direct broker probes fail: three minutes
};

HardPath hard_path(const Ledger& ledger, Instant settled, ActiveBroker active,
                   const DetectorRules& rules);

}  // namespace vc
