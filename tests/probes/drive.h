// Drives a Session by hand in a test: keeps a time of its own, collects what comes out, and checks
// after every call that the account balances and that nothing happens twice.
#pragma once

#include <doctest/doctest.h>

#include <array>
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

    // One of the session's connections, as the runner would know it.
    struct Line {
        std::string sent;     // not yet taken by the peer
        int opens = 0;        // times that a connection was asked for
        bool wanted = false;  // one is asked for and not yet answered
        bool up = false;
        bool closing = false;
        std::optional<Duration> within;  // what was said of the last one that was asked for
    };

    std::unique_ptr<Session> session;
    Instant now{std::chrono::hours(500'000)};
    std::array<Line, most_legs> lines;
    std::vector<Observation> seen;
    std::vector<Reconnect> reconnects;
    std::vector<Gauge> gauges;
    std::optional<Instant> wake_at;
    // Of a session with one connection.
    std::string& sent = lines[0].sent;
    int& opens = lines[0].opens;
    bool& wanted = lines[0].wanted;
    bool& closing = lines[0].closing;

    void start(Channel channel, Duration budget, Duration late = {}) {
        Attempt attempt;
        attempt.id = AttemptId{++started};
        attempt.channel = channel;
        attempt.target = 7;
        attempt.due = now - late;
        attempt.budget = budget;
        take(session->start(attempt, now));
    }
    void connect(Leg leg = 0) {
        ConnectResult result;
        result.phases.push_back({Phase::tcp, std::chrono::milliseconds(1)});
        answer(leg, result);
    }
    void fail_connect(Outcome outcome, Phase phase, Leg leg = 0) {
        ConnectResult result;
        result.outcome = outcome;
        result.phase = phase;
        answer(leg, result);
    }
    void bytes(std::string_view text, Leg leg = 0) {
        if (lines[leg].up && !lines[leg].closing) take(session->on_bytes(leg, text, now));
    }
    void lose(CloseReason reason = CloseReason::reset, Leg leg = 0) {
        down(leg);
        take(session->on_close(leg, reason, now));
    }
    // Answers the close that the session asked for.
    void close(Leg leg = 0) {
        REQUIRE(lines[leg].closing);
        down(leg);
        take(session->on_close(leg, CloseReason::asked, now));
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

    std::string take_sent(Leg leg = 0) { return std::exchange(lines[leg].sent, {}); }

  private:
    void down(Leg leg) {
        lines[leg].closing = lines[leg].up = false;
        lines[leg].sent.clear();
    }

    void answer(Leg leg, const ConnectResult& result) {
        REQUIRE(lines[leg].wanted);
        lines[leg].wanted = false;
        lines[leg].up = result.outcome == Outcome::ok;
        take(session->on_connect(leg, result, now));
    }

    void take(Line& line, const LegOutput& out) {
        CHECK_MESSAGE((out.bytes.empty() || line.up), "bytes for no connection");
        CHECK_MESSAGE((out.bytes.empty() || !line.closing), "bytes after the close");
        line.sent += out.bytes;
        if (out.connection == Want::open) {
            CHECK_FALSE(line.wanted);
            CHECK_MESSAGE((!line.up && !line.closing), "a second connection on one leg");
            line.wanted = true;
            line.within = out.connect_within;
            ++line.opens;
        }
        if (out.connection == Want::close) {
            CHECK_MESSAGE((line.up || line.wanted), "a close of no connection");
            line.wanted = false;
            line.closing = true;
        }
    }

    void take(SessionOutput out) {
        wake_at = out.wake_at;
        for (Leg leg = 0; leg < most_legs; ++leg)
            take(lines[leg], out.legs[leg]);
        for (const Reconnect& reconnect : out.reconnects)
            reconnects.push_back(reconnect);
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
