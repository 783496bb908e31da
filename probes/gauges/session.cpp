#include "probes/gauges/session.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "probes/gauges/availability.h"
#include "probes/gauges/azure_monitor.h"
#include "probes/gauges/prometheus.h"
#include "probes/http/dialogue.h"
#include "rules/base/overloaded.h"

namespace vc {
namespace {

constexpr std::size_t most_reason = 200;
constexpr double most_value = 1e9;  // of a share or a multiple of what is usual

std::string status_words(int status) {
    const std::string code = "HTTP " + std::to_string(status);
    if (status >= 300 && status < 400) return code + ": redirects are not followed";
    if (status == 400 || status == 422) return code + ": the question is not understood";
    if (status == 401) return code + ": we are not let in";
    if (status == 403) return code + ": we may not read this";
    if (status == 404) return code + ": there is nothing there";
    if (status == 429) return code + ": it was asked too often";
    return code;
}

// What an attempt that brought no answer ended in.
std::string trouble_words(const Observation& seen) {
    if (seen.outcome == Outcome::auth) return "there is nothing to show to be let in";
    if (seen.outcome == Outcome::protocol) return "the answer is no HTTP, or too long";
    std::string words{to_text(seen.outcome)};
    if (seen.failed_phase != Phase::none) words += " at " + std::string(to_text(seen.failed_phase));
    return words;
}

// One line of printable characters, bounded: parts of it may be a peer's words.
std::string clause(std::string text) {
    if (text.size() > most_reason) text.resize(most_reason);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c >= 0x7F; }, '?');
    return text;
}

// What may be kept of a reading: data that is not too old, and a number that can be one.
Gauge sound(Gauge gauge, const GaugeSpec& spec) {
    gauge.role = spec.role;
    gauge.source = spec.source;
    gauge.limit = spec.limit;
    const auto lose = [&](const std::string& reason) {
        gauge.vendor = VendorClaim::missing;
        gauge.value.reset();
        gauge.reason = reason;
    };
    if (gauge.value && !(std::abs(*gauge.value) <= most_value)) lose("the value is beyond measure");
    if (!gauge.missing() && gauge.age > gauge.limit) {
        lose("the data is older than " + to_text(gauge.limit));
    }
    // Six decimals: the journal gives back exactly those.
    if (gauge.value) gauge.value = std::round(*gauge.value * 1e6) / 1e6;
    if (gauge.missing()) gauge.age = Duration::zero();
    gauge.reason = clause(std::move(gauge.reason));
    return gauge;
}

class GaugeSession : public Session {
  public:
    explicit GaugeSession(GaugeSpec spec)
        : spec_(std::move(spec)), inner_([this](const Attempt& attempt) {
              read_ = Gauge{};
              GetTarget request = spec_.server;
              request.path = path(attempt.due);
              return std::make_unique<HttpDialogue>(
                  request, [this](const HttpGet& get, Instant now) { return judge(get, now); },
                  spec_.authorization);
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
    std::string path(Instant now) const {
        return std::visit(Overloaded{[](const AvailabilityQuestion& q) { return q.path; },
                                     [](const PrometheusQuestion& q) { return prometheus_path(q); },
                                     [&](const AzureMonitorQuestion& q) {
                                         return azure_monitor_path(q, spec_.limit, now);
                                     }},
                          spec_.question);
    }

    Gauge read(std::string_view body, Instant now) const {
        return std::visit(
            Overloaded{[&](const AvailabilityQuestion&) { return read_availability(body, now); },
                       [&](const PrometheusQuestion& q) {
                           return read_prometheus(body, q, spec_.role, now);
                       },
                       [&](const AzureMonitorQuestion& q) {
                           return read_azure_monitor(body, q, spec_.limit, now);
                       }},
            spec_.question);
    }

    // A refusal's body is not read: it may repeat what we have shown.
    std::optional<Outcome> judge(const HttpGet& get, Instant now) {
        if (get.status() != 0 && get.status() != 200) {
            read_.reason = status_words(get.status());
            return Outcome::ok;
        }
        if (get.state() != HttpGet::State::done) return std::nullopt;
        read_ = read(get.body(), now);
        return Outcome::ok;
    }

    SessionOutput with_gauges(SessionOutput out) {
        for (const Observation& seen : std::exchange(out.observations, {})) {
            const bool answered = seen.outcome == Outcome::ok || seen.outcome == Outcome::late;
            if (!answered) {
                read_ = Gauge{};
                read_.reason = trouble_words(seen);
            }
            out.gauges.push_back(sound(read_, spec_));
        }
        return out;
    }

    GaugeSpec spec_;
    FreshSession inner_;
    Gauge read_;
};

}  // namespace

std::unique_ptr<Session> make_gauge_session(GaugeSpec spec) {
    return std::make_unique<GaugeSession>(std::move(spec));
}

}  // namespace vc
