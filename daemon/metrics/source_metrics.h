// What others say, beside what the probes see: the vendor's claims, gauges of every role, their
// ages, and how long a claim has contradicted the probes. Private to daemon/metrics.
//
// The probes call the primary broker bad when, of the votes of its DL and DF attempts in the last
// five minutes, one in twenty or more is bad, and good when fewer are; with less than ten votes
// they call it nothing. That is a yardstick for onlookers, apart from the engine's own reasoning,
// which knows more kinds of fault than the vendor could be held to.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/metrics/metrics.h"
#include "daemon/metrics/series.h"

namespace vc {

// The votes of the last minutes, in buckets of one minute.
class RecentVotes {
  public:
    void add(const Observation& seen);
    // Of the bad ones; none with too few votes.
    std::optional<double> bad_share(Instant now) const;

  private:
    struct Minute {
        std::int64_t number = -1;  // since the epoch
        std::uint32_t good = 0;
        std::uint32_t bad = 0;
    };
    std::array<Minute, 6> minutes_{};  // five, and the one under way
};

class SourceMetrics {
  public:
    explicit SourceMetrics(Registry& registry);

    void expect(GaugeRole role, const std::string& name);
    void gauge(const Gauge& reading);
    void finished(const Observation& seen);
    // Carries the account of contradictions on to `now`.
    void pass(Instant now);

  private:
    enum class Kind : std::uint8_t { green_while_bad, red_while_good };
    static constexpr std::array all_kinds{Kind::green_while_bad, Kind::red_while_good};
    friend std::string_view to_text(Kind kind) {
        return kind == Kind::green_while_bad ? "green_while_bad" : "red_while_good";
    }

    struct Source {
        GaugeRole role = GaugeRole::vendor_claim;
        VendorClaim claim = VendorClaim::missing;
        Meter* age = nullptr;
        // Of a vendor's claim:
        Series<Meter, VendorClaim> claims;
        Series<Meter, Kind> contradicts;
        Series<Counter, Kind> contradicted;
        // Of the other roles:
        Meter* value = nullptr;
        Meter* present = nullptr;
    };

    Source& source(GaugeRole role, const std::string& name);
    void make_claim(Source& source, const std::string& name);
    void make_gauge(Source& source, const std::string& name);

    Family<Meter>& claims_;
    Family<Meter>& claim_age_;
    Family<Meter>& contradiction_;
    Family<Counter>& contradiction_seconds_;
    Family<Meter>& values_;
    Family<Meter>& present_;
    Family<Meter>& age_;
    Meter& bad_share_;
    std::map<std::pair<GaugeRole, std::string>, Source> sources_;
    RecentVotes votes_;
    std::optional<Instant> passed_;
};

}  // namespace vc
