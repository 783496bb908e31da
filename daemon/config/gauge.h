// One source of what others publish, as the operator configured it: the vendor's claim, or a number
// that the diagnosis may need one day. Whatever is checked here may be relied on.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "daemon/config/auth.h"
#include "daemon/config/url.h"
#include "probes/gauges/spec.h"

namespace vc {

struct BearerAuth {
    SecretSource source;
    Secret token;
};

// PlainAuth is HTTP basic here.
using GaugeAuth = std::variant<AnonymousAuth, PlainAuth, BearerAuth, IdentityConfig>;

struct GaugeConfig {
    std::string name;
    GaugeRole role = GaugeRole::vendor_claim;
    Duration every = std::chrono::seconds(60);  // vendors publish once a minute
    // Clouds publish minutes late; a quarter of an hour of an incident is too much to miss.
    Duration max_age = std::chrono::minutes(10);
    Url url;         // the server; what is asked of it is in the question
    std::string ca;  // who vouches for an https:// server; empty: the system's certificates
    GaugeAuth auth;
    GaugeQuestion question;
};

inline constexpr std::size_t most_gauge_sources = 32;

// "vendor_claim by Azure Monitor of /subscriptions/... at https://..., every 1m": no secret in it.
std::string to_text(const GaugeConfig& gauge);

// "== 1", "<0.05".
Result<Comparison> parse_comparison(std::string_view text);

}  // namespace vc
