// What others publish, as last read: claims of the vendor, and the other roles' numbers. Pure and
// deterministic: what it answers depends only on the readings and the time that is asked for.
//
// A reading grows older between two looks; past its limit it is missing, also when nobody comes to
// say so. Nothing here decides anything: claims are context, they support and never veto.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules/observation.h"

namespace vc {

// More sources than this, over all roles, are not kept; the configuration allows fewer.
inline constexpr std::size_t most_gauges = 64;

// All of the vendor's sources as one: red when any fresh one is red, green when one is green and
// none is red, else missing. Source and age are those of the youngest that says so.
struct VendorSaid {
    VendorClaim claim = VendorClaim::missing;
    std::string source;
    Duration age{};
};
// "green (azure-health, 1m30s old)"; "missing" alone; no brackets for a source without a name.
std::string to_text(const VendorSaid& said);

class Gauges {
  public:
    void add(const Gauge& gauge, Instant now);
    // By role, then by name; ages brought up to `now`.
    std::vector<Gauge> at(Instant now) const;
    VendorSaid vendor(Instant now) const;

  private:
    struct Reading {
        Gauge gauge;
        Instant at{};
    };
    std::map<std::pair<GaugeRole, std::string>, Reading> readings_;
};

// What is on record of each source, so that only news are recorded: at most one reading of a source
// every five minutes, however it flaps.
class RecordedGauges {
  public:
    // Whether `gauge` differs materially from what is on record: another claim, a number that came
    // or went, or one that moved by more than a tenth.
    bool is_news(const Gauge& gauge, Instant now) const;
    void fold(const Gauge& gauge, Instant at);

  private:
    struct Recorded {
        Gauge gauge;
        Instant at{};
    };
    std::map<std::pair<GaugeRole, std::string>, Recorded> recorded_;
};

}  // namespace vc
