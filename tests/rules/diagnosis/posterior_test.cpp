#include "rules/diagnosis/posterior.h"

#include <doctest/doctest.h>

#include "tests/rules/world.h"

namespace vc {
namespace {

std::vector<Hypothesis> catalogue() {
    return test::rules_for({}).hypotheses;
}

struct Seen {
    Channel channel;
    std::uint32_t bad;
    std::uint32_t of;
};

Counts block(std::initializer_list<Seen> seen) {
    Counts counts = no_counts();
    for (const Seen& s : seen) {
        at(counts, s.channel).bad = s.bad;
        at(counts, s.channel).good = s.of - s.bad;
    }
    return counts;
}

Counts healthy_but(std::initializer_list<Seen> seen) {
    Counts counts = block({{Channel::CT, 0, 12},
                           {Channel::BH, 0, 12},
                           {Channel::HB, 0, 96},
                           {Channel::TX, 0, 16},
                           {Channel::DL, 0, 60},
                           {Channel::DF, 0, 6},
                           {Channel::SL, 0, 6},
                           {Channel::SF, 0, 6},
                           {Channel::SC, 0, 1}});
    for (const Seen& s : seen)
        at(counts, s.channel) = {s.channel, s.of - s.bad, s.bad, 0};
    return counts;
}

Diagnosis of(const std::vector<Counts>& blocks, ActiveBroker active = ActiveBroker::primary) {
    return diagnose(catalogue(), blocks, active, {});
}

TEST_CASE("each fault's own pattern is named with near certainty") {
    CHECK(of({healthy_but({{Channel::HB, 60, 96},
                           {Channel::TX, 12, 16},
                           {Channel::DL, 40, 60},
                           {Channel::DF, 4, 6}})})
              .name == "primary_broker");
    CHECK(of({healthy_but({{Channel::HB, 96, 96}, {Channel::TX, 16, 16}, {Channel::SC, 1, 1}})})
              .name == "consumers");
    CHECK(of({healthy_but({{Channel::BH, 12, 12},
                           {Channel::HB, 96, 96},
                           {Channel::TX, 16, 16},
                           {Channel::SC, 1, 1}})})
              .name == "bridge");
    CHECK(of({healthy_but({{Channel::CT, 4, 12}})}).name == "watcher_network");
    CHECK(of({healthy_but({{Channel::SL, 6, 6}, {Channel::SF, 6, 6}, {Channel::SC, 1, 1}})}).name ==
          "standby_not_ready");
    CHECK(of({healthy_but({})}).name == "healthy");
}

TEST_CASE("a pattern that no row explains is unknown") {
    // The control target and the standby's fresh path, and nothing else.
    const Diagnosis d = of({healthy_but({{Channel::CT, 6, 12}, {Channel::SF, 6, 6}})});
    CHECK(d.name == "unknown");
    CHECK(d.remedy == Remedy::page);
    CHECK(d.posterior > 0.9);
}

TEST_CASE("when only new connections are refused it is still the primary") {
    const Diagnosis d =
        of({healthy_but({{Channel::DF, 6, 6}}), healthy_but({{Channel::DF, 6, 6}})});
    CHECK(d.name == "primary_broker");
    CHECK(d.text == "the primary broker refuses new connections");
}

TEST_CASE("no evidence names nothing, and few or no samples of a channel are borne") {
    CHECK(of({}).name == "healthy");
    CHECK(of({}).posterior == 0);
    const Diagnosis d = of({block({{Channel::HB, 96, 96},
                                   {Channel::TX, 16, 16},
                                   {Channel::DL, 0, 60},
                                   {Channel::BH, 0, 12},
                                   {Channel::CT, 0, 12}})});
    CHECK(d.name == "consumers");
    CHECK(d.posterior < 0.999);
    CHECK(d.standby_samples == 0);
}

TEST_CASE("a name below the naming threshold is given up for unknown, the guess stays beside it") {
    DiagnosisRules strict;
    strict.name_posterior = 0.999999;
    const Diagnosis d =
        diagnose(catalogue(), {healthy_but({{Channel::DL, 3, 60}, {Channel::HB, 2, 96}})},
                 ActiveBroker::primary, strict);
    CHECK(d.name == "unknown");
    CHECK(d.runner_up != "unknown");
    CHECK(d.posterior < d.runner_up_posterior);
}

TEST_CASE("many failures of one minute weigh no more than the cap allows") {
    const Counts one = healthy_but({{Channel::HB, 96, 96}});
    const Counts many = healthy_but({{Channel::HB, 9600, 9600}});
    CHECK(of({one}).name == of({many}).name);
    CHECK(of({one}).posterior == of({many}).posterior);
}

TEST_CASE("after a move the old broker's paths are not looked at and no row blames it") {
    const Counts left = healthy_but({{Channel::DL, 60, 60}, {Channel::DF, 6, 6}});
    CHECK(of({left}, ActiveBroker::standby).name == "healthy");
    const Diagnosis d = of({left}, ActiveBroker::standby);
    for (const std::string& reason : d.reasons)
        CHECK(reason.rfind("D", 0) != 0);
}

TEST_CASE("reasons tell for and against with their counts") {
    const Diagnosis d = of({healthy_but({{Channel::HB, 60, 96},
                                         {Channel::TX, 12, 16},
                                         {Channel::DL, 31, 60},
                                         {Channel::DF, 4, 6},
                                         {Channel::SC, 1, 1}})});
    CHECK(d.name == "primary_broker");
    const auto has = [&](const std::string& wanted) {
        return std::find(d.reasons.begin(), d.reasons.end(), wanted) != d.reasons.end();
    };
    CHECK(has("DL 31 of 60 bad, expected bad"));
    CHECK(has("CT 0 of 12 bad, expected good"));
    CHECK(has("SC 1 of 1 bad, against: expected good"));
}

}  // namespace
}  // namespace vc
