#include "rules/base/time.h"

#include <array>
#include <cstdio>

namespace vc {

std::string to_text(Duration d) {
    struct Unit {
        std::int64_t ns;
        const char* name;
    };
    static constexpr std::array<Unit, 7> units{{{86'400'000'000'000, "d"},
                                                {3'600'000'000'000, "h"},
                                                {60'000'000'000, "m"},
                                                {1'000'000'000, "s"},
                                                {1'000'000, "ms"},
                                                {1'000, "us"},
                                                {1, "ns"}}};
    if (d == Duration::zero()) return "0s";
    std::string text = d < Duration::zero() ? "-" : "";
    // Unsigned, because the most negative duration has no positive twin.
    auto left = static_cast<std::uint64_t>(d.count());
    if (d < Duration::zero()) left = ~left + 1;
    for (const Unit& unit : units) {
        const auto size = static_cast<std::uint64_t>(unit.ns);
        if (left >= size) text += std::to_string(left / size) + unit.name;
        left %= size;
    }
    return text;
}

std::string to_text(WallTime t) {
    using namespace std::chrono;
    const sys_time<nanoseconds> at{nanoseconds{t.unix_ns}};
    const auto day = floor<days>(at);
    const year_month_day date{day};
    const hh_mm_ss time{floor<milliseconds>(at - day)};
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                  static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()),
                  static_cast<int>(time.subseconds().count()));
    return text.data();
}

std::string to_text(Instant t) {
    return to_text(WallTime{t.time_since_epoch().count()});
}

}  // namespace vc
