// The dashboard and the alerting rules that are shipped ask only for what the daemon has.
#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/metrics/metrics.h"
#include "rules/base/yaml.h"

namespace vc {
namespace {

namespace json = boost::json;

json::value dashboard() {
    std::ifstream file(std::string(VC_SOURCE_DIR) + "/dashboards/voltcanary.json");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return json::parse(text);
}

// Every text under a key that holds a query, anywhere in the dashboard.
void collect(const json::value& value, std::vector<std::string>& queries) {
    if (const auto* object = value.if_object()) {
        for (const auto& [key, member] : *object) {
            if ((key == "expr" || key == "query" || key == "definition") && member.is_string()) {
                queries.emplace_back(member.as_string());
            }
            collect(member, queries);
        }
    } else if (const auto* array = value.if_array()) {
        for (const auto& member : *array)
            collect(member, queries);
    }
}

struct Asked {
    std::set<std::string> metrics;
    std::map<std::string, std::set<std::string>> labels;  // of a metric, in its selectors
};

std::vector<std::string> dashboard_queries() {
    std::vector<std::string> queries;
    collect(dashboard(), queries);
    return queries;
}

// The expression of every alert.
std::vector<std::string> alert_queries() {
    std::ifstream file(std::string(VC_SOURCE_DIR) + "/rules/prometheus/alerts.yaml");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    Errors errors;
    const auto root = parse_yaml(text, "alerts.yaml", errors);
    REQUIRE_MESSAGE(root, to_text(errors.front()));
    std::vector<std::string> queries;
    for (const auto& group : root->fields.at(0).value.items) {
        for (const auto& [key, pos, value] : group.fields) {
            if (key != "rules") continue;
            for (const YamlNode& rule : value.items) {
                for (const auto& field : rule.fields) {
                    if (field.key == "expr") queries.push_back(field.value.scalar);
                }
            }
        }
    }
    return queries;
}

Asked asked_for(const std::vector<std::string>& queries) {
    Asked asked;
    const std::regex metric("(voltcanary_[a-z_]+)(\\{([^}]*)\\})?");
    const std::regex label("([a-z_]+) *(=~|!~|!=|=)");
    for (const std::string& query : queries) {
        for (std::sregex_iterator at(query.begin(), query.end(), metric), end; at != end; ++at) {
            const std::string name = (*at)[1];
            asked.metrics.insert(name);
            const std::string selector = (*at)[3];
            for (std::sregex_iterator one(selector.begin(), selector.end(), label); one != end;
                 ++one) {
                asked.labels[name].insert((*one)[1]);
            }
        }
    }
    return asked;
}

// The names of all series, and the labels of each.
std::map<std::string, std::set<std::string>> series() {
    Metrics metrics(BuildFacts{"1", true});
    Observation failed;
    failed.outcome = Outcome::timeout;
    failed.failed_phase = Phase::call;
    NamedParts named;  // what is named has no series before it is
    named.sources = {{GaugeRole::vendor_claim, "source"}, {GaugeRole::own_messages, "source"}};
    named.primary_entities = {"canary"};
    named.credentials = {"primary"};
    metrics.expect(named);
    metrics.certificate("host:443", WallTime{1});
    metrics.finished(failed);  // failures have no series before the first
    failed.channel = Channel::DL;
    metrics.finished(failed);
    std::istringstream text(metrics.text());
    std::map<std::string, std::set<std::string>> found;
    const std::regex series("(voltcanary_[a-z_]+)(\\{([^}]*)\\})? .*");
    const std::regex label("([a-z_]+)=\"");
    std::smatch parts;
    for (std::string line; std::getline(text, line);) {
        if (!std::regex_match(line, parts, series)) continue;
        auto& labels = found[parts[1]];
        const std::string inside = parts[3];
        for (std::sregex_iterator one(inside.begin(), inside.end(), label), end; one != end; ++one)
            labels.insert((*one)[1]);
    }
    return found;
}

void check_exists(const Asked& asked) {
    const auto existing = series();
    for (const std::string& name : asked.metrics)
        CHECK_MESSAGE(existing.contains(name), name);
    for (const auto& [name, labels] : asked.labels) {
        for (const std::string& label : labels)
            CHECK_MESSAGE(existing.at(name).contains(label), name << " has no label " << label);
    }
}

}  // namespace

TEST_CASE("every metric and label that the dashboard asks for exists") {
    const Asked asked = asked_for(dashboard_queries());
    CHECK(asked.metrics.size() > 20);
    check_exists(asked);
}

TEST_CASE("every metric and label that an alert asks for exists") {
    const Asked asked = asked_for(alert_queries());
    CHECK(asked.metrics.size() > 4);
    check_exists(asked);
}

TEST_CASE("the dashboard shows every metric of the daemon but those about it alone") {
    const Asked asked = asked_for(dashboard_queries());
    const std::set<std::string> left_out{"voltcanary_build_info", "voltcanary_paused",
                                         "voltcanary_journal_bytes",
                                         "voltcanary_journal_observations_total"};
    for (const auto& [name, labels] : series()) {
        if (name.ends_with("_sum") || name.ends_with("_count") || left_out.contains(name)) continue;
        CHECK_MESSAGE(asked.metrics.contains(name), name);
    }
}

TEST_CASE("the dashboard needs no plugin, and its panels have names and places of their own") {
    const std::set<std::string> shipped_with_grafana{"row", "stat", "timeseries", "state-timeline"};
    const json::value value = dashboard();
    CHECK(value.at("schemaVersion").as_int64() >= 36);
    std::set<std::int64_t> ids;
    std::set<std::pair<std::int64_t, std::int64_t>> cells;
    for (const json::value& panel : value.at("panels").as_array()) {
        CHECK(shipped_with_grafana.contains(std::string(panel.at("type").as_string())));
        CHECK(!panel.at("title").as_string().empty());
        CHECK(ids.insert(panel.at("id").as_int64()).second);
        const json::value& place = panel.at("gridPos");
        for (auto x = place.at("x").as_int64();
             x < place.at("x").as_int64() + place.at("w").as_int64(); ++x) {
            CHECK(x < 24);
            for (auto y = place.at("y").as_int64();
                 y < place.at("y").as_int64() + place.at("h").as_int64(); ++y) {
                const bool free = cells.insert({x, y}).second;
                CHECK_MESSAGE(free, panel.at("title").as_string().c_str() << " overlaps");
            }
        }
    }
}

}  // namespace vc
