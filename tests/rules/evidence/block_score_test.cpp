#include "rules/evidence/block_score.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/rules/world.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

// The tail the slow way: a sum of binomial terms by logarithms of factorials.
double tail(std::uint32_t n, double p, std::uint32_t c) {
    double total = 0;
    for (std::uint32_t k = c; k <= n; ++k) {
        total += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) +
                          k * std::log(p) + (n - k) * std::log1p(-p));
    }
    return total;
}

TEST_CASE("the threshold is the smallest count whose tail is small enough") {
    for (const std::uint32_t n : {1U, 2U, 6U, 12U, 16U, 60U, 96U, 120U, 1000U, 5000U}) {
        for (const double level : {0.05, 0.01}) {
            CAPTURE(n);
            const std::uint32_t c = bad_threshold(n, 0.005, level);
            CHECK(tail(n, 0.005, c) <= level + 1e-9);
            if (c > 1) CHECK(tail(n, 0.005, c - 1) > level);
        }
    }
    // A fixed count would be wrong for one of these two.
    CHECK(bad_threshold(6, 0.005, 0.05) == 1);
    CHECK(bad_threshold(60, 0.005, 0.05) == 2);
    CHECK(bad_threshold(0, 0.005, 0.05) == 1);
}

struct Fixture {
    Rules rules = test::rules_for({});
    Ledger ledger{rules.detectors, rules.cadences};

    Counts full() const {
        Counts counts = no_counts();
        for (const Channel channel : all_channels)
            at(counts, channel).good = static_cast<std::uint32_t>(ledger.expected(channel, 60s));
        return counts;
    }
    void fail(Counts& counts, Channel channel, std::uint32_t n) const {
        at(counts, channel).good -= n;
        at(counts, channel).bad += n;
    }
    BlockJudgement judged(const Counts& counts, ActiveBroker active = ActiveBroker::primary) const {
        return judge(counts, 60s, active, ledger, rules.detectors);
    }
};

TEST_CASE("a full healthy block is good, and a few strays do not change that") {
    Fixture f;
    Counts counts = f.full();
    CHECK(!f.judged(counts).bad);
    CHECK(!f.judged(counts).blind);
    for (const Channel channel : {Channel::BH, Channel::HB, Channel::TX, Channel::DL, Channel::DF})
        f.fail(counts, channel, 1);
    CHECK(!f.judged(counts).bad);
}

TEST_CASE("failures of a user or path channel make a block bad, those of the standby do not") {
    Fixture f;
    for (const Channel channel :
         {Channel::BH, Channel::HB, Channel::TX, Channel::DL, Channel::DF}) {
        Counts counts = f.full();
        f.fail(counts, channel, 5);
        CHECK(f.judged(counts).bad);
        CHECK(f.judged(counts).bad_on(channel));
        CHECK(!f.judged(counts).standby_bad);
    }
    for (const Channel channel : {Channel::SL, Channel::SF, Channel::SC}) {
        Counts counts = f.full();
        f.fail(counts, channel, channel == Channel::SC ? 1 : 3);
        CHECK(!f.judged(counts).bad);
        CHECK(f.judged(counts).standby_bad);
    }
}

TEST_CASE("after a move the old broker's paths make no block bad") {
    Fixture f;
    Counts counts = f.full();
    f.fail(counts, Channel::DL, 60);
    f.fail(counts, Channel::DF, 6);
    CHECK(!f.judged(counts, ActiveBroker::standby).bad);
    f.fail(counts, Channel::HB, 20);
    CHECK(f.judged(counts, ActiveBroker::standby).bad);
}

TEST_CASE("a block in which our own control fails is blind, however bad the rest") {
    Fixture f;
    Counts counts = f.full();
    f.fail(counts, Channel::HB, 96);
    f.fail(counts, Channel::CT, 2);
    CHECK(f.judged(counts).blind);
    CHECK(f.judged(counts).control_bad);
    CHECK(!f.judged(counts).bad);
}

TEST_CASE("a block in which too little voted is blind, and silence is not called health") {
    Fixture f;
    CHECK(f.judged(no_counts()).blind);
    CHECK(!f.judged(no_counts()).control_bad);
    Counts unvoting = f.full();
    for (const Channel channel : all_channels) {
        at(unvoting, channel).unvoting = at(unvoting, channel).good;
        at(unvoting, channel).good = 0;
    }
    CHECK(f.judged(unvoting).blind);
    Counts no_control = f.full();
    at(no_control, Channel::CT).good = 0;
    CHECK(f.judged(no_control).blind);
}

TEST_CASE("the users' own channels are enough to speak, however many others have no vote") {
    Fixture f;
    f.rules.cadences[4].targets = f.rules.cadences[5].targets = 5;
    f.ledger = Ledger{f.rules.detectors, f.rules.cadences};
    Counts counts = f.full();
    for (const Channel channel : {Channel::DL, Channel::DF}) {
        at(counts, channel).unvoting = at(counts, channel).good;
        at(counts, channel).good = 0;
    }
    f.fail(counts, Channel::HB, 96);
    CHECK(!f.judged(counts).blind);
    CHECK(f.judged(counts).bad);
}

TEST_CASE("the first seconds of a block are held to the count of a whole one") {
    Fixture f;
    Counts counts = no_counts();
    at(counts, Channel::CT) = {Channel::CT, 1, 1, 0};
    CHECK(!judge(counts, 10s, ActiveBroker::primary, f.ledger, f.rules.detectors).control_bad);
}

TEST_CASE("in a run of bad blocks the first and every third add, good ones take one off") {
    const DetectorRules rules;
    std::uint32_t run = 0;
    std::int64_t score = 0;
    std::vector<std::int64_t> scores;
    for (int i = 0; i < 6; ++i)
        scores.push_back(score = next_score(score, true, run, rules));
    CHECK(scores == std::vector<std::int64_t>{95, 95, 190, 190, 190, 285});
    CHECK(next_score(score, false, run, rules) == 284);
    CHECK(run == 0);
    CHECK(next_score(0, false, run, rules) == 0);
    CHECK(next_score(983, true, run, rules) == 984);
}

}  // namespace
}  // namespace vc
