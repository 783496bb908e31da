#include "probes/gauges/vendor.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "probes/http/dialogue.h"
#include "probes/json.h"

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

// "2026-03-18T22:00:00[.fraction]Z". The fraction is dropped: claims are minutes old.
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

// Wraps the session of plain GETs, and turns each observation into the gauge that its answer gave.
class VendorSession : public Session {
  public:
    explicit VendorSession(GetTarget request)
        : inner_([this, request = std::move(request)](const Attempt&) {
              return std::make_unique<HttpDialogue>(
                  request, [this](const HttpGet& get, Instant now) { return judge(get, now); });
          }) {}

    SessionOutput start(const Attempt& attempt, Instant now) override {
        return with_gauges(inner_.start(attempt, now));
    }
    SessionOutput on_connect(Leg leg, const ConnectResult& result, Instant now) override {
        return with_gauges(inner_.on_connect(leg, result, now));
    }
    SessionOutput on_bytes(Leg leg, std::string_view bytes, Instant now) override {
        return with_gauges(inner_.on_bytes(leg, bytes, now));
    }
    SessionOutput on_deadline(Instant now) override { return with_gauges(inner_.on_deadline(now)); }
    SessionOutput on_close(Leg leg, CloseReason reason, Instant now) override {
        return with_gauges(inner_.on_close(leg, reason, now));
    }
    SessionOutput stop(Instant now) override { return with_gauges(inner_.stop(now)); }
    SessionOutput abandon(Instant now) override { return with_gauges(inner_.abandon(now)); }
    bool idle() const override { return inner_.idle(); }
    SessionCounters counters() const override { return inner_.counters(); }
    std::size_t open_attempts() const override { return inner_.open_attempts(); }

  private:
    std::optional<Outcome> judge(const HttpGet& get, Instant now) {
        if (get.state() != HttpGet::State::done) return std::nullopt;
        if (get.status() != 200) return Outcome::wrong_answer;
        read_ = read_vendor_claim(get.body(), now);
        return Outcome::ok;
    }

    SessionOutput with_gauges(SessionOutput out) {
        for (const Observation& seen : std::exchange(out.observations, {})) {
            const bool answered = seen.outcome == Outcome::ok || seen.outcome == Outcome::late;
            out.gauges.push_back(answered ? read_ : Gauge{});
        }
        return out;
    }

    FreshSession inner_;
    Gauge read_;
};

}  // namespace

Gauge read_vendor_claim(std::string_view body, Instant now) {
    const auto json = parse_json(body);
    if (!json) return {};
    const auto state = json->text_at("properties.availabilityState");
    Gauge gauge;
    if (state == "Available") gauge.vendor = VendorClaim::green;
    if (state == "Degraded" || state == "Unavailable") gauge.vendor = VendorClaim::red;
    if (gauge.vendor == VendorClaim::missing) return gauge;
    const auto reported = json->text_at("properties.reportedTime");
    const auto at = reported ? utc_time(*reported) : std::nullopt;
    if (at) gauge.age = std::max(Duration::zero(), now - *at);
    return gauge;
}

std::unique_ptr<Session> make_vendor_session(GetTarget request) {
    return std::make_unique<VendorSession>(std::move(request));
}

}  // namespace vc
