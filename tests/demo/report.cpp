#include "tests/demo/report.h"

#include <array>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

namespace vc::demo {
namespace {

namespace json = boost::json;

std::string text(const json::value& value) {
    return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
}

// The bodies (with their time) of all records of one kind.
std::vector<const json::object*> records(const Measured& act, std::string_view kind) {
    std::vector<const json::object*> found;
    for (const json::value& record : act.incident.at("records").as_array()) {
        if (text(record.at("kind")) == kind) found.push_back(&record.as_object());
    }
    return found;
}

std::int64_t at_ns(const json::object& record) {
    return record.at("at_ns").as_int64();
}

std::optional<std::int64_t> first_fault(const Measured& act) {
    for (const json::value& line : act.truth) {
        if (text(line.at("event")) == "inject") return line.at("at_ns").as_int64();
    }
    return std::nullopt;
}

json::value seconds_from_fault(const Measured& act, const json::object* record) {
    const auto fault = first_fault(act);
    if (!fault || record == nullptr) return nullptr;
    return static_cast<double>(at_ns(*record) - *fault) / 1e9;
}

const json::object* first_or_null(const std::vector<const json::object*>& found) {
    return found.empty() ? nullptr : found.front();
}

// The diagnosis that stood when the strongest decision was made.
const json::object* strongest_decision(const Measured& act) {
    for (const char* decision : {"migrate", "hold", "page", "suppress", "none"}) {
        for (const json::object* record : records(act, "decision_made")) {
            if (text(record->at("body").at("decision")) == decision) return record;
        }
    }
    return nullptr;
}

std::string vendor_at(const Measured& act, std::int64_t at) {
    std::string said = "missing";
    for (const json::object* record : records(act, "diagnosis_made")) {
        if (at_ns(*record) <= at) said = text(record->at("body").at("vendor"));
    }
    return said;
}

void add_facts(const Measured& act, json::object& out) {
    const json::object* decision = strongest_decision(act);
    out["diagnosis"] = decision == nullptr ? "" : text(decision->at("body").at("diagnosis"));
    out["posterior"] =
        decision == nullptr ? json::value(0.0) : decision->at("body").at("posterior");
    out["decision"] = decision == nullptr ? "none" : text(decision->at("body").at("decision"));
    out["why"] = decision == nullptr ? "" : text(decision->at("body").at("why"));
    out["vendor_verdict"] = decision == nullptr ? "missing" : vendor_at(act, at_ns(*decision));
    out["seen_after_s"] = seconds_from_fault(act, first_or_null(records(act, "page_raised")));
    const auto proposed = records(act, "migration_proposed");
    out["move_began_after_s"] = seconds_from_fault(act, first_or_null(proposed));
    const json::object* ended = first_or_null(records(act, "migration_ended"));
    const bool verified = ended != nullptr && text(ended->at("body").at("result")) == "verified";
    out["migrated_after_s"] = seconds_from_fault(act, verified ? ended : nullptr);
    out["migration_result"] = ended == nullptr ? "none" : text(ended->at("body").at("result"));
    out["migrations"] = proposed.size();
    out["pages"] = act.pages;
    out["outage_s"] = act.load.at("outage_s");
    out["messages_acknowledged"] = act.ledger.at("acknowledged");
    out["messages_processed"] = act.ledger.at("processed");
    out["messages_lost"] = act.ledger.at("lost");
    out["messages_duplicated"] = act.ledger.at("duplicated");
}

std::string clock_text(const json::value& seconds) {
    if (seconds.is_null()) return "never";
    const double s = seconds.to_number<double>();
    std::array<char, 64> out{};
    std::snprintf(out.data(), out.size(), "%d min %02d s", static_cast<int>(s) / 60,
                  static_cast<int>(s) % 60);
    return out.data();
}

bool equals(const json::object& report, const char* key, std::int64_t wanted) {
    return report.at(key).to_number<std::int64_t>() == wanted;
}

}  // namespace

json::object report(const Measured& act1, const ObservedAct& act2, double factor) {
    json::object out;
    add_facts(act1, out);
    out["factor"] = factor;
    json::object observe;
    add_facts(act2.measured, observe);
    observe["state_when_quiet"] = act2.state_when_quiet;
    observe["state_after_relapse"] = act2.state_after_relapse;
    observe["vendor_went_missing"] = act2.vendor_went_missing;
    out["observe"] = std::move(observe);
    return out;
}

std::string report_text(const json::object& report) {
    const json::object& observe = report.at("observe").as_object();
    std::array<char, 32> posterior{};
    std::snprintf(posterior.data(), posterior.size(), "%.3f",
                  report.at("posterior").to_number<double>());
    std::array<char, 32> factor{};
    std::snprintf(factor.data(), factor.size(), "%g", report.at("factor").to_number<double>());
    return "\nWhat broke       " + text(report.at("diagnosis")) + " (probability " +
           posterior.data() + "); the vendor said " + text(report.at("vendor_verdict")) +
           "\nSeen             " + clock_text(report.at("seen_after_s")) +
           " after the first fault, " + text(report.at("pages")) + " page(s)" +
           "\nMove began       " + clock_text(report.at("move_began_after_s")) +
           "\nMove verified    " + clock_text(report.at("migrated_after_s")) + ", " +
           text(report.at("migrations")) + " migration(s)" + "\nDrivers harmed   " +
           clock_text(report.at("outage_s")) + "\nMessages         " +
           text(report.at("messages_acknowledged")) + " acknowledged, " +
           text(report.at("messages_processed")) + " processed, " +
           text(report.at("messages_lost")) + " lost, " + text(report.at("messages_duplicated")) +
           " delivered twice" + "\nIn observe mode  " + text(observe.at("diagnosis")) +
           ", decision " + text(observe.at("decision")) + ", " + text(observe.at("migrations")) +
           " migrations; vendor's metrics missing and all quiet: " +
           text(observe.at("state_when_quiet")) +
           "; after the relapse: " + text(observe.at("state_after_relapse")) +
           "\n                 (the rules' time, shown " + factor.data() + " times as fast)\n";
}

std::string failure_of(const json::object& report) {
    const json::object& observe = report.at("observe").as_object();
    if (text(report.at("diagnosis")) != "primary_broker")
        return "the diagnosis is not the primary broker";
    if (!equals(report, "migrations", 1)) return "there was not exactly one migration";
    if (text(report.at("migration_result")) != "verified") return "the migration was not verified";
    if (!equals(report, "messages_lost", 0)) return "acknowledged messages were lost";
    if (equals(report, "messages_acknowledged", 0)) return "no message was acknowledged at all";
    if (!equals(observe, "migrations", 0)) return "observe mode has migrated";
    if (text(observe.at("state_when_quiet")) != "probation") return "quiet was taken for health";
    if (text(observe.at("state_after_relapse")) != "confirmed") return "the relapse was not seen";
    return "";
}

}  // namespace vc::demo
