#include "rules/diagnosis/posterior.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace vc {
namespace {

constexpr std::array loss_grid{0.05, 0.20, 0.50, 0.95};

// Scaled counts: fractions of attempts.
struct Weighed {
    double bad = 0;
    double all = 0;
};
using Sample = std::array<Weighed, all_channels.size()>;

Sample weigh(const std::vector<Counts>& blocks, ActiveBroker active, double samples_per_block) {
    Sample sample{};
    for (const Counts& block : blocks) {
        for (const ChannelCount& count : block) {
            const bool left_behind = active == ActiveBroker::standby &&
                                     (count.channel == Channel::DL || count.channel == Channel::DF);
            const double n = votes(count);
            if (n == 0 || left_behind) continue;
            const double scale = std::min(1.0, samples_per_block / n);
            Weighed& weighed = sample[static_cast<std::size_t>(count.channel)];
            weighed.bad += scale * count.bad;
            weighed.all += scale * n;
        }
    }
    return sample;
}

double log_likelihood(const Weighed& seen, double p) {
    return seen.bad * std::log(p) + (seen.all - seen.bad) * std::log1p(-p);
}

// log of the mean of exp(values); the largest is taken out first, so nothing underflows.
template <std::size_t N>
double log_mean_exp(const std::array<double, N>& values) {
    const double top = *std::max_element(values.begin(), values.end());
    double total = 0;
    for (const double value : values)
        total += std::exp(value - top);
    return top + std::log(total / static_cast<double>(N));
}

double fails_with(double background, double loss) {
    return 1 - (1 - background) * (1 - loss);
}

using ByLoss = std::array<double, loss_grid.size()>;

ByLoss log_by_loss(const Weighed& seen, double background) {
    ByLoss out{};
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = log_likelihood(seen, fails_with(background, loss_grid[i]));
    return out;
}

// At the fault's rate, or with probability one half at a neighbouring one of the grid.
double log_near(const ByLoss& at_rate, std::size_t i) {
    const double lower = at_rate[i == 0 ? i : i - 1];
    const double upper = at_rate[i + 1 == at_rate.size() ? i : i + 1];
    return log_mean_exp(std::array{at_rate[i], at_rate[i], lower, upper});
}

double log_evidence(const Hypothesis& row, const Sample& sample, double background) {
    ByLoss total{};
    for (const Channel channel : all_channels) {
        const Weighed& seen = sample[static_cast<std::size_t>(channel)];
        if (seen.all == 0) continue;
        const double good = log_likelihood(seen, background);
        const ByLoss bad = log_by_loss(seen, background);
        for (std::size_t i = 0; i < total.size(); ++i) {
            switch (row.of(channel)) {
                case Expectation::good:
                    total[i] += good;
                    break;
                case Expectation::bad:
                    total[i] += log_near(bad, i);
                    break;
                case Expectation::any:
                    total[i] += log_mean_exp(std::array{good, log_mean_exp(bad)});
                    break;
            }
        }
    }
    return log_mean_exp(total);
}

std::vector<double> posteriors(const std::vector<Hypothesis>& rows, const Sample& sample,
                               ActiveBroker active, double background) {
    std::vector<double> logs;
    for (const Hypothesis& row : rows) {
        const bool possible = active == ActiveBroker::primary || row.remedy != Remedy::migrate;
        logs.push_back(possible ? std::log(row.prior) + log_evidence(row, sample, background)
                                : -std::numeric_limits<double>::infinity());
    }
    const double top = *std::max_element(logs.begin(), logs.end());
    double total = 0;
    for (double& value : logs) {
        value = std::exp(value - top);
        total += value;
    }
    for (double& value : logs)
        value /= total;
    return logs;
}

double six_decimals(double value) {
    return std::round(value * 1e6) / 1e6;
}

// "DL 31 of 60 bad, expected bad"; what contradicts the row says so.
std::vector<std::string> reasons_for(const Hypothesis& row, const Counts& total,
                                     ActiveBroker active, const DiagnosisRules& rules) {
    std::vector<std::string> reasons;
    for (const ChannelCount& count : total) {
        const std::uint32_t n = votes(count);
        const bool left_behind = active == ActiveBroker::standby &&
                                 (count.channel == Channel::DL || count.channel == Channel::DF);
        if (n == 0 || left_behind) continue;
        const bool bad = count.bad >= bad_threshold(n, rules.background_loss, rules.false_block);
        const Expectation expected = row.of(count.channel);
        std::string reason = std::string(to_text(count.channel)) + " " + std::to_string(count.bad) +
                             " of " + std::to_string(n) + " bad, ";
        if (expected == Expectation::any) {
            reason += "says nothing";
        } else {
            const bool fits = bad == (expected == Expectation::bad);
            reason += (fits ? "expected " : "against: expected ") + std::string(to_text(expected));
        }
        reasons.push_back(std::move(reason));
    }
    return reasons;
}

bool standby_is_bad(const Hypothesis& row) {
    return row.of(Channel::SL) == Expectation::bad || row.of(Channel::SF) == Expectation::bad;
}

void name_it(Diagnosis& out, const std::map<std::string, double>& by_name) {
    for (const auto& [name, posterior] : by_name) {
        if (posterior > out.posterior) {
            out.runner_up = out.name;
            out.runner_up_posterior = out.posterior;
            out.name = name;
            out.posterior = posterior;
        } else if (posterior > out.runner_up_posterior) {
            out.runner_up = name;
            out.runner_up_posterior = posterior;
        }
    }
}

}  // namespace

Diagnosis diagnose(const std::vector<Hypothesis>& rows, const std::vector<Counts>& blocks,
                   ActiveBroker active, const DiagnosisRules& rules) {
    Diagnosis out;
    out.name = "healthy";
    if (blocks.empty() || rows.empty()) return out;
    out.name.clear();
    const Sample sample = weigh(blocks, active, rules.samples_per_block);
    const std::vector<double> posterior = posteriors(rows, sample, active, rules.background_loss);

    std::map<std::string, double> by_name;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        by_name[rows[i].name] += posterior[i];
        if (standby_is_bad(rows[i])) out.standby_bad += posterior[i];
        if (rows[i].remedy != Remedy::migrate) out.shared += posterior[i];
    }
    name_it(out, by_name);
    if (out.posterior < rules.name_posterior && out.name != "unknown") {
        out.runner_up = out.name;
        out.runner_up_posterior = out.posterior;
        out.name = "unknown";
        out.posterior = by_name["unknown"];
    }
    for (const Counts& block : blocks)
        out.counts = sum(out.counts, block);
    out.primary_samples = votes(at(out.counts, Channel::DL)) + votes(at(out.counts, Channel::DF));
    out.standby_samples = votes(at(out.counts, Channel::SL)) + votes(at(out.counts, Channel::SF));
    const Hypothesis* best = nullptr;
    double best_posterior = -1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].name != out.name || posterior[i] <= best_posterior) continue;
        best = &rows[i];
        best_posterior = posterior[i];
    }
    if (best != nullptr) {
        out.remedy = best->remedy;
        out.text = best->text;
        out.reasons = reasons_for(*best, out.counts, active, rules);
    }
    out.posterior = six_decimals(out.posterior);
    out.runner_up_posterior = six_decimals(out.runner_up_posterior);
    out.standby_bad = six_decimals(out.standby_bad);
    out.shared = six_decimals(out.shared);
    return out;
}

}  // namespace vc
