#include "rules/gauges.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace vc {
namespace {

constexpr Duration record_at_most_every = std::chrono::minutes(5);
constexpr double material_change = 0.1;

Gauge aged(Gauge gauge, Duration since) {
    if (gauge.missing()) return gauge;
    gauge.age += std::max(since, Duration::zero());
    if (gauge.age <= gauge.limit) return gauge;
    gauge.vendor = VendorClaim::missing;
    gauge.value.reset();
    gauge.reason = "the data is older than " + to_text(gauge.limit);
    return gauge;
}

bool moved(double before, double after) {
    const double larger = std::max(std::abs(before), std::abs(after));
    return std::abs(after - before) > material_change * larger;
}

}  // namespace

std::string to_text(const VendorSaid& said) {
    std::string words{to_text(said.claim)};
    if (said.claim == VendorClaim::missing || said.source.empty()) return words;
    // Whole seconds: nobody cares for more.
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(said.age);
    return words + " (" + said.source + ", " + to_text(Duration(age)) + " old)";
}

void Gauges::add(const Gauge& gauge, Instant now) {
    const auto key = std::pair(gauge.role, gauge.source);
    if (readings_.size() >= most_gauges && !readings_.contains(key)) return;
    readings_[key] = {gauge, now};
}

std::vector<Gauge> Gauges::at(Instant now) const {
    std::vector<Gauge> all;
    for (const auto& [key, reading] : readings_)
        all.push_back(aged(reading.gauge, now - reading.at));
    return all;
}

VendorSaid Gauges::vendor(Instant now) const {
    VendorSaid said;
    for (const Gauge& gauge : at(now)) {
        if (gauge.role != GaugeRole::vendor_claim || gauge.vendor == VendorClaim::missing) continue;
        const bool stronger = gauge.vendor == VendorClaim::red && said.claim != VendorClaim::red;
        const bool younger = gauge.vendor == said.claim && gauge.age < said.age;
        if (said.claim == VendorClaim::missing || stronger || younger) {
            said = {gauge.vendor, gauge.source, gauge.age};
        }
    }
    return said;
}

bool RecordedGauges::is_news(const Gauge& gauge, Instant now) const {
    const auto known = recorded_.find({gauge.role, gauge.source});
    // None on record reads as missing.
    if (known == recorded_.end()) return !gauge.missing();
    const Gauge& before = known->second.gauge;
    if (now - known->second.at < record_at_most_every) return false;
    if (before.vendor != gauge.vendor || before.value.has_value() != gauge.value.has_value()) {
        return true;
    }
    return gauge.value && moved(*before.value, *gauge.value);
}

void RecordedGauges::fold(const Gauge& gauge, Instant at) {
    const auto key = std::pair(gauge.role, gauge.source);
    if (recorded_.size() >= most_gauges && !recorded_.contains(key)) {
        // Sources that were renamed or taken out of the configuration stay behind: the oldest goes.
        recorded_.erase(std::min_element(
            recorded_.begin(), recorded_.end(),
            [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
    }
    recorded_[key] = {gauge, at};
}

}  // namespace vc
