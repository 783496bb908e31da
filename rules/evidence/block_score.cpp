#include "rules/evidence/block_score.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace vc {
namespace {

constexpr std::array user_and_paths{Channel::BH, Channel::HB, Channel::TX, Channel::DL,
                                    Channel::DF};
constexpr std::array without_broker{Channel::BH, Channel::HB, Channel::TX};
constexpr std::array standby_channels{Channel::SL, Channel::SF, Channel::SC};
constexpr std::array control{Channel::CT};
constexpr std::array users{Channel::HB, Channel::TX};

std::size_t index(Channel channel) {
    return static_cast<std::size_t>(channel);
}

// A block that is looked at before its end is looked at often: it is held to the count of a whole
// one, or a single stray failure would make its first seconds bad.
std::uint32_t in_a_block(std::uint32_t n, Duration over, const DetectorRules& rules) {
    if (over >= rules.block || over <= Duration::zero()) return n;
    return static_cast<std::uint32_t>(n * rules.block.count() / over.count());
}

// Whether any of the channels that are probed and judge together is bad; notes which.
bool any_bad(const Counts& counts, Duration over, std::span<const Channel> channels,
             const Ledger& ledger, const DetectorRules& rules, BlockJudgement& out) {
    const auto judging = std::count_if(channels.begin(), channels.end(),
                                       [&](Channel channel) { return ledger.configured(channel); });
    if (judging == 0) return false;
    const double level = rules.false_block / static_cast<double>(judging);
    bool bad = false;
    for (const Channel channel : channels) {
        const ChannelCount& count = at(counts, channel);
        const bool channel_bad = count.bad >= bad_threshold(in_a_block(votes(count), over, rules),
                                                            rules.background_loss, level);
        out.channel_bad[index(channel)] = channel_bad;
        bad = bad || channel_bad;
    }
    return bad;
}

bool too_little_seen(const Counts& counts, Duration over, const Ledger& ledger,
                     const DetectorRules& rules) {
    const auto too_few = [&](std::span<const Channel> channels) {
        double due = 0;
        for (const Channel channel : channels)
            due += ledger.expected(channel, over);
        return votes(pool(counts, channels)) < rules.seen_enough * due;
    };
    // The users' own channels are enough to speak: there may be far more probes of the broker, and
    // when it answers them with nothing but "no such entity", they have no vote.
    return too_few(control) || (too_few(all_channels) && too_few(users));
}

}  // namespace

std::string_view to_text(ActiveBroker broker) {
    return broker == ActiveBroker::primary ? "primary" : "standby";
}

std::uint32_t bad_threshold(std::uint32_t n, double loss, double level) {
    // P(X >= c) falls as c rises: walk up the distribution until the tail is small enough.
    double probability = std::pow(1 - loss, n);  // of exactly c failures
    double tail = 1;                             // of c or more
    std::uint32_t c = 0;
    while (c <= n) {
        tail -= probability;
        probability *= static_cast<double>(n - c) / static_cast<double>(c + 1) * loss / (1 - loss);
        ++c;
        if (tail <= level) return c;
    }
    return n + 1;
}

BlockJudgement judge(const Counts& counts, Duration over, ActiveBroker active, const Ledger& ledger,
                     const DetectorRules& rules) {
    BlockJudgement out;
    const std::span<const Channel> platform = active == ActiveBroker::primary
                                                  ? std::span<const Channel>(user_and_paths)
                                                  : std::span<const Channel>(without_broker);
    const bool platform_bad = any_bad(counts, over, platform, ledger, rules, out);
    out.standby_bad = any_bad(counts, over, standby_channels, ledger, rules, out);
    out.control_bad = any_bad(counts, over, control, ledger, rules, out);
    out.blind = out.control_bad || too_little_seen(counts, over, ledger, rules);
    out.bad = platform_bad && !out.blind;
    out.standby_bad = out.standby_bad && !out.blind;
    return out;
}

std::int64_t next_score(std::int64_t score, bool bad, std::uint32_t& run,
                        const DetectorRules& rules) {
    if (!bad) {
        run = 0;
        return std::max<std::int64_t>(0, score - rules.good_block_points);
    }
    ++run;
    const bool counts = run == 1 || run % rules.repeat_every == 0;
    return std::min(rules.score_cap, score + (counts ? rules.bad_block_points : 0));
}

}  // namespace vc
