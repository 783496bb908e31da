// Drives a Session by hand in a test: keeps a time of its own, collects what comes out, and checks
// after every call that the account balances and that nothing happens twice.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "probes/session.h"

namespace vc {

class Drive {
  public:
    explicit Drive(std::unique_ptr<Session> made) : session(std::move(made)) {}

    std::unique_ptr<Session> session;
    Instant now{std::chrono::hours(500'000)};
    std::string sent;  // not yet taken by the peer
    std::vector<Observation> seen;
    std::vector<Gauge> gauges;
    std::optional<Instant> wake_at;
    int opens = 0;        // times that a connection was asked for
    bool wanted = false;  // one is asked for and not yet answered
    bool closing = false;

    void start(Channel channel, Duration budget, Duration late = {}) {
        Attempt attempt;
        attempt.id = AttemptId{++started};
        attempt.channel = channel;
        attempt.target = 7;
        attempt.due = now - late;
        attempt.budget = budget;
        take(session->start(attempt, now));
    }
    void connect() {
        ConnectResult result;
        result.phases.push_back({Phase::tcp, std::chrono::milliseconds(1)});
        answer(result);
    }
    void fail_connect(Outcome outcome, Phase phase) {
        ConnectResult result;
        result.outcome = outcome;
        result.phase = phase;
        answer(result);
    }
    void bytes(std::string_view text) {
        if (!closing) take(session->on_bytes(0, text, now));
    }
    void lose(CloseReason reason = CloseReason::reset) {
        closing = false;
        sent.clear();
        take(session->on_close(0, reason, now));
    }
    // Answers the close that the session asked for.
    void close() {
        REQUIRE(closing);
        closing = false;
        sent.clear();
        take(session->on_close(0, CloseReason::asked, now));
    }
    void pass(Duration time) {
        const Instant end = now + time;
        // As the real loop does: woken when it asked for it, and not a moment before.
        for (int wakes = 0; wake_at && *wake_at <= end; ++wakes) {
            REQUIRE_MESSAGE(wakes < 1000, "the session wakes in a circle");
            now = std::max(now, *wake_at);
            wake_at.reset();
            take(session->on_deadline(now));
        }
        now = end;
    }
    void stop() { take(session->stop(now)); }
    void abandon() { take(session->abandon(now)); }

    // The only observation so far that was not yet looked at.
    Observation one() {
        REQUIRE(seen.size() == looked_at + 1);
        return seen[looked_at++];
    }
    bool none() const { return seen.size() == looked_at; }
    void look_at_all() { looked_at = seen.size(); }

    std::string take_sent() { return std::exchange(sent, {}); }

  private:
    void answer(const ConnectResult& result) {
        REQUIRE(wanted);
        wanted = false;
        take(session->on_connect(0, result, now));
    }

    void take(SessionOutput out) {
        sent += out.only().bytes;
        wake_at = out.wake_at;
        if (out.only().connection == Want::open) {
            CHECK_FALSE(wanted);
            wanted = true;
            ++opens;
        }
        if (out.only().connection == Want::close) {
            wanted = false;
            closing = true;
        }
        for (Observation& observation : out.observations) {
            CHECK_MESSAGE(ids.insert(observation.id.value).second, "an attempt ended twice");
            CHECK(observation.target == 7);
            CHECK((observation.outcome == Outcome::ok) ==
                  (observation.outcome == Outcome::ok && observation.failed_phase == Phase::none));
            seen.push_back(std::move(observation));
        }
        for (const Gauge& gauge : out.gauges)
            gauges.push_back(gauge);
        const SessionCounters counters = session->counters();
        CHECK(counters.started == started);
        CHECK(counters.finished == seen.size() + gauges.size());
        CHECK(counters.started == counters.finished + session->open_attempts());
    }

    std::uint64_t started = 0;
    std::size_t looked_at = 0;
    std::set<std::uint64_t> ids;
};

}  // namespace vc
