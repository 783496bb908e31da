#include "probes/readiness/settings.h"

#include <array>
#include <cstdint>
#include <optional>

#include "probes/readiness/inventory.h"

namespace vc {
namespace {

constexpr std::array rules{
    SettingRule{"Status", SettingKind::word, Weight::unfit},
    SettingRule{"RequiresSession", SettingKind::flag, Weight::unfit},
    SettingRule{"RequiresDuplicateDetection", SettingKind::flag, Weight::unfit},
    SettingRule{"ForwardTo", SettingKind::target, Weight::unfit},
    SettingRule{"ForwardDeadLetteredMessagesTo", SettingKind::target, Weight::unfit},
    SettingRule{"DuplicateDetectionHistoryTimeWindow", SettingKind::duration, Weight::told},
    SettingRule{"LockDuration", SettingKind::duration, Weight::told},
    SettingRule{"MaxDeliveryCount", SettingKind::number, Weight::told},
    SettingRule{"DefaultMessageTimeToLive", SettingKind::duration, Weight::told},
    SettingRule{"DeadLetteringOnMessageExpiration", SettingKind::flag, Weight::told},
    SettingRule{"DeadLetteringOnFilterEvaluationExceptions", SettingKind::flag, Weight::told},
    SettingRule{"AutoDeleteOnIdle", SettingKind::duration, Weight::told},
    SettingRule{"EnablePartitioning", SettingKind::flag, Weight::told},
    SettingRule{"SupportOrdering", SettingKind::flag, Weight::told},
    SettingRule{"MaxSizeInMegabytes", SettingKind::number, Weight::told},
    SettingRule{"MaxMessageSizeInKilobytes", SettingKind::number, Weight::told},
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Service Bus says "for ever" as P10675199DT2H48M5.4775807S, the most that its clients' type holds.
constexpr std::uint64_t for_ever_from_days = 10'000'000;

// ISO 8601 with days and below, in ticks of 100 ns; years and months have no length of their own.
class DurationReader {
  public:
    explicit DurationReader(std::string_view text) : rest_(text) {}

    std::optional<std::uint64_t> read() {
        if (!take('P') || rest_.empty()) return std::nullopt;
        if (!part('D', 864'000'000'000)) return std::nullopt;
        if (rest_.empty()) return sum_;
        if (!take('T') || rest_.empty()) return std::nullopt;
        if (!part('H', 36'000'000'000) || !part('M', 600'000'000)) return std::nullopt;
        if (!part('S', 10'000'000) || !rest_.empty()) return std::nullopt;
        return sum_;
    }

  private:
    bool take(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    // A number with its unit, if it comes now; only seconds may have a fraction.
    bool part(char unit, std::uint64_t ticks) {
        std::size_t digits = 0;
        while (digits < rest_.size() && is_digit(rest_[digits]))
            ++digits;
        std::size_t end = digits;
        if (unit == 'S' && end < rest_.size() && rest_[end] == '.') {
            ++end;
            while (end < rest_.size() && is_digit(rest_[end]))
                ++end;
        }
        if (digits == 0 || end >= rest_.size() || rest_[end] != unit) return true;
        if (digits > 9) return false;
        std::uint64_t value = 0;
        for (const char c : rest_.substr(0, digits))
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
        sum_ += value * ticks;
        std::uint64_t place = ticks / 10;
        for (std::size_t i = digits + 1; i < end; ++i, place /= 10)
            sum_ += place * static_cast<std::uint64_t>(rest_[i] - '0');
        rest_.remove_prefix(end + 1);
        return true;
    }

    std::string_view rest_;
    std::uint64_t sum_ = 0;
};

Result<std::string> duration(std::string_view value) {
    const auto ticks = DurationReader(value).read();
    if (!ticks) return failure("is no duration such as PT1M");
    if (*ticks / 864'000'000'000 >= for_ever_from_days) return std::string("for ever");
    return std::to_string(*ticks);
}

Result<std::string> flag(std::string_view value) {
    const std::string word = in_lower_case(value);
    if (word == "true" || word == "1") return std::string("true");
    if (word == "false" || word == "0") return std::string("false");
    return failure("is neither true nor false");
}

Result<std::string> number(std::string_view value) {
    if (value.size() > 18) return failure("is no whole number");
    for (const char c : value) {
        if (!is_digit(c)) return failure("is no whole number");
    }
    const auto first = value.find_first_not_of('0');
    return std::string(first == std::string_view::npos ? "0" : value.substr(first));
}

std::string target(std::string_view value) {
    const auto scheme = value.find("://");
    if (scheme != std::string_view::npos) {
        const auto path = value.find('/', scheme + 3);
        value = path == std::string_view::npos ? std::string_view{} : value.substr(path + 1);
    }
    while (value.ends_with('/'))
        value.remove_suffix(1);
    return in_lower_case(value);
}

}  // namespace

std::span<const SettingRule> compared_settings() {
    return rules;
}

Result<std::string> meaning_of(SettingKind kind, std::string_view value) {
    if (value.empty()) return std::string();
    switch (kind) {
        case SettingKind::flag:
            return flag(value);
        case SettingKind::duration:
            return duration(value);
        case SettingKind::number:
            return number(value);
        case SettingKind::word:
            return in_lower_case(value);
        case SettingKind::target:
            return target(value);
    }
    return failure("cannot be read");
}

}  // namespace vc
