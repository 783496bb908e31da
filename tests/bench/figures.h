// What a bench has measured: a line per figure on standard output as it comes, and all of them as
// JSON at the end: name -> {value, unit, target, target_is, of, how}. target_is says whether the
// value should be "at most" or "at least" the target. Nothing is judged here but the target.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "rules/base/time.h"

namespace vc::bench {

// The q-quantile of `values`, NaN of none. Takes a copy because it sorts.
inline double quantile(std::vector<double> values, double q) {
    if (values.empty()) return std::nan("");
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    const double place = q * last;
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    const double part = place - static_cast<double>(below);
    return values[below] + (values[above] - values[below]) * part;
}

inline double ms(Duration d) {
    return seconds(d) * 1e3;
}

class Figures {
  public:
    // A figure of which nothing was measured is null, and says so.
    void add(const std::string& name, double value, const std::string& unit) {
        add_line(name, value, unit, {}, {}, {});
    }
    // One that should be at most `target`; `of` is what it was compared with.
    void add(const std::string& name, double value, const std::string& unit,
             std::optional<double> target, std::optional<double> of, const std::string& how) {
        add_line(name, value, unit, target, of, how);
    }
    // One that should be at least `floor`.
    void add_at_least(const std::string& name, double value, const std::string& unit, double floor,
                      const std::string& how) {
        add_line(name, value, unit, floor, {}, how, false);
    }
    const boost::json::object& all() const { return figures_; }

  private:
    static boost::json::value or_null(std::optional<double> value) {
        if (!value || std::isnan(*value)) return nullptr;
        return *value;
    }
    void add_line(const std::string& name, double value, const std::string& unit,
                  std::optional<double> target, std::optional<double> of, const std::string& how,
                  bool at_most = true) {
        boost::json::object& one = figures_[name].emplace_object();
        one["value"] = or_null(value);
        one["unit"] = unit;
        one["target"] = or_null(target);
        one["target_is"] = target ? boost::json::value(at_most ? "at most" : "at least") : nullptr;
        one["of"] = or_null(of);
        if (!how.empty()) one["how"] = how;
        std::string line(160, '\0');
        line.resize(static_cast<std::size_t>(std::snprintf(
            line.data(), line.size(), "%-28s %14.3f %s", name.c_str(), value, unit.c_str())));
        if (target) {
            char words[64];
            const bool met = at_most ? value <= *target : value >= *target;  // no number: missed
            std::snprintf(words, sizeof words, "  (target %s%g: %s)", at_most ? "" : ">= ", *target,
                          met ? "met" : "MISSED");
            line += words;
        }
        if (!how.empty()) line += "  " + how;
        std::printf("%s\n", line.c_str());
        std::fflush(stdout);
    }

    boost::json::object figures_;
};

}  // namespace vc::bench
