// What others publish: where it stands, how it is read and which part it plays.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "daemon/config/reader.h"
#include "probes/gauges/availability.h"
#include "probes/gauges/azure_monitor.h"
#include "rules/base/overloaded.h"
#include "rules/base/yaml_words.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr const char* management = "https://management.azure.com";
constexpr std::size_t most_query = 4096;
constexpr std::size_t most_metrics = 20;  // of one request, says Azure Monitor
constexpr NumberRange any_number{-1e15, 1e15};

constexpr std::array<std::pair<std::string_view, GaugeRole>, 4> roles{
    {{"vendor_claim", GaugeRole::vendor_claim},
     {"chargers_connected", GaugeRole::chargers_connected},
     {"own_connections", GaugeRole::own_connections},
     {"own_messages", GaugeRole::own_messages}}};

using Aggregation = AzureMetric::Aggregation;
constexpr std::array<std::pair<std::string_view, Aggregation>, 3> aggregations{
    {{"total", Aggregation::total},
     {"average", Aggregation::average},
     {"maximum", Aggregation::maximum}}};

// What is being read: one source of a gauge.
struct Reading {
    ConfigReader& reader;
    const YamlNode& node;
    std::string what;
    GaugeConfig& gauge;
};

std::optional<Comparison> read_comparison(Fields& fields, std::string_view key) {
    std::string text;
    fields.text(key, text);
    if (fields.child(key) == nullptr) return std::nullopt;
    const auto comparison = parse_comparison(text);
    if (comparison) return *comparison;
    fields.error(key, comparison.error().message);
    return Comparison{};
}

void read_prometheus_auth(const Reading& in, Fields& fields) {
    const YamlNode* password = fields.child("password");
    const YamlNode* bearer = fields.child("bearer");
    PlainAuth basic;
    fields.text("user", basic.user);
    const bool has_user = fields.child("user") != nullptr;
    if (bearer != nullptr && (password != nullptr || has_user)) {
        fields.error("bearer", "stands alone, without user and password");
    } else if (bearer != nullptr) {
        BearerAuth auth;
        in.reader.read_secret(*bearer, "bearer", auth.token, &auth.source);
        in.gauge.auth = std::move(auth);
    } else if (has_user != (password != nullptr)) {
        fields.error(has_user ? "user" : "password",
                     has_user ? "needs a password beside it" : "needs a user beside it");
    } else if (has_user) {
        if (basic.user.empty() || basic.user.find(':') != std::string::npos) {
            fields.error("user", "must be a name without a colon");
        }
        in.reader.read_secret(*password, "password", basic.password, &basic.source);
        in.gauge.auth = std::move(basic);
    }
    const Url& url = in.gauge.url;
    const bool secret = !std::holds_alternative<AnonymousAuth>(in.gauge.auth);
    if (secret && !url.tls && !url.host.empty() && !is_loopback(url.host)) {
        in.reader.warn(fields.where("url"), "url: the secret is sent in clear, use https://");
    }
}

void read_prometheus(const Reading& in) {
    Fields fields(in.node, in.what, in.reader.errors);
    read_url(fields, "url", in.gauge.url, http_schemes);
    PrometheusQuestion question;
    question.prefix = in.gauge.url.target;
    while (question.prefix.ends_with('/'))
        question.prefix.pop_back();
    if (question.prefix.find('?') != std::string::npos) {
        fields.error("url", "must not have a ? part; the query has a key of its own");
    }
    fields.text("query", question.query, Need::required);
    if (fields.child("query") != nullptr &&
        (question.query.empty() || question.query.size() > most_query)) {
        fields.error("query", "must have 1 to " + std::to_string(most_query) + " characters");
    }
    fields.text("data_time", question.data_time);
    if (fields.child("data_time") != nullptr &&
        (question.data_time.empty() || question.data_time.size() > most_query)) {
        fields.error("data_time", "must have 1 to " + std::to_string(most_query) + " characters");
    }
    question.green = read_comparison(fields, "green");
    question.red = read_comparison(fields, "red");
    const bool has_usual = fields.child("usual") != nullptr;
    fields.number("usual", question.usual, Need::optional, any_number);
    const bool claim = in.gauge.role == GaugeRole::vendor_claim;
    if (claim && question.green.has_value() == question.red.has_value()) {
        in.reader.error(in.node.pos, in.what +
                                         ": a vendor_claim needs exactly one of green and red, "
                                         "e.g. green: \"== 1\"");
    }
    if (claim && has_usual) fields.error("usual", "a vendor_claim has none");
    if (!claim && question.green) fields.error("green", "only a vendor_claim has a colour");
    if (!claim && question.red) fields.error("red", "only a vendor_claim has a colour");
    if (has_usual && !(question.usual > 0)) fields.error("usual", "must be above 0");
    read_prometheus_auth(in, fields);
    in.gauge.ca = in.reader.read_pem_path(fields, "ca", Need::optional);
    fields.finish();
    in.gauge.question = std::move(question);
}

// "/subscriptions/...", which becomes part of a path.
std::string read_resource(Fields& fields) {
    std::string resource;
    fields.text("resource", resource, Need::required);
    if (fields.child("resource") == nullptr) return resource;
    const bool is_path = std::all_of(resource.begin(), resource.end(), [](char c) {
        return c > ' ' && c < 0x7F && c != '?' && c != '#' && c != '%';
    });
    if (!resource.starts_with("/subscriptions/") || resource.ends_with('/') || !is_path) {
        fields.error("resource", "must be the whole id, /subscriptions/.../namespaces/NAME");
    }
    return resource;
}

// The server and the identity of Azure's management plane, the same for both of its sources.
void read_management(const Reading& in, Fields& fields) {
    Url& url = in.gauge.url;
    url = *parse_url(management, http_schemes);
    read_url(fields, "endpoint", url, http_schemes, Need::optional);
    if (!url.target.empty() && url.target != "/") {
        fields.error("endpoint", "must not have a path");
    }
    if (!url.tls && !url.host.empty() && !is_loopback(url.host)) {
        fields.error("endpoint", "the token would be sent in clear, use https://");
    }
    const YamlNode own;  // a managed identity, the machine's own
    const YamlNode* identity = fields.child("identity");
    in.gauge.auth = in.reader.read_identity(identity == nullptr ? own : *identity,
                                            in.what + ".identity", management);
    in.gauge.ca = in.reader.read_pem_path(fields, "ca", Need::optional);
}

AzureMetric read_metric(const YamlNode::Field& field, const std::string& what, Errors& errors) {
    AzureMetric metric;
    metric.name = field.key;
    Fields fields(field.value, what + "." + field.key, errors);
    fields.choice("aggregation", metric.aggregation, aggregations);
    double number = 0;
    fields.number("red_above", number, Need::optional, any_number);
    if (fields.child("red_above") != nullptr) metric.red_above = number;
    fields.number("missing_below", number, Need::optional, any_number);
    if (fields.child("missing_below") != nullptr) metric.missing_below = number;
    fields.boolean("optional", metric.optional);
    fields.finish();
    return metric;
}

std::vector<AzureMetric> read_metrics(const Reading& in, const YamlNode& node) {
    std::vector<AzureMetric> metrics;
    const Fields is_mapping(node, in.what + ".metrics", in.reader.errors);
    for (const YamlNode::Field& field : node.fields) {
        const bool is_name = std::all_of(field.key.begin(), field.key.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        });
        if (!is_name || field.key.size() > 64) {
            in.reader.error(field.key_pos, "metrics: " + quoted(field.key) +
                                               " is no name of a metric; it has letters only");
        }
        metrics.push_back(read_metric(field, in.what + ".metrics", in.reader.errors));
    }
    if (node.kind != YamlNode::Kind::mapping) return metrics;
    if (metrics.size() > most_metrics) {
        in.reader.error(node.pos, "metrics: " + std::to_string(metrics.size()) +
                                      " are too many, at most " + std::to_string(most_metrics));
    } else if (std::none_of(metrics.begin(), metrics.end(),
                            [](const AzureMetric& one) { return one.red_above.has_value(); })) {
        in.reader.error(node.pos, "metrics: none has red_above, so it could never be red");
    }
    return metrics;
}

void read_azure_monitor(const Reading& in) {
    Fields fields(in.node, in.what, in.reader.errors);
    AzureMonitorQuestion question;
    question.resource = read_resource(fields);
    question.metrics = usual_azure_metrics();
    if (const auto* metrics = fields.child("metrics")) {
        question.metrics = read_metrics(in, *metrics);
    }
    read_management(in, fields);
    fields.finish();
    in.gauge.question = std::move(question);
}

void read_resource_health(const Reading& in) {
    Fields fields(in.node, in.what, in.reader.errors);
    in.gauge.question = AvailabilityQuestion{resource_health_path(read_resource(fields))};
    read_management(in, fields);
    fields.finish();
}

void read_availability(const Reading& in) {
    Fields fields(in.node, in.what, in.reader.errors);
    read_url(fields, "url", in.gauge.url, http_schemes);
    const std::string& target = in.gauge.url.target;
    in.gauge.question = AvailabilityQuestion{target.empty() ? "/" : target};
    in.gauge.ca = in.reader.read_pem_path(fields, "ca", Need::optional);
    fields.finish();
}

struct Source {
    std::string_view key;
    void (*read)(const Reading& in);
};
constexpr std::array<Source, 4> sources{{{"prometheus", read_prometheus},
                                         {"azure_monitor", read_azure_monitor},
                                         {"resource_health", read_resource_health},
                                         {"availability", read_availability}}};

void read_source(ConfigReader& reader, Fields& fields, const YamlNode& node,
                 const std::string& what, GaugeConfig& gauge) {
    const Source* found = nullptr;
    std::size_t named = 0;
    for (const Source& source : sources) {
        if (fields.child(source.key) == nullptr) continue;
        ++named;
        found = &source;
    }
    if (named != 1) {
        reader.error(node.pos,
                     what +
                         ": needs exactly one of prometheus, azure_monitor, resource_health "
                         "and availability");
        return;
    }
    if (gauge.role != GaugeRole::vendor_claim && found->key != "prometheus") {
        fields.error(found->key, "only says what the vendor claims; for the role " +
                                     std::string(vc::to_text(gauge.role)) + " use prometheus");
    }
    found->read({reader, *fields.child(found->key), what + "." + std::string(found->key), gauge});
}

}  // namespace

Result<Comparison> parse_comparison(std::string_view text) {
    using Kind = Comparison::Kind;
    static constexpr std::array<std::pair<std::string_view, Kind>, 6> signs{
        {{"==", Kind::equal},
         {"!=", Kind::not_equal},
         {"<=", Kind::at_most},
         {">=", Kind::at_least},
         {"<", Kind::less},
         {">", Kind::more}}};
    const auto* sign = std::find_if(signs.begin(), signs.end(),
                                    [&](const auto& one) { return text.starts_with(one.first); });
    constexpr const char* wanted = "must be a comparison with a number, e.g. \"> 0.05\"";
    if (sign == signs.end()) return failure(wanted);
    text.remove_prefix(sign->first.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    Comparison comparison{sign->second, 0};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, comparison.than);
    if (error != std::errc{} || stop != end || !std::isfinite(comparison.than)) {
        return failure(wanted);
    }
    return comparison;
}

std::string to_text(const GaugeConfig& gauge) {
    const std::string source = std::visit(
        Overloaded{[](const AvailabilityQuestion& q) { return "the availability " + q.path; },
                   [](const PrometheusQuestion& q) { return "the query " + shown(q.query); },
                   [](const AzureMonitorQuestion& q) { return "Azure Monitor of " + q.resource; }},
        gauge.question);
    return std::string(to_text(gauge.role)) + " by " + source + " at " + gauge.url.text +
           ", every " + to_text(gauge.every);
}

void ConfigReader::read_vendor(const YamlNode& node) {
    GaugeConfig gauge;
    gauge.name = "vendor";
    Fields fields(node, "vendor", errors);
    read_url(fields, "url", gauge.url, http_schemes);
    gauge.question = AvailabilityQuestion{gauge.url.target.empty() ? "/" : gauge.url.target};
    fields.duration("every", gauge.every, Need::optional, {1s, 1h});
    fields.finish();
    gauge.max_age = std::max(gauge.max_age, 3 * gauge.every);
    config.gauges.push_back(std::move(gauge));
}

void ConfigReader::read_gauges(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::sequence) {
        error(node.pos, "gauges: expected a list, found " + std::string(kind_name(node.kind)));
        return;
    }
    if (node.items.size() > most_gauge_sources) {
        error(node.pos, "gauges: " + std::to_string(node.items.size()) + " are too many, at most " +
                            std::to_string(most_gauge_sources));
        return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const YamlNode& item = node.items[i];
        const std::string what = "gauges[" + std::to_string(i + 1) + "]";
        GaugeConfig gauge;
        Fields fields(item, what, errors);
        fields.text("name", gauge.name, Need::required);
        if (fields.child("name") != nullptr && !is_plain_name(gauge.name, 64)) {
            fields.error("name", "must be 1 to 64 letters, digits, points, _ or -");
        }
        const auto same = [&](const GaugeConfig& other) { return other.name == gauge.name; };
        if (std::any_of(config.gauges.begin(), config.gauges.end(), same)) {
            fields.error("name", quoted(gauge.name) + " is taken by another source");
        }
        fields.choice("role", gauge.role, roles, Need::required);
        fields.duration("every", gauge.every, Need::optional, {1s, 1h});
        gauge.max_age = std::max(gauge.max_age, 3 * gauge.every);
        fields.duration("max_age", gauge.max_age, Need::optional, {gauge.every, 24h});
        if (item.kind == YamlNode::Kind::mapping) read_source(*this, fields, item, what, gauge);
        fields.finish();
        config.gauges.push_back(std::move(gauge));
    }
}

}  // namespace vc
