#include <charconv>
#include <cmath>
#include <cstdio>

#include "tests/lab/servicebus/atom_xml.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view longest = "P10675199DT2H48M5.4775807S";

// Takes "12.5H" off the front: the number and its letter.
std::optional<std::pair<double, char>> take_part(std::string_view& text) {
    double number = 0;
    const auto read =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (read.ec != std::errc{} || read.ptr == text.data() + text.size() || !(number >= 0)) {
        return std::nullopt;
    }
    const char letter = *read.ptr;
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()) + 1);
    return std::pair{number, letter};
}

double seconds_of(char letter, bool in_time) {
    if (in_time) return letter == 'H' ? 3600 : letter == 'M' ? 60 : letter == 'S' ? 1 : 0;
    return letter == 'D' ? 86400 : letter == 'W' ? 7 * 86400 : 0;
}

}  // namespace

std::string to_iso(Duration duration) {
    if (duration == for_ever) return std::string(longest);
    const auto ticks = duration.count() / 100;  // .NET counts in 100 ns
    const auto days = ticks / (86400LL * 10'000'000);
    const auto hours = ticks / (3600LL * 10'000'000) % 24;
    const auto minutes = ticks / (60LL * 10'000'000) % 60;
    const auto rest = ticks % (60LL * 10'000'000);
    std::string out = "P";
    if (days > 0) out += std::to_string(days) + "D";
    if (hours == 0 && minutes == 0 && rest == 0) return days > 0 ? out : "PT0S";
    out += "T";
    if (hours > 0) out += std::to_string(hours) + "H";
    if (minutes > 0) out += std::to_string(minutes) + "M";
    if (rest == 0) return out;
    out += std::to_string(rest / 10'000'000);
    if (rest % 10'000'000 != 0) {
        char fraction[16];
        std::snprintf(fraction, sizeof fraction, ".%07d", static_cast<int>(rest % 10'000'000));
        out += fraction;
        while (out.back() == '0')
            out.pop_back();
    }
    return out + "S";
}

std::optional<Duration> duration_of(std::string_view iso) {
    if (!iso.starts_with('P') || iso.size() < 3) return std::nullopt;
    iso.remove_prefix(1);
    double total = 0;
    bool in_time = false;
    while (!iso.empty()) {
        if (iso.front() == 'T' && !in_time && iso.size() > 1) {
            in_time = true;
            iso.remove_prefix(1);
            continue;
        }
        const auto part = take_part(iso);
        if (!part) return std::nullopt;
        const double unit = seconds_of(part->second, in_time);
        if (unit == 0) return std::nullopt;
        total += part->first * unit;
    }
    if (total >= 9e9) return for_ever;  // a Duration ends at 9.2e9 seconds
    return Duration{std::llround(total * 1e9 / 100) * 100};
}

}  // namespace vc::lab::servicebus
