#include "rules/rules.h"

#include <algorithm>
#include <array>

#include "rules/base/check.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr DurationRange positive{1ms, 8760h};
constexpr NumberRange share{0, 1};

void read_detectors(const YamlNode& node, DetectorRules& out, Errors& errors) {
    Fields in(node, "detectors", errors);
    in.duration("slot", out.slot, Need::optional, positive);
    in.duration("block", out.block, Need::optional, positive);
    in.duration("settle_margin", out.settle_margin, Need::optional, {0s, 1h});
    in.number("background_loss", out.background_loss, Need::optional, {1e-6, 0.04});
    in.number("false_block", out.false_block, Need::optional, {1e-6, 0.5});
    in.number("seen_enough", out.seen_enough, Need::optional, share);
    in.integer("blind_blocks", out.blind_blocks, Need::optional, {1, 1000});
    in.duration("control_margin", out.control_margin, Need::optional, {0s, 1h});
    in.integer("bad_block_points", out.bad_block_points, Need::optional, {1, 1000000});
    in.integer("good_block_points", out.good_block_points, Need::optional, {0, 1000000});
    in.integer("repeat_every", out.repeat_every, Need::optional, {1, 1000});
    in.integer("suspect_score", out.suspect_score, Need::optional, {1, 1000000});
    in.integer("act_score", out.act_score, Need::optional, {1, 1000000});
    in.integer("score_cap", out.score_cap, Need::optional, {1, 10000000});
    in.number("hard_share", out.hard_share, Need::optional, {0.05, 1});
    in.duration("hard_page_over", out.hard_page_over, Need::optional, positive);
    in.duration("hard_act_over", out.hard_act_over, Need::optional, positive);
    in.duration("window", out.window, Need::optional, positive);
    in.number("samples_per_block", out.samples_per_block, Need::optional, {1, 10000});
    in.integer("standby_loops", out.standby_loops, Need::optional, {1, 1000});
    in.duration("standby_loops_within", out.standby_loops_within, Need::optional, positive);
    in.duration("standby_recent", out.standby_recent, Need::optional, positive);
    in.integer("standby_bad_blocks", out.standby_bad_blocks, Need::optional, {1, 1000});
    in.integer("evidence_kept", out.evidence_kept, Need::optional, {1, 1000});

    const auto whole = [&](std::string_view key, Duration value, Duration unit,
                           std::string_view what) {
        if (value % unit != Duration::zero()) {
            in.error(key, to_text(value) + " is not a whole number of " + std::string(what) +
                              "s of " + to_text(unit));
        }
    };
    whole("block", out.block, out.slot, "slot");
    whole("hard_page_over", out.hard_page_over, out.slot, "slot");
    whole("hard_act_over", out.hard_act_over, out.slot, "slot");
    if (out.window < out.block) in.error("window", "is shorter than one block");
    if (out.act_score < out.suspect_score) in.error("act_score", "is below suspect_score");
    if (out.act_score > out.score_cap) {
        in.error("act_score",
                 "can never be reached: score_cap is " + std::to_string(out.score_cap));
    }
    in.finish();
}

void read_policy(const YamlNode& node, PolicyRules& out, Errors& errors) {
    Fields in(node, "policy", errors);
    in.number("act_posterior", out.act_posterior, Need::optional, {0.5, 0.999999});
    in.number("shared_at_most", out.shared_at_most, Need::optional, share);
    in.number("standby_bad_at_most", out.standby_bad_at_most, Need::optional, share);
    in.integer("primary_samples", out.primary_samples, Need::optional, {1, 100000});
    in.integer("standby_samples", out.standby_samples, Need::optional, {1, 100000});
    in.number("suppress_posterior", out.suppress_posterior, Need::optional, {0.5, 1});
    in.number("name_posterior", out.name_posterior, Need::optional, share);
    in.duration("transient_below", out.transient_below, Need::optional, positive);
    in.duration("quiet", out.quiet, Need::optional, positive);
    in.duration("probation", out.probation, Need::optional, positive);
    in.duration("quarantine", out.quarantine, Need::optional, positive);
    in.integer("probation_act_divisor", out.probation_act_divisor, Need::optional, {1, 100});
    in.integer("pages_at_most", out.pages_at_most, Need::optional, {1, 100});
    in.duration("retry_backoff", out.retry_backoff, Need::optional, {0s, 1h});
    in.integer("verify_heartbeats", out.verify_heartbeats, Need::optional, {1, 100000});
    in.integer("verify_transactions", out.verify_transactions, Need::optional, {1, 100000});
    in.duration("verify_over", out.verify_over, Need::optional, positive);
    in.number("verify_share", out.verify_share, Need::optional, {0.5, 1});
    in.duration("verify_within", out.verify_within, Need::optional, positive);
    in.duration("audit_recent", out.audit_recent, Need::optional, positive);
    in.duration("audit_wait", out.audit_wait, Need::optional, {1ms, 10min});
    in.duration("audit_good_for", out.audit_good_for, Need::optional, positive);
    in.duration("audit_retry", out.audit_retry, Need::optional, {1s, 24h});
    in.duration("audit_silence", out.audit_silence, Need::optional, positive);
    in.duration("audit_tell_every", out.audit_tell_every, Need::optional, positive);
    in.duration("audit_remind", out.audit_remind, Need::optional, positive);
    if (out.verify_within < out.verify_over) {
        in.error("verify_within", "is shorter than verify_over: no move could ever be proven");
    }
    in.finish();
}

void read_expectations(Fields& in, std::string_view key, Expectation expectation, Hypothesis& out) {
    std::vector<std::string> names;
    in.texts(key, names);
    for (const std::string& name : names) {
        const auto channel = channel_from(name);
        if (!channel || !is_evidence(*channel)) {
            in.error(key, "'" + name + "' is no channel; they are CT BH HB TX DL DF SL SF SC");
            continue;
        }
        Expectation& slot = out.expects[static_cast<std::size_t>(*channel)];
        if (slot != Expectation::good) in.error(key, name + " is named twice");
        slot = expectation;
    }
}

Hypothesis read_hypothesis(const YamlNode& node, const std::string& what, Errors& errors) {
    static constexpr std::array<std::pair<std::string_view, Remedy>, 5> remedies{
        {{"migrate", Remedy::migrate},
         {"hold", Remedy::hold},
         {"page", Remedy::page},
         {"suppress", Remedy::suppress},
         {"none", Remedy::none}}};
    Hypothesis out;
    out.pos = node.pos;
    Fields in(node, what, errors);
    in.text("name", out.name, Need::required);
    in.text("variant", out.variant);
    in.number("prior", out.prior, Need::required, {1e-9, 1});
    in.choice("remedy", out.remedy, remedies, Need::required);
    read_expectations(in, "bad", Expectation::bad, out);
    read_expectations(in, "any", Expectation::any, out);
    in.text("text", out.text, Need::required);
    in.finish();
    return out;
}

void read_hypotheses(const YamlNode& node, Rules& rules, Errors& errors) {
    Fields in(node, "hypotheses file", errors);
    const YamlNode* list = in.child("hypotheses", Need::required);
    in.finish();
    if (list == nullptr) return;
    if (list->kind != YamlNode::Kind::sequence) {
        in.error("hypotheses", "is not a list");
        return;
    }
    rules.hypotheses.clear();
    for (std::size_t i = 0; i < list->items.size(); ++i) {
        rules.hypotheses.push_back(
            read_hypothesis(list->items[i], "hypotheses[" + std::to_string(i + 1) + "]", errors));
    }
    check_hypotheses(rules.hypotheses, errors);
    std::vector<ChannelCadence> probed = rules.cadences;
    if (probed.empty()) {
        for (const Channel channel : evidence_channels)
            probed.push_back({.channel = channel});
    }
    check_identifiable(rules.hypotheses, probed, errors);
}

}  // namespace

void read_rules(const RuleTexts& texts, const RuleTexts& names, Rules& rules, Errors& errors) {
    if (const auto node = parse_yaml(texts.detectors, names.detectors, errors)) {
        read_detectors(*node, rules.detectors, errors);
    }
    if (const auto node = parse_yaml(texts.hypotheses, names.hypotheses, errors)) {
        read_hypotheses(*node, rules, errors);
    }
    if (const auto node = parse_yaml(texts.policy, names.policy, errors)) {
        read_policy(*node, rules.policy, errors);
    }
}

}  // namespace vc
