#include "daemon/cli/incident_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <variant>

#include "daemon/cli/cli.h"
#include "rules/gauges.h"
#include "rules/names.h"

namespace vc {
namespace {

std::string percent(double share) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.1f %%", 100 * share);
    return out.data();
}

std::string number(std::uint64_t value) {
    return std::to_string(value);
}
std::string word(std::string_view text) {
    return harmless(text);
}

// Continuation lines stand under the first one's words.
constexpr const char* under = "\n                            ";

std::string ids(const std::vector<AttemptId>& evidence) {
    std::string out;
    for (const AttemptId id : evidence)
        out += (out.empty() ? "#" : ", #") + number(id.value);
    return out.empty() ? "no evidence kept" : "evidence " + out;
}

std::string run_of(const HookRun& run) {
    return std::string(to_text(run.verb)) + " attempt " + number(run.attempt);
}

struct Describe {
    std::string operator()(const BlockClosed& block) const {
        std::string out = block.blind ? "minute without a statement (we are blind)"
                          : block.bad ? "bad minute"
                                      : "minute";
        out += ", score " + std::to_string(block.score);
        for (const ChannelCount& count : block.counts) {
            if (count.bad == 0) continue;
            out += ", " + std::string(to_text(count.channel)) + " " + number(count.bad) + " of " +
                   number(count.bad + count.good) + " bad";
        }
        return out;
    }
    std::string operator()(const IncidentOpened& opened) const {
        return "OPENED: " + word(opened.reason) + under + ids(opened.evidence);
    }
    std::string operator()(const IncidentMoved& moved) const {
        return "now " + std::string(to_text(moved.state)) + ": " + word(moved.reason);
    }
    std::string operator()(const DiagnosisMade& made) const {
        std::string out = "DIAGNOSIS " + word(made.diagnosis) + " " + percent(made.posterior);
        if (!made.runner_up.empty()) {
            out += ", next " + word(made.runner_up) + " " + percent(made.runner_up_posterior);
        }
        const VendorSaid said{made.vendor, word(made.vendor_source), made.vendor_age};
        out += "; the vendor said " + to_text(said);
        for (const std::string& reason : made.reasons)
            out += under + word(reason);
        return out + under + ids(made.evidence);
    }
    std::string operator()(const DecisionMade& made) const {
        std::string out = "DECISION " + std::string(to_text(made.decision)) + ": " + word(made.why);
        for (const Refusal refusal : made.refusals) {
            out += under;
            out += "no move: " + std::string(explain(refusal)) + " (" +
                   std::string(to_text(refusal)) + ")";
        }
        return out;
    }
    std::string operator()(const PageRaised& page) const {
        return "PAGE (" + std::string(to_text(page.severity)) + "): " + word(page.text);
    }
    std::string operator()(const MigrationProposed& proposed) const {
        const MigrationPlan& plan = proposed.plan;
        std::string out = "MIGRATION " + number(plan.epoch.value) + " from " + word(plan.from) +
                          " to " + word(plan.to) + ": " + word(plan.reason);
        for (const MigrationStep& step : plan.steps) {
            out += under;
            out += "step " + word(step.name) + " by hook " + word(step.hook) + ", " +
                   to_text(step.deadline) + ", " + number(step.attempts) + " attempts";
            if (step.point_of_no_return) out += ", point of no return";
        }
        return out;
    }
    std::string operator()(const StepStarted& started) const {
        return "step " + word(started.step) + ": " + run_of(started.run) + ", key " +
               word(started.key);
    }
    std::string operator()(const StepFinished& finished) const {
        std::string out = "step " + number(finished.run.step + 1) + ": " + run_of(finished.run) +
                          " ended " + std::string(to_text(finished.outcome));
        if (!finished.detail.empty()) out += under + word(finished.detail);
        return out;
    }
    std::string operator()(const VerifyStarted& started) const {
        return "every step of migration " + number(started.epoch.value) +
               " is done; now it is watched whether it works";
    }
    std::string operator()(const MigrationEnded& ended) const {
        return "MIGRATION " + number(ended.epoch.value) + " " + std::string(to_text(ended.result)) +
               ": " + word(ended.detail);
    }
    std::string operator()(const CommandTaken& taken) const {
        return word(taken.given.by) + " said " + std::string(to_text(taken.given.command)) + ": " +
               word(taken.given.reason);
    }
    std::string operator()(const StandbyAudited& audited) const {
        const StandbyAudit& audit = audited.audit;
        std::string out = "audit " + number(audit.number) +
                          " of the standby: " + std::string(to_text(audit.verdict));
        if (!audit.detail.empty()) out += " (" + word(audit.detail) + ")";
        for (const std::string& difference : audit.unfit)
            out += under + word(difference);
        for (const std::string& difference : audit.told)
            out += under + ("no obstacle: " + word(difference));
        return out;
    }
    std::string operator()(const GaugeChanged& changed) const {
        const Gauge& gauge = changed.gauge;
        std::array<char, 32> value{};
        std::snprintf(value.data(), value.size(), "%.6g", gauge.value.value_or(0));
        std::string out = std::string(to_text(gauge.role)) + " of " + word(gauge.source) + ": " +
                          (gauge.value ? value.data() : std::string(to_text(gauge.vendor)));
        if (!gauge.reason.empty()) out += " (" + word(gauge.reason) + ")";
        return out;
    }
};

std::string evidence_text(const std::vector<Observation>& evidence) {
    if (evidence.empty()) return "";
    std::string out = "\nevidence\n";
    for (const Observation& seen : evidence) {
        out += "  #" + number(seen.id.value) + "  " + to_text(seen.due) + "  " +
               std::string(to_text(seen.channel)) + " target " + number(seen.target) + " " +
               std::string(to_text(seen.outcome));
        if (seen.failed_phase != Phase::none) {
            out += " at " + std::string(to_text(seen.failed_phase));
        }
        std::array<char, 48> latency{};
        std::snprintf(latency.data(), latency.size(), " after %.3f s", seconds(seen.latency()));
        out += latency.data();
        out += seen.tainted ? " (tainted: no vote)\n" : "\n";
    }
    return out;
}

std::string summary_line(const IncidentSummary& summary) {
    std::string out = word(summary.diagnosis.empty() ? "no diagnosis" : summary.diagnosis);
    if (!summary.diagnosis.empty()) out += " " + percent(summary.posterior);
    out += ", decision " + std::string(to_text(summary.decision)) + ", " + number(summary.pages) +
           " pages, " + number(summary.migrations) + " migrations";
    if (summary.result) out += " (the last " + std::string(to_text(*summary.result)) + ")";
    return out;
}

// Text as a JSON string literal.
std::string quoted_json(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            std::array<char, 8> escaped{};
            std::snprintf(escaped.data(), escaped.size(), "\\u%04x", unsigned{byte});
            out += escaped.data();
        } else {
            out += c;
        }
    }
    return out + "\"";
}

template <class Item, class Write>
std::string list_json(const std::vector<Item>& items, Write write) {
    std::string out = "[";
    for (const Item& item : items) {
        if (out.size() > 1) out += ",";
        out += write(item);
    }
    return out + "]";
}

std::string record_json(const StoredRecord& stored) {
    return "{\"seq\":" + number(stored.seq) + ",\"at\":" + quoted_json(to_text(stored.record.at)) +
           ",\"at_ns\":" + std::to_string(stored.record.at.time_since_epoch().count()) +
           ",\"wall\":" + quoted_json(to_text(stored.wall)) +
           ",\"kind\":" + quoted_json(kind_of(stored.record)) +
           ",\"body\":" + to_json(stored.record) + "}";
}

std::string observation_json(const Observation& seen) {
    std::array<char, 48> latency{};
    std::snprintf(latency.data(), latency.size(), "%.9f", seconds(seen.latency()));
    return "{\"id\":" + number(seen.id.value) +
           ",\"channel\":" + quoted_json(to_text(seen.channel)) +
           ",\"target\":" + number(seen.target) + ",\"due\":" + quoted_json(to_text(seen.due)) +
           ",\"latency_s\":" + latency.data() +
           ",\"outcome\":" + quoted_json(to_text(seen.outcome)) +
           ",\"phase\":" + quoted_json(to_text(seen.failed_phase)) +
           ",\"tainted\":" + (seen.tainted ? "true" : "false") + "}";
}

std::string summary_json(const IncidentSummary& summary) {
    std::array<char, 48> posterior{};
    std::snprintf(posterior.data(), posterior.size(), "%.9g", summary.posterior);
    return "{\"id\":" + number(summary.incident.value) +
           ",\"opened\":" + quoted_json(to_text(summary.opened)) + ",\"closed\":" +
           (summary.closed ? quoted_json(to_text(*summary.closed)) : std::string("null")) +
           ",\"state\":" + quoted_json(to_text(summary.state)) +
           ",\"diagnosis\":" + quoted_json(summary.diagnosis) +
           ",\"posterior\":" + posterior.data() +
           ",\"decision\":" + quoted_json(to_text(summary.decision)) +
           ",\"pages\":" + number(summary.pages) + ",\"migrations\":" + number(summary.migrations) +
           ",\"result\":" +
           (summary.result ? quoted_json(to_text(*summary.result)) : std::string("null")) + "}";
}

}  // namespace

std::string describe(const Record& record) {
    return std::visit(Describe{}, record.body);
}

std::string incident_list_text(const std::vector<IncidentSummary>& incidents) {
    if (incidents.empty()) return "no incidents\n";
    std::string out;
    for (const IncidentSummary& summary : incidents) {
        std::string id = number(summary.incident.value);
        id.resize(std::max<std::size_t>(id.size() + 1, 6), ' ');
        std::string state(to_text(summary.state));
        state.resize(std::max<std::size_t>(state.size() + 1, 11), ' ');
        out += id + to_text(summary.opened) + "  " + state + summary_line(summary) + "\n";
    }
    return out;
}

std::string incident_text(const IncidentChain& chain) {
    const IncidentSummary& summary = chain.summary;
    std::string out = "incident " + number(summary.incident.value) + ", " +
                      std::string(to_text(summary.state)) + ", opened " + to_text(summary.opened);
    if (summary.closed) out += ", closed " + to_text(*summary.closed);
    out += "\n" + summary_line(summary) + "\n" + evidence_text(chain.evidence) + "\n";

    std::vector<const StoredRecord*> all;
    for (const StoredRecord& stored : chain.blocks)
        all.push_back(&stored);
    for (const StoredRecord& stored : chain.records)
        all.push_back(&stored);
    std::stable_sort(all.begin(), all.end(),
                     [](const StoredRecord* a, const StoredRecord* b) { return a->seq < b->seq; });
    for (const StoredRecord* stored : all)
        out += to_text(stored->record.at) + "    " + describe(stored->record) + "\n";
    return out;
}

std::string incident_list_json(const std::vector<IncidentSummary>& incidents) {
    return list_json(incidents, summary_json) + "\n";
}

std::string incident_json(const IncidentChain& chain) {
    return "{\"incident\":" + summary_json(chain.summary) +
           ",\"evidence\":" + list_json(chain.evidence, observation_json) +
           ",\"records\":" + list_json(chain.records, record_json) +
           ",\"blocks\":" + list_json(chain.blocks, record_json) + "}\n";
}

}  // namespace vc
