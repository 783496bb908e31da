// What the detectors judge by, with the shipped values. rules/defaults/detectors.yaml holds the
// same values, each with its reason. Times are rules' time.
#pragma once

#include <cstdint>

#include "rules/base/time.h"
#include "rules/observation.h"

namespace vc {

// What is probed and how often: the detectors need it to tell "all is well" from "little was seen".
struct ChannelCadence {
    Channel channel = Channel::CT;
    Duration every{};           // per target
    std::uint32_t targets = 1;  // chargers, entities or shards probed at that pace
    Duration budget{};          // an answer after it is late, none by three of it is a timeout
};

struct DetectorRules {
    // Counting. An attempt belongs to the slot in which it was due, so that what failed together
    // is judged together, however long each kind of probe takes to give up. A slot is read only
    // when it has settled: three of the slowest budget, and `settle_margin`, after its end.
    Duration slot = std::chrono::seconds{10};
    Duration block = std::chrono::seconds{60};
    Duration settle_margin = std::chrono::seconds{5};

    // A block is bad when a channel has c or more failures, c being the smallest number with
    // P(Bin(n, background_loss) >= c) <= false_block / (number of channels that judge it).
    double background_loss = 0.005;
    double false_block = 0.05;
    double seen_enough = 0.5;        // less than this share of what was due: no statement
    std::uint32_t blind_blocks = 2;  // so many blocks without a statement and we say we are blind

    Duration control_margin = std::chrono::seconds{30};  // around a block, for our own trouble

    // The score: evidence of many brief drops.
    std::int64_t bad_block_points = 95;
    std::int64_t good_block_points = 1;
    std::uint32_t repeat_every = 3;  // in a run of bad blocks the first and every third count
    std::int64_t suspect_score = 211;
    std::int64_t act_score = 492;
    std::int64_t score_cap = 984;

    // The hard path: an outage that is plain.
    double hard_share = 0.6;
    Duration hard_page_over = std::chrono::seconds{120};
    Duration hard_act_over = std::chrono::seconds{180};

    // What the diagnosis looks at.
    Duration window = std::chrono::minutes{10};
    double samples_per_block = 12;  // of one channel; more add no weight, they fail together

    // The standby is certified by full loops through it.
    std::uint32_t standby_loops = 3;
    Duration standby_loops_within = std::chrono::minutes{10};
    Duration standby_recent = std::chrono::minutes{3};
    std::uint32_t standby_bad_blocks = 3;  // in the window: the standby is in trouble by itself

    std::uint32_t evidence_kept = 8;  // failing attempts remembered per channel
};

}  // namespace vc
