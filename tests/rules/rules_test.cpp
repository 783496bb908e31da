#include "rules/rules.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

namespace vc {
namespace {

using namespace std::chrono_literals;

const RuleTexts names{"detectors.yaml", "hypotheses.yaml", "policy.yaml"};

std::vector<std::string> errors_of(RuleTexts texts) {
    const RuleTexts shipped = shipped_rules();
    if (texts.detectors.empty()) texts.detectors = shipped.detectors;
    if (texts.hypotheses.empty()) texts.hypotheses = shipped.hypotheses;
    if (texts.policy.empty()) texts.policy = shipped.policy;
    Rules rules;
    Errors errors;
    read_rules(texts, names, rules, errors);
    std::vector<std::string> out;
    for (const Error& error : errors)
        out.push_back(to_text(error));
    return out;
}

std::string file(const std::string& name) {
    std::ifstream in(std::string(VC_DEFAULTS) + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

TEST_CASE("the rule files in the program are the ones in the tree") {
    CHECK(shipped_rules().detectors == file("detectors.yaml"));
    CHECK(shipped_rules().hypotheses == file("hypotheses.yaml"));
    CHECK(shipped_rules().policy == file("policy.yaml"));
    CHECK(file("policy.yaml").size() > 500);
}

// Reads the shipped file over a struct in which every value was spoilt: each must come back.
TEST_CASE("the shipped detector file holds every value of the struct, and the same") {
    Rules rules;
    const DetectorRules shipped;
    DetectorRules& d = rules.detectors;
    d = {1s, 7s, 1s,  0.01, 0.1, 0.1, 9, 1s, 9,  9,  9, 9,
         9,  9,  0.1, 10s,  10s, 1h,  1, 9,  1s, 1s, 9, 9};
    Errors errors;
    read_rules(shipped_rules(), names, rules, errors);
    CHECK(errors.empty());
    CHECK(d.slot == shipped.slot);
    CHECK(d.block == shipped.block);
    CHECK(d.settle_margin == shipped.settle_margin);
    CHECK(d.background_loss == shipped.background_loss);
    CHECK(d.false_block == shipped.false_block);
    CHECK(d.seen_enough == shipped.seen_enough);
    CHECK(d.blind_blocks == shipped.blind_blocks);
    CHECK(d.control_margin == shipped.control_margin);
    CHECK(d.bad_block_points == shipped.bad_block_points);
    CHECK(d.good_block_points == shipped.good_block_points);
    CHECK(d.repeat_every == shipped.repeat_every);
    CHECK(d.suspect_score == shipped.suspect_score);
    CHECK(d.act_score == shipped.act_score);
    CHECK(d.score_cap == shipped.score_cap);
    CHECK(d.hard_share == shipped.hard_share);
    CHECK(d.hard_page_over == shipped.hard_page_over);
    CHECK(d.hard_act_over == shipped.hard_act_over);
    CHECK(d.window == shipped.window);
    CHECK(d.samples_per_block == shipped.samples_per_block);
    CHECK(d.standby_loops == shipped.standby_loops);
    CHECK(d.standby_loops_within == shipped.standby_loops_within);
    CHECK(d.standby_recent == shipped.standby_recent);
    CHECK(d.standby_bad_blocks == shipped.standby_bad_blocks);
    CHECK(d.evidence_kept == shipped.evidence_kept);
}

TEST_CASE("the shipped policy file holds every value of the struct, and the same") {
    Rules rules;
    const PolicyRules shipped;
    PolicyRules& p = rules.policy;
    p = {0.6, 0.6, 0.6, 99, 99, 0.6, 0.6, 1s, 1s, 1s, 1s, 9, 9, 1s, 1, 1, 1s, 0.6, 1h};
    Errors errors;
    read_rules(shipped_rules(), names, rules, errors);
    CHECK(errors.empty());
    CHECK(p.act_posterior == shipped.act_posterior);
    CHECK(p.shared_at_most == shipped.shared_at_most);
    CHECK(p.standby_bad_at_most == shipped.standby_bad_at_most);
    CHECK(p.primary_samples == shipped.primary_samples);
    CHECK(p.standby_samples == shipped.standby_samples);
    CHECK(p.suppress_posterior == shipped.suppress_posterior);
    CHECK(p.name_posterior == shipped.name_posterior);
    CHECK(p.transient_below == shipped.transient_below);
    CHECK(p.quiet == shipped.quiet);
    CHECK(p.probation == shipped.probation);
    CHECK(p.quarantine == shipped.quarantine);
    CHECK(p.probation_act_divisor == shipped.probation_act_divisor);
    CHECK(p.pages_at_most == shipped.pages_at_most);
    CHECK(p.retry_backoff == shipped.retry_backoff);
    CHECK(p.verify_heartbeats == shipped.verify_heartbeats);
    CHECK(p.verify_transactions == shipped.verify_transactions);
    CHECK(p.verify_over == shipped.verify_over);
    CHECK(p.verify_share == shipped.verify_share);
    CHECK(p.verify_within == shipped.verify_within);
}

TEST_CASE("a file of one's own changes what it names and leaves the rest") {
    Rules rules;
    Errors errors;
    RuleTexts texts = shipped_rules();
    texts.policy = "quiet: 20m\n";
    texts.detectors = "";
    read_rules(texts, names, rules, errors);
    CHECK(errors.empty());
    CHECK(rules.policy.quiet == 20min);
    CHECK(rules.policy.probation == 72h);
    CHECK(rules.detectors.act_score == 492);
}

TEST_CASE("rules that cannot work are refused, all at once and each at its place") {
    CHECK(errors_of({"slot: 7s\nact_score: 100\nwindow: 30s\n", "", "verify_within: 10s\n"}) ==
          std::vector<std::string>{
              "detectors.yaml:1:1: block: 1m is not a whole number of slots of 7s",
              "detectors.yaml:1:1: hard_page_over: 2m is not a whole number of slots of 7s",
              "detectors.yaml:1:1: hard_act_over: 3m is not a whole number of slots of 7s",
              "detectors.yaml:3:9: window: is shorter than one block",
              "detectors.yaml:2:12: act_score: is below suspect_score",
              "policy.yaml:1:16: verify_within: is shorter than verify_over: no move could ever "
              "be proven"});
    CHECK(errors_of({"act_score: 2000\n", "", ""}) ==
          std::vector<std::string>{
              "detectors.yaml:1:12: act_score: can never be reached: score_cap is 984"});
    CHECK(errors_of({"", "hypotheses: 5\n", ""}) ==
          std::vector<std::string>{"hypotheses.yaml:1:13: hypotheses: is not a list"});
}

constexpr const char* healthy_and_unknown =
    "  - {name: healthy, prior: 0.1, remedy: none, text: t}\n"
    "  - {name: unknown, prior: 0.1, remedy: page, any: [HB], text: t}\n";

TEST_CASE("a hypothesis with a wrong channel says which channels there are") {
    const auto errors = errors_of(
        {"",
         std::string("hypotheses:\n") + healthy_and_unknown +
             "  - {name: x, prior: 0.1, remedy: page, bad: [HB, QQ], any: [HB, DL], text: t}\n",
         ""});
    REQUIRE(errors.size() == 2);
    CHECK(errors[0].find("'QQ' is no channel; they are CT BH HB TX DL DF SL SF SC") !=
          std::string::npos);
    CHECK(errors[1].find("HB is named twice") != std::string::npos);
}

TEST_CASE("two diagnoses that no probed channel tells apart are refused by name") {
    Rules rules;
    rules.cadences = {{Channel::HB, 5s, 1, 5s}};
    Errors errors;
    RuleTexts texts = shipped_rules();
    texts.hypotheses = std::string("hypotheses:\n") + healthy_and_unknown +
                       "  - {name: x, prior: 0.1, remedy: page, bad: [HB], text: t}\n"
                       "  - {name: y, variant: z, prior: 0.1, remedy: page, bad: [HB, DL], "
                       "text: t}\n";
    read_rules(texts, names, rules, errors);
    REQUIRE(errors.size() == 1);
    CHECK(to_text(errors[0]) ==
          "hypotheses.yaml:5:5: hypotheses: 'x' and 'y (z)' cannot be told apart by the channels "
          "that "
          "are probed");
    errors.clear();
    rules.cadences.push_back({Channel::DL, 1s, 1, 2s});
    read_rules(texts, names, rules, errors);
    CHECK(errors.empty());
}

}  // namespace
}  // namespace vc
