// An HTTP GET as a Dialogue. What the answer means is told by a judge, once it is whole (or, when
// only the status matters, once the head is). One that has nothing to show to be let in, although
// it should, is not made and ends as auth.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "probes/fresh.h"
#include "probes/http/authorization.h"
#include "probes/http/get.h"

namespace vc {

class HttpDialogue : public Dialogue {
  public:
    // Asked after every arrival; an empty answer means "not yet".
    using Judge = std::function<std::optional<Outcome>(const HttpGet&, Instant)>;

    HttpDialogue(const GetTarget& request, Judge judge,
                 std::shared_ptr<const Authorization> authorization = nullptr)
        : get_(request), judge_(std::move(judge)), authorization_(std::move(authorization)) {}

    void on_connect(Instant now) override {
        watch_.start(now);
        const auto shown = authorization_ ? authorization_->header(now) : std::string();
        if (shown && is_header_value(*shown)) {
            bytes_ = get_.request_text(*shown);
        } else {
            end_ = End{Outcome::auth, Phase::call};
        }
    }
    void on_bytes(std::string_view bytes, Instant now) override {
        get_.receive(bytes);
        judge(now);
    }
    std::optional<End> on_eof(Instant now) override {
        if (get_.status() == 0 && get_.state() == HttpGet::State::reading) return std::nullopt;
        get_.finish();
        judge(now);
        return end_;
    }
    std::string take_bytes() override { return std::exchange(bytes_, {}); }
    std::optional<End> end() const override { return end_; }
    Phase phase() const override { return Phase::call; }
    std::vector<PhaseTime> phases() const override { return watch_.phases(); }
    void count_into(SessionCounters& counters) const override {
        if (get_.state() == HttpGet::State::broken) ++counters.malformed;
    }

  private:
    // A token comes from a server too: it must not be able to add lines to our request.
    static bool is_header_value(std::string_view text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
    }

    void judge(Instant now) {
        if (end_) return;
        std::optional<Outcome> outcome;
        if (get_.state() == HttpGet::State::broken) outcome = Outcome::protocol;
        if (!outcome) outcome = judge_(get_, now);
        if (!outcome) return;
        watch_.done(Phase::call, now);
        end_ = End{*outcome, *outcome == Outcome::ok ? Phase::none : Phase::call};
    }

    HttpGet get_;
    Judge judge_;
    std::shared_ptr<const Authorization> authorization_;  // null: everybody is let in
    std::string bytes_;
    PhaseWatch watch_;
    std::optional<End> end_;
};

}  // namespace vc
