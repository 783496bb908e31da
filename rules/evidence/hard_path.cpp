#include "rules/evidence/hard_path.h"

#include <algorithm>
#include <array>

namespace vc {
namespace {

constexpr std::array users{Channel::HB, Channel::TX};
constexpr std::array broker{Channel::DL, Channel::DF};

double failed_share(const Ledger& ledger, Instant settled, Duration over,
                    std::span<const Channel> channels) {
    const ChannelCount count = pool(ledger.between(settled - over, settled), channels);
    double due = 0;
    for (const Channel channel : channels)
        due += ledger.expected(channel, over);
    const double of = std::max(due, static_cast<double>(votes(count)));
    return of > 0 ? count.bad / of : 0;
}

}  // namespace

HardPath hard_path(const Ledger& ledger, Instant settled, ActiveBroker active,
                   const DetectorRules& rules) {
    HardPath out;
    out.page = failed_share(ledger, settled, rules.hard_page_over, users) >= rules.hard_share;
    out.act = active == ActiveBroker::primary &&
              failed_share(ledger, settled, rules.hard_act_over, users) >= rules.hard_share &&
              failed_share(ledger, settled, rules.hard_act_over, broker) >= rules.hard_share;
    return out;
}

}  // namespace vc
