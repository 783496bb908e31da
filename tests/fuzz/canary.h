// Sessions with a mistake in them, which the fuzzer must find: the proof that it can fail. Each is
// the real one but for one thing that only spoilt input brings out.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "probes/session.h"
#include "tests/fuzz/mutator.h"

namespace vc::fuzz {

// Passes everything on; `spoil` may tamper with the bytes that come and with what goes out.
class Tampered : public Session {
  public:
    using Tamper = std::function<void(std::string_view, SessionOutput&)>;

    Tampered(std::unique_ptr<Session> session, Tamper tamper)
        : session_(std::move(session)), tamper_(std::move(tamper)) {}

    SessionOutput start(const Attempt& attempt, Instant now) override {
        return session_->start(attempt, now);
    }
    SessionOutput on_connect(Leg leg, const ConnectResult& result, Instant now) override {
        return session_->on_connect(leg, result, now);
    }
    SessionOutput on_bytes(Leg leg, std::string_view bytes, Instant now) override {
        SessionOutput out = session_->on_bytes(leg, bytes, now);
        tamper_(bytes, out);
        return out;
    }
    SessionOutput on_deadline(Instant now) override { return session_->on_deadline(now); }
    SessionOutput on_close(Leg leg, CloseReason reason, Instant now) override {
        return session_->on_close(leg, reason, now);
    }
    SessionOutput stop(Instant now) override { return session_->stop(now); }
    SessionOutput abandon(Instant now) override { return session_->abandon(now); }
    Leg legs() const override { return session_->legs(); }
    bool idle() const override { return session_->idle(); }
    SessionCounters counters() const override { return session_->counters(); }
    std::size_t open_attempts() const override { return session_->open_attempts(); }

  private:
    std::unique_ptr<Session> session_;
    Tamper tamper_;
};

// Forgets an attempt that a broken protocol ended while its link was being attached.
inline std::unique_ptr<Session> forgetful(std::unique_ptr<Session> session) {
    return std::make_unique<Tampered>(std::move(session), [](std::string_view, SessionOutput& out) {
        std::erase_if(out.observations, [](const Observation& seen) {
            return seen.outcome == Outcome::protocol && seen.failed_phase == Phase::attach_send;
        });
    });
}

// Believes what a frame says of where its body begins, and tells an attempt twice when that is
// beyond its end.
inline std::unique_ptr<Session> trusting(std::unique_ptr<Session> session) {
    return std::make_unique<Tampered>(
        std::move(session), [](std::string_view bytes, SessionOutput& out) {
            for (const std::string& frame : split_frames(bytes)) {
                if (frame.size() < 8 || frame.starts_with("AMQP")) continue;
                const std::size_t begins = 4U * static_cast<unsigned char>(frame[4]);
                if (begins <= frame.size() || out.observations.empty()) continue;
                out.observations.push_back(out.observations.front());
            }
        });
}

// Wants to be woken at once, again and again, after a peer hung up in the middle of something.
class Restless : public Tampered {
  public:
    explicit Restless(std::unique_ptr<Session> session)
        : Tampered(std::move(session), [](std::string_view, SessionOutput&) {}) {}

    SessionOutput on_close(Leg leg, CloseReason reason, Instant now) override {
        restless_ = restless_ || reason != CloseReason::asked;
        return woken(Tampered::on_close(leg, reason, now), now);
    }
    SessionOutput on_deadline(Instant now) override {
        return woken(Tampered::on_deadline(now), now);
    }

  private:
    SessionOutput woken(SessionOutput out, Instant now) const {
        if (restless_) out.wake_at = now;
        return out;
    }
    bool restless_ = false;
};

}  // namespace vc::fuzz
