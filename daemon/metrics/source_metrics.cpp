#include "daemon/metrics/source_metrics.h"

#include <algorithm>
#include <cmath>

namespace vc {
namespace {

constexpr std::array all_claims{VendorClaim::missing, VendorClaim::green, VendorClaim::red};
constexpr std::uint32_t fewest_votes = 10;
constexpr double bad_from = 0.05;

std::int64_t minute_of(Instant at) {
    return std::chrono::floor<std::chrono::minutes>(at.time_since_epoch()).count();
}

}  // namespace

void RecentVotes::add(const Observation& seen) {
    const Vote vote = vote_of(seen);
    if (vote == Vote::none) return;
    const std::int64_t number = minute_of(seen.finished);
    Minute& minute = minutes_[static_cast<std::size_t>(number) % minutes_.size()];
    if (minute.number > number) return;  // an attempt that ended long ago
    if (minute.number < number) minute = Minute{number, 0, 0};
    ++(vote == Vote::good ? minute.good : minute.bad);
}

std::optional<double> RecentVotes::bad_share(Instant now) const {
    const std::int64_t oldest = minute_of(now) - static_cast<std::int64_t>(minutes_.size()) + 1;
    std::uint32_t good = 0;
    std::uint32_t bad = 0;
    for (const Minute& minute : minutes_) {
        if (minute.number < oldest) continue;
        good += minute.good;
        bad += minute.bad;
    }
    if (good + bad < fewest_votes) return std::nullopt;
    return static_cast<double>(bad) / (good + bad);
}

SourceMetrics::SourceMetrics(Registry& registry)
    : claims_(gauges(registry, "voltcanary_vendor_claim",
                     "1 for what a source of the vendor says "
                     "of its broker.")),
      claim_age_(gauges(registry, "voltcanary_vendor_claim_age_seconds",
                        "Age of the data behind a vendor's claim; NaN while it is missing.")),
      contradiction_(gauges(registry, "voltcanary_vendor_contradicts_probes",
                            "1 while a vendor's claim contradicts the probes of the primary.")),
      contradiction_seconds_(
          counters(registry, "voltcanary_vendor_contradiction_seconds_total",
                   "How long a vendor's claim has contradicted the probes of the primary.")),
      values_(gauges(registry, "voltcanary_gauge",
                     "What a gauge reads, by the role it fills; NaN while it is missing.")),
      present_(gauges(registry, "voltcanary_gauge_present", "1 while a gauge has a reading.")),
      age_(gauges(registry, "voltcanary_gauge_age_seconds",
                  "Age of the data behind a gauge; NaN while it is missing.")),
      bad_share_(meter(registry, "voltcanary_primary_bad_share",
                       "Share of bad votes among the primary's DL and DF attempts of the last "
                       "five minutes; NaN with fewer than ten.")) {
    bad_share_.Set(std::nan(""));
}

void SourceMetrics::expect(GaugeRole role, const std::string& name) {
    source(role, name);
}

SourceMetrics::Source& SourceMetrics::source(GaugeRole role, const std::string& name) {
    const auto [at, is_new] = sources_.try_emplace({role, name});
    Source& source = at->second;
    if (!is_new) return source;
    source.role = role;
    if (role == GaugeRole::vendor_claim) {
        make_claim(source, name);
    } else {
        make_gauge(source, name);
    }
    source.age->Set(std::nan(""));
    return source;
}

void SourceMetrics::make_claim(Source& source, const std::string& name) {
    const Labels labels{{"source", name}};
    source.age = &claim_age_.Add(labels);
    source.claims = add_all<Meter>(claims_, labels, "claim", all_claims);
    source.claims[VendorClaim::missing]->Set(1);
    source.contradicts = add_all<Meter>(contradiction_, labels, "kind", all_kinds);
    source.contradicted = add_all<Counter>(contradiction_seconds_, labels, "kind", all_kinds);
}

void SourceMetrics::make_gauge(Source& source, const std::string& name) {
    const Labels labels{{"role", word(to_text(source.role))}, {"source", name}};
    source.age = &age_.Add(labels);
    source.value = &values_.Add(labels);
    source.value->Set(std::nan(""));
    source.present = &present_.Add(labels);
}

void SourceMetrics::gauge(const Gauge& reading) {
    Source& source = this->source(reading.role, reading.source);
    bool present = reading.value.has_value();
    if (reading.role == GaugeRole::vendor_claim) {
        source.claim = reading.vendor;
        present = reading.vendor != VendorClaim::missing;
        set_one(source.claims, std::optional(reading.vendor));
    } else {
        source.value->Set(reading.value.value_or(std::nan("")));
        source.present->Set(present ? 1 : 0);
    }
    source.age->Set(present ? seconds(reading.age) : std::nan(""));
}

void SourceMetrics::finished(const Observation& seen) {
    if (seen.channel == Channel::DL || seen.channel == Channel::DF) votes_.add(seen);
}

void SourceMetrics::pass(Instant now) {
    const double since = passed_ && now > *passed_ ? seconds(now - *passed_) : 0;
    passed_ = now;
    const std::optional<double> share = votes_.bad_share(now);
    bad_share_.Set(share.value_or(std::nan("")));
    for (auto& [key, source] : sources_) {
        if (source.role != GaugeRole::vendor_claim) continue;
        std::optional<Kind> kind;
        if (source.claim == VendorClaim::green && share && *share >= bad_from) {
            kind = Kind::green_while_bad;
        }
        if (source.claim == VendorClaim::red && share && *share < bad_from) {
            kind = Kind::red_while_good;
        }
        set_one(source.contradicts, kind);
        if (kind) source.contradicted[*kind]->Increment(since);
    }
}

}  // namespace vc
