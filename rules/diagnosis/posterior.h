// Which hypothesis explains the bad minutes? Exact Bayes over the catalogue's rows and a grid of
// loss rates {5, 20, 50, 95 %}: under a row, a channel that is expected bad, crossed by a part that
// loses with p, fails with 1 - (1 - q)(1 - p), one expected good with q, and one that may be either
// is averaged over both. Successes speak as loudly as failures. Since one fault hits a transaction
// (two loops) harder than a heartbeat and a short drop hits short budgets harder than long ones,
// a channel expected bad may with probability one half be one step of the grid off.
//
// Attempts within one minute fail together, so each channel's counts of a block are scaled down to
// at most `samples_per_block`. The row "unknown" lets every channel do as it likes and pays for
// that freedom with a factor of about two per channel: when it wins, no real row fits.
#pragma once

#include <string>
#include <vector>

#include "rules/diagnosis/hypothesis.h"
#include "rules/evidence/block_score.h"
#include "rules/evidence/ledger.h"

namespace vc {

struct Diagnosis {
    std::string name;
    double posterior = 0;  // rounded to six decimals, like all of these
    std::string runner_up;
    double runner_up_posterior = 0;
    Remedy remedy = Remedy::none;
    std::string text;                   // the best row's clause
    double standby_bad = 0;             // P(a row that has SL or SF bad)
    double shared = 0;                  // P(a row that no move cures)
    std::uint32_t primary_samples = 0;  // direct primary votes among the evidence
    std::uint32_t standby_samples = 0;  // direct standby votes among the evidence
    Counts counts = no_counts();        // of all the evidence
    std::vector<std::string> reasons;
};

struct DiagnosisRules {
    double background_loss = 0.005;
    double false_block = 0.05;
    double samples_per_block = 12;
    double name_posterior = 0.5;  // below it the name is "unknown"
};

// `blocks` are the bad ones; none gives "healthy" with posterior 0. After a move DL and DF, the
// paths to the broker that was left, are not looked at, and rows that a move cures are impossible:
// it has been made.
Diagnosis diagnose(const std::vector<Hypothesis>& rows, const std::vector<Counts>& blocks,
                   ActiveBroker active, const DiagnosisRules& rules);

}  // namespace vc
