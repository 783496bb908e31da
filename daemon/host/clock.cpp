#include "daemon/host/clock.h"

#include <charconv>
#include <cmath>

namespace vc {
namespace {

std::int64_t wall_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::int64_t scaled(std::int64_t ns, double factor) {
    // Exact at factor 1, where doubles would lose nanoseconds of a Unix time.
    if (factor == 1.0) return ns;
    return static_cast<std::int64_t>(std::llround(static_cast<long double>(ns) * factor));
}

// What the rules' clock would show now. Away from its origin it runs `factor` times as far, and 64
// bits of nanoseconds end in 2262: half of them leave a run more than a century.
bool shows_a_time(double factor, long double origin_ns) {
    const long double since = static_cast<long double>(wall_ns()) - origin_ns;
    const long double shown = origin_ns + since * factor;
    return shown >= 0 && shown < static_cast<long double>(std::int64_t{1} << 62);
}

}  // namespace

Result<TimeLapse> parse_time_lapse(const std::string& text) {
    if (text.empty()) return TimeLapse{};
    const auto bad = [&] {
        return failure("time lapse '" + text +
                       "' is not FACTOR@ORIGIN, such as 20@1763650000.5 (factor 1 to 1000, origin "
                       "in Unix seconds)");
    };
    const auto at = text.find('@');
    if (at == std::string::npos) return bad();
    const char* end = text.data() + text.size();
    double factor = 0;
    double origin = 0;
    const auto first = std::from_chars(text.data(), text.data() + at, factor);
    const auto second = std::from_chars(text.data() + at + 1, end, origin);
    if (first.ec != std::errc{} || first.ptr != text.data() + at) return bad();
    if (second.ec != std::errc{} || second.ptr != end) return bad();
    if (!(factor >= 1 && factor <= 1000) || !(origin >= 0 && origin < 9e9)) return bad();
    if (!shows_a_time(factor, origin * 1e9L)) {
        return failure("time lapse '" + text +
                       "': its origin is so far from now that the clock would show no time that "
                       "can be counted; take the present time");
    }
    return TimeLapse{factor, static_cast<std::int64_t>(std::llround(origin * 1e9))};
}

std::string to_text(const TimeLapse& lapse) {
    char text[64];
    std::snprintf(text, sizeof text, "%g@%lld.%09lld", lapse.factor,
                  static_cast<long long>(lapse.origin_unix_ns / 1'000'000'000),
                  static_cast<long long>(lapse.origin_unix_ns % 1'000'000'000));
    return text;
}

Clock::Clock(TimeLapse lapse)
    : lapse_(lapse), start_wall_ns_(wall_ns()), start_(std::chrono::steady_clock::now()) {}

Instant Clock::now() const {
    const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::steady_clock::now() - start_)
                             .count();
    const std::int64_t origin = lapse_.factor == 1.0 ? start_wall_ns_ : lapse_.origin_unix_ns;
    const std::int64_t since = start_wall_ns_ - origin + elapsed;
    return Instant{Duration{origin + scaled(since, lapse_.factor) + shift_ns_}};
}

WallTime Clock::wall() const {
    return WallTime{wall_ns()};
}

WallTime Clock::date() const {
    return lapse_.factor == 1.0 ? wall() : WallTime{now().time_since_epoch().count()};
}

std::chrono::nanoseconds Clock::machine_time_until(Instant at) const {
    const Duration left = at - now();
    return left <= Duration::zero() ? std::chrono::nanoseconds::zero() : to_machine(left);
}

std::chrono::nanoseconds Clock::to_machine(Duration rules) const {
    return std::chrono::nanoseconds{scaled(rules.count(), 1.0 / lapse_.factor)};
}

Duration Clock::from_machine(std::chrono::nanoseconds machine) const {
    return Duration{scaled(machine.count(), lapse_.factor)};
}

void Clock::not_before(Instant floor) {
    const Instant at = now();
    if (at < floor) shift_ns_ += (floor - at).count();
}

}  // namespace vc
