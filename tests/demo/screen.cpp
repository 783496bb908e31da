#include "tests/demo/screen.h"

#include <array>
#include <cstdio>

#include "tests/demo/json_text.h"

namespace vc::demo {
namespace {

namespace json = boost::json;

struct Row {
    const char* channel;
    const char* what;
};
constexpr std::array<Row, 9> rows{{{"HB", "heartbeat through the bridge"},
                                   {"TX", "start/stop through the bridge"},
                                   {"DL", "primary, long-lived connection"},
                                   {"DF", "primary, fresh connection"},
                                   {"SL", "standby, long-lived connection"},
                                   {"SF", "standby, fresh connection"},
                                   {"SC", "full loop through the standby"},
                                   {"BH", "bridge alone"},
                                   {"CT", "control target, not theirs"}}};

std::string milliseconds(const json::value& value) {
    if (value.is_null()) return "-";
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.0f ms", value.to_number<double>() * 1e3);
    return out.data();
}

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

std::string percent(const json::value& posterior) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.1f %%", posterior.to_number<double>() * 100);
    return out.data();
}

std::string cut(std::string text) {
    constexpr std::size_t width = 80;
    if (text.size() > width) text.resize(width);
    return text;
}

std::string channel_row(const Row& row, const json::object& channels) {
    const json::object& recent = channels.at(row.channel).at("recent").as_object();
    const json::value& last = recent.at("last_outcome");
    return "  " + padded(row.channel, 4) + padded(row.what, 32) +
           padded(last.is_null() ? "-" : text(last), 10) +
           padded(milliseconds(recent.at("p50_s")), 10) +
           padded(milliseconds(recent.at("p99_s")), 10) + text(recent.at("bad")) + " of " +
           text(recent.at("attempts"));
}

std::string incident_words(const json::object& status) {
    const json::value& incident = status.at("incident");
    if (incident.is_null()) return "none";
    return text(incident.at("id")) + " " + text(incident.at("state")) + ", decision " +
           text(incident.at("decision"));
}

std::string diagnosis_words(const json::object& status) {
    const json::value& incident = status.at("incident");
    if (incident.is_null() || text(incident.at("diagnosis")).empty()) return "nothing is wrong";
    return text(incident.at("diagnosis")) + " " + percent(incident.at("posterior")) + ", else " +
           text(incident.at("runner_up")) + " " + percent(incident.at("runner_up_posterior"));
}

std::string migration_words(const json::object& status) {
    const json::value& migration = status.at("migration");
    if (migration.is_null())
        return "none; the platform is on the " + text(status.at("active_broker"));
    return text(migration.at("from")) + " to " + text(migration.at("to")) + ": " +
           text(migration.at("state"));
}

std::string platform_words(const Snapshot& now) {
    return "acknowledged " + text(now.ledger.at("acknowledged")) + ", processed " +
           text(now.ledger.at("processed")) + ", waiting or lost " + text(now.ledger.at("lost")) +
           ", twice " + text(now.ledger.at("duplicated"));
}

}  // namespace

std::string minutes(Duration since) {
    const long long whole = since / std::chrono::seconds(1);
    std::array<char, 48> out{};
    std::snprintf(out.data(), out.size(), "%02lld:%02lld", whole / 60, whole % 60);
    return out.data();
}

std::vector<std::string> picture(const Snapshot& now) {
    std::array<char, 32> factor{};
    std::snprintf(factor.data(), factor.size(), "%g", now.factor);
    std::vector<std::string> lines{
        "VoltCanary   " + now.title,
        "time " + minutes(now.since_start) + " min, time-lapse x" + factor.data(), "",
        "  " + padded("what is probed", 36) + padded("last", 10) + padded("p50", 10) +
            padded("p99", 10) + "bad"};
    const json::object& channels = now.status.at("channels").as_object();
    for (const Row& row : rows)
        lines.push_back(channel_row(row, channels));
    lines.push_back("");
    lines.push_back("  the lab does   " + (now.faults.empty() ? "nothing" : now.faults));
    lines.push_back("  vendor claims  " + text(now.status.at("vendor")));
    lines.push_back("  diagnosis      " + diagnosis_words(now.status));
    lines.push_back("  incident       " + incident_words(now.status));
    lines.push_back("  standby        " + text(now.status.at("standby").at("reason")));
    lines.push_back("  migration      " + migration_words(now.status));
    lines.push_back("  platform       " + platform_words(now));
    lines.push_back("  chargers       " + text(now.load.at("harmed")) + " of " +
                    text(now.load.at("chargers")) + " ordinary ones in harm");
    for (std::string& one : lines)
        one = cut(std::move(one));
    return lines;
}

std::string line(const Snapshot& now) {
    std::string all = minutes(now.since_start);
    const json::object& channels = now.status.at("channels").as_object();
    for (const char* channel : {"HB", "TX", "DL", "DF", "SL", "SC"}) {
        const json::object& recent = channels.at(channel).at("recent").as_object();
        const json::value& last = recent.at("last_outcome");
        all += std::string("  ") + channel + " " + (last.is_null() ? "-" : text(last)) + " " +
               milliseconds(recent.at("p50_s"));
    }
    all += "  vendor " + text(now.status.at("vendor")) + "  incident " +
           incident_words(now.status) + "  diagnosis " + diagnosis_words(now.status) +
           "  migration " + migration_words(now.status);
    return all;
}

}  // namespace vc::demo
