#include "tests/demo/report.h"

#include <array>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/demo/json_text.h"

namespace vc::demo {
namespace {

namespace json = boost::json;

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
    out["migrations"] = act.migrations;
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

std::string decimal(const char* format, const json::value& number) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), format, number.to_number<double>());
    return out.data();
}

std::string states_text(const json::object& observe) {
    std::string words;
    for (const json::value& state : observe.at("states").as_array()) {
        words += (words.empty() ? "" : ", ") + text(state);
    }
    return words;
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
    observe["states"] = json::array(act2.states.begin(), act2.states.end());
    observe["vendor_went_missing"] = act2.vendor_went_missing;
    out["observe"] = std::move(observe);
    return out;
}

std::string report_text(const json::object& report) {
    const json::object& observe = report.at("observe").as_object();
    const auto fact = [&](const char* key) { return text(report.at(key)); };
    std::string out;
    const auto say = [&](const std::string& name, const std::string& words) {
        out += name + std::string(17 - name.size(), ' ') + words + "\n";
    };
    say("What broke", fact("diagnosis") + " (probability " +
                          decimal("%.3f", report.at("posterior")) + "); the vendor said " +
                          fact("vendor_verdict"));
    say("Seen", clock_text(report.at("seen_after_s")) + " after the first fault, " + fact("pages") +
                    " page(s)");
    say("Move began", clock_text(report.at("move_began_after_s")));
    say("Move ended", clock_text(report.at("migrated_after_s")) + ", " + fact("migration_result") +
                          ", " + fact("migrations") + " migration(s)");
    say("Drivers harmed", clock_text(report.at("outage_s")));
    say("Messages", fact("messages_acknowledged") + " acknowledged, " + fact("messages_processed") +
                        " processed, " + fact("messages_lost") + " lost, " +
                        fact("messages_duplicated") + " delivered twice");
    const bool missing = observe.at("vendor_went_missing").as_bool();
    say("In observe mode", text(observe.at("diagnosis")) + ", decision " +
                               text(observe.at("decision")) + ", " +
                               text(observe.at("migrations")) + " migrations");
    say("", "the vendor's metrics " + std::string(missing ? "went missing" : "never went missing") +
                "; the incident was " + states_text(observe));
    say("", "(times of the rules, shown " + decimal("%g", report.at("factor")) + " times as fast)");
    return "\n" + out;
}

std::string failure_of(const json::object& report) {
    const json::object& observe = report.at("observe").as_object();
    if (text(report.at("diagnosis")) != "primary_broker") {
        return "the diagnosis is not the primary broker";
    }
    if (!equals(report, "migrations", 1)) return "there was not exactly one migration";
    if (text(report.at("migration_result")) != "verified") return "the migration was not verified";
    if (!equals(report, "messages_lost", 0)) return "acknowledged messages were lost";
    if (equals(report, "messages_acknowledged", 0)) return "no message was acknowledged at all";
    if (!equals(observe, "migrations", 0)) return "observe mode has migrated";
    if (!observe.at("vendor_went_missing").as_bool()) {
        return "the vendor's metrics never went missing";
    }
    const std::string states = states_text(observe);
    if (states != "confirmed, probation, confirmed") {
        return "the observed incident was " + states + ", not confirmed, probation, confirmed";
    }
    return "";
}

}  // namespace vc::demo
