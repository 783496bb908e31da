// The verdict on one block (a minute) and the score that many of them make.
//
// A block of a channel is bad when it has c or more failures, c from the binomial tail of the
// number of attempts really seen: a fixed c would be wrong as soon as a cadence changes. The
// allowed chance of calling a healthy block bad is shared out over the channels that judge it, so
// that it stays what the rule says however many there are.
//
// A block in which our own control probes fail, or in which too little was seen, makes no
// statement: it is blind, and the score stands still.
#pragma once

#include <array>

#include "rules/evidence/ledger.h"

namespace vc {

// Who relays the users' messages, as far as our own moves tell. After a move the old broker is
// watched but no longer judged.
enum class ActiveBroker : std::uint8_t { primary, standby };
std::string_view to_text(ActiveBroker broker);

// The smallest c with P(Bin(n, loss) >= c) <= level; at least 1, at most n + 1.
std::uint32_t bad_threshold(std::uint32_t n, double loss, double level);

struct BlockJudgement {
    bool bad = false;          // the platform
    bool blind = false;        // no statement about it
    bool control_bad = false;  // blind because our own control probes fail
    bool standby_bad = false;
    std::array<bool, all_channels.size()> channel_bad{};

    bool bad_on(Channel channel) const { return channel_bad[static_cast<std::size_t>(channel)]; }
};

// Over a block or the first part of one; `over` is its length. `ledger` only tells what was due.
BlockJudgement judge(const Counts& counts, Duration over, ActiveBroker active, const Ledger& ledger,
                     const DetectorRules& rules);

// The score after one more block that made a statement. `run` is the number of consecutive bad
// blocks so far and is brought up to date: in a run only the first and then every third bad block
// adds, because one long drop is one piece of evidence.
std::int64_t next_score(std::int64_t score, bool bad, std::uint32_t& run,
                        const DetectorRules& rules);

}  // namespace vc
