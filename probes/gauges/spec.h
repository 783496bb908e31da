// What somebody else publishes and how it is asked for, as plain data: which part it plays, where
// it stands, and how an answer is read. The configuration makes them, the daemon hands them to
// make_gauge_session().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "probes/http/authorization.h"
#include "probes/http/get.h"
#include "rules/observation.h"

namespace vc {

// "< 0.05": what a number is held against.
struct Comparison {
    enum class Kind : std::uint8_t { equal, not_equal, less, at_most, more, at_least };
    Kind kind = Kind::equal;
    double than = 0;

    bool holds(double value) const {
        switch (kind) {
            case Kind::equal:
                return value == than;
            case Kind::not_equal:
                return value != than;
            case Kind::less:
                return value < than;
            case Kind::at_most:
                return value <= than;
            case Kind::more:
                return value > than;
            case Kind::at_least:
                return value >= than;
        }
        return false;
    }
};

// A status in the form of Azure Resource Health; see availability.h.
struct AvailabilityQuestion {
    std::string path;  // and query
};

// An instant query; see prometheus.h. For the vendor's claim exactly one of green and red: what
// meets it has that colour, any other number the other. For the other roles the number is divided
// by what is usual, so that any query can play any part.
struct PrometheusQuestion {
    std::string prefix;  // of the path, before /api/v1/query; usually empty
    std::string query;
    std::optional<Comparison> green;
    std::optional<Comparison> red;
    double usual = 1;
    // A second query, for the time of the data in Unix seconds; empty: the query's own time is
    // taken for it.
    std::string data_time{};
};

// One metric of a namespace, a minute at a time; see azure_monitor.h.
struct AzureMetric {
    enum class Aggregation : std::uint8_t { total, average, maximum };
    std::string name;
    Aggregation aggregation = Aggregation::total;
    std::optional<double> red_above;
    // Less than this cannot be true while we send: then the metrics are not worth their name.
    std::optional<double> missing_below;
    bool optional = false;  // not every tier has it: that it is missing says nothing
};

struct AzureMonitorQuestion {
    std::string resource;  // "/subscriptions/..."
    std::vector<AzureMetric> metrics;
};

using GaugeQuestion = std::variant<AvailabilityQuestion, PrometheusQuestion, AzureMonitorQuestion>;

struct GaugeSpec {
    GaugeRole role = GaugeRole::vendor_claim;
    std::string source;                                  // its name in the configuration
    Duration limit = Duration::max();                    // older data is missing
    GetTarget server;                                    // its path is not used
    std::shared_ptr<const Authorization> authorization;  // null: none is asked for
    GaugeQuestion question;
};

}  // namespace vc
