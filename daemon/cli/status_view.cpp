#include "daemon/cli/status_view.h"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdio>

namespace vc {
namespace {

namespace json = boost::json;

// Members that are absent or of another type read as nothing: an older or newer daemon is still
// worth looking at.
std::string text(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return "";
    return harmless(std::string_view(value->get_string().data(), value->get_string().size()));
}
bool flag(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}
double number(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_number()) return 0;
    return value->to_number<double>();
}
std::string count(const json::object& object, std::string_view key) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.0f", number(object, key));
    return out.data();
}
const json::object* object(const json::object& parent, std::string_view key) {
    const json::value* value = parent.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

std::string formatted(const char* format, double value) {
    std::array<char, 64> out{};
    std::snprintf(out.data(), out.size(), format, value);
    return out.data();
}

std::string line(std::string name, const std::string& value) {
    name.resize(11, ' ');
    return name + value + "\n";
}

std::string minutes(double in_seconds) {
    if (in_seconds < 120) return formatted("%.0f s", in_seconds);
    if (in_seconds < 7200) return formatted("%.0f min", in_seconds / 60);
    return formatted("%.0f h", in_seconds / 3600);
}

bool refuses_only(const json::object& incident, std::string_view name) {
    const json::value* refusals = incident.if_contains("refusals");
    if (refusals == nullptr || !refusals->is_array()) return false;
    const json::array& all = refusals->get_array();
    return all.size() == 1 && all[0].is_object() && text(all[0].get_object(), "name") == name;
}

ExitCode code_of(const json::object& status, const json::object* incident) {
    const std::string state = incident == nullptr ? "" : text(*incident, "state");
    if (state == "migrating") return ExitCode::in_progress;
    if (state == "confirmed") {
        const bool only_quorum = refuses_only(*incident, "quorum_not_accepted");
        return only_quorum ? ExitCode::no_quorum : ExitCode::degraded;
    }
    return flag(status, "blind") ? ExitCode::unknown : ExitCode::ok;
}

std::string headline(ExitCode code, const json::object* incident) {
    const std::string state = incident == nullptr ? "" : text(*incident, "state");
    switch (code) {
        case ExitCode::in_progress:
            return "MOVING";
        case ExitCode::degraded:
        case ExitCode::no_quorum:
            return "DEGRADED";
        case ExitCode::unknown:
            return "BLIND";
        case ExitCode::ok:
        case ExitCode::failed:
        case ExitCode::usage:
        case ExitCode::refused:
            break;
    }
    if (state == "suspected") return "SUSPECT";
    return state.empty() ? "OK" : "WATCHFUL";
}

std::string incident_lines(const json::object& incident) {
    std::string out = line("incident", count(incident, "id") + ", " + text(incident, "state") +
                                           ", open for " + minutes(number(incident, "open_for_s")));
    if (const std::string name = text(incident, "diagnosis"); !name.empty()) {
        std::string words = name + formatted(" %.1f %%", 100 * number(incident, "posterior"));
        if (const std::string next = text(incident, "runner_up"); !next.empty()) {
            words += ", next " + next +
                     formatted(" %.1f %%", 100 * number(incident, "runner_up_posterior"));
        }
        out += line("diagnosis", words);
    }
    out += line("decision", text(incident, "decision") + ": " + text(incident, "why"));
    const json::value* refusals = incident.if_contains("refusals");
    if (refusals != nullptr && refusals->is_array()) {
        for (const json::value& refusal : refusals->get_array()) {
            if (!refusal.is_object()) continue;
            out += line("  no move", text(refusal.get_object(), "words") + " (" +
                                         text(refusal.get_object(), "name") + ")");
        }
    }
    return out;
}

std::string channel_line(const std::string& name, const json::object& channel) {
    const json::object* recent = object(channel, "recent");
    if (recent == nullptr) return "";
    std::string words = count(*recent, "bad") + " of " + count(*recent, "attempts") + " bad";
    const json::value* median = recent->if_contains("p50_s");
    if (median != nullptr && median->is_number()) {
        words += formatted(", p50 %.0f ms", 1000 * number(*recent, "p50_s")) +
                 formatted(", p99 %.0f ms", 1000 * number(*recent, "p99_s"));
    }
    if (const std::string last = text(*recent, "last_outcome"); !last.empty() && last != "ok") {
        words += ", last " + last;
    }
    return line("  " + name, words);
}

std::string readiness_lines(const json::object& readiness) {
    const std::string last = text(readiness, "last");
    std::string words = text(readiness, "standing");
    if (!last.empty()) words += ", audited " + text(readiness, "at");
    if (last == "unreachable") words += " without success: " + text(readiness, "detail");
    std::string out = line("readiness", words);
    for (const char* key : {"unfit", "told"}) {
        const json::value* list = readiness.if_contains(key);
        if (list == nullptr || !list->is_array()) continue;
        for (const json::value& one : list->get_array()) {
            if (!one.is_string()) continue;
            const std::string difference(one.get_string());
            const bool harms = std::string_view(key) == "unfit";
            out += line("", harmless(difference) + (harms ? "" : " (no obstacle)"));
        }
    }
    return out;
}

// What others publish, source by source; the vendor's claims as one first.
std::string vendor_lines(const json::object& status) {
    std::string words = "says " + text(status, "vendor");
    if (const std::string source = text(status, "vendor_source"); !source.empty()) {
        words += ", by " + source + ", " + minutes(number(status, "vendor_age_s")) + " ago";
    }
    const std::string disagreement = text(status, "vendor_disagreement");
    if (disagreement == "green_while_broken") words += "; OUR PROBES SAY OTHERWISE";
    if (disagreement == "red_while_good") words += "; our probes see nothing of it";
    std::string out = line("vendor", words);
    const json::value* gauges = status.if_contains("gauges");
    if (gauges == nullptr || !gauges->is_array()) return out;
    for (const json::value& value : gauges->get_array()) {
        if (!value.is_object()) continue;
        const json::object& gauge = value.get_object();
        std::string said = text(gauge, "claim");
        if (said.empty()) said = "missing";
        const json::value* figure = gauge.if_contains("value");
        if (figure != nullptr && figure->is_number()) {
            said = formatted("%.6g", number(gauge, "value"));
        }
        if (const json::value* age = gauge.if_contains("age_s"); age && age->is_number()) {
            said += ", " + minutes(number(gauge, "age_s")) + " old";
        }
        if (const std::string why = text(gauge, "reason"); !why.empty()) said += ": " + why;
        out += "  " + text(gauge, "source") + " (" + text(gauge, "role") + ") " + said + "\n";
    }
    return out;
}

std::string platform_lines(const json::object& status) {
    std::string out = line("in use", text(status, "active_broker") + " broker");
    if (const auto* standby = object(status, "standby")) {
        const std::string reason = text(*standby, "reason");
        out += line("standby", (flag(*standby, "certified") ? "certified" : "NOT certified") +
                                   (reason.empty() ? "" : ": " + reason));
        if (const auto* readiness = object(*standby, "readiness")) {
            out += readiness_lines(*readiness);
        }
    }
    out += vendor_lines(status);
    if (const auto* channels = object(status, "channels")) {
        out += "last attempts\n";
        for (const auto& entry : *channels) {
            if (entry.value().is_object()) {
                out += channel_line(harmless(entry.key()), entry.value().get_object());
            }
        }
    }
    return out;
}

std::string own_lines(const json::object& status) {
    std::string out;
    if (flag(status, "paused")) out += line("paused", "moves nothing until `voltcanary resume`");
    if (const auto* quorum = object(status, "quorum"); quorum && text(status, "mode") == "auto") {
        out += line("quorum", text(*quorum, "words"));
    }
    const auto* journal = object(status, "journal");
    if (journal != nullptr && text(*journal, "state") != "ok") {
        out += line("journal", text(*journal, "state") + ": nothing is done until it can be kept");
    }
    if (status.contains("accounted") && !flag(status, "accounted")) {
        out += line("accounting", text(status, "unaccounted"));
    }
    return out;
}

}  // namespace

Result<StatusView> view_status(std::string_view body) {
    boost::system::error_code error;
    const json::value value = json::parse(json::string_view(body.data(), body.size()), error);
    if (error || !value.is_object() || !value.get_object().contains("active_broker")) {
        return failure("the daemon's answer is no status");
    }
    const json::object& status = value.get_object();
    const json::object* incident = object(status, "incident");
    StatusView view;
    view.code = code_of(status, incident);
    view.text = line(headline(view.code, incident),
                     "mode " + text(status, "mode") + ", score " + count(status, "score") + ", " +
                         count(status, "pages") + " pages, " + count(status, "migrations") +
                         " migrations, " + text(status, "at"));
    view.text += own_lines(status);
    if (incident != nullptr) view.text += incident_lines(*incident);
    if (const auto* migration = object(status, "migration")) {
        view.text += line("migration",
                          count(*migration, "epoch") + ", " + text(*migration, "from") + " to " +
                              text(*migration, "to") + ": " + text(*migration, "state"));
    }
    view.text += platform_lines(status);
    return view;
}

}  // namespace vc
