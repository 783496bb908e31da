#include "probes/gauges/utc_time.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

namespace vc {
namespace {

std::optional<int> number_at(std::string_view text, std::size_t from, std::size_t size) {
    if (text.size() < from + size) return std::nullopt;
    int number = 0;
    for (const char c : text.substr(from, size)) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + (c - '0');
    }
    return number;
}

}  // namespace

std::optional<Instant> utc_time(std::string_view text) {
    using namespace std::chrono;
    static constexpr std::array<std::pair<std::size_t, char>, 5> marks{
        {{4, '-'}, {7, '-'}, {10, 'T'}, {13, ':'}, {16, ':'}}};
    if (text.size() < 20 || text.back() != 'Z') return std::nullopt;
    for (const auto& [index, mark] : marks) {
        if (text[index] != mark) return std::nullopt;
    }
    const auto y = number_at(text, 0, 4);
    const auto mo = number_at(text, 5, 2);
    const auto d = number_at(text, 8, 2);
    const auto h = number_at(text, 11, 2);
    const auto mi = number_at(text, 14, 2);
    const auto s = number_at(text, 17, 2);
    if (!y || !mo || !d || !h || !mi || !s) return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)},
                              day{static_cast<unsigned>(*d)}};
    // 64 bits of nanoseconds end in 2262.
    if (!date.ok() || *y < 1970 || *y > 2200 || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;
    return Instant{sys_days{date}.time_since_epoch() + hours{*h} + minutes{*mi} +
                   std::chrono::seconds{*s}};
}

std::string utc_text(Instant at) {
    // "2026-03-18T22:00:00.000Z" without its milliseconds.
    return to_text(at).substr(0, 19) + "Z";
}

}  // namespace vc
