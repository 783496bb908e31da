// A Session that makes a fresh connection for every attempt, one after another. What is said on the
// connection is a Dialogue, made anew each time; the queue, the deadline, the connection and the
// account are kept here. Attempts that come while one is open wait, and their waiting counts.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/ledger.h"
#include "probes/session.h"

namespace vc {

// One talk over one connection, from connected to its verdict.
class Dialogue {
  public:
    virtual ~Dialogue() = default;

    virtual void on_connect(Instant now) = 0;
    virtual void on_bytes(std::string_view bytes, Instant now) = 0;
    virtual void on_time(Instant) {}
    // The peer closed before the verdict; what that means unless it is simply a reset.
    virtual std::optional<End> on_eof(Instant) { return std::nullopt; }

    virtual std::string take_bytes() = 0;
    virtual std::optional<End> end() const = 0;  // once known, the connection is closed
    virtual Phase phase() const = 0;             // where the talk is
    virtual std::vector<PhaseTime> phases() const = 0;
    virtual std::optional<Instant> wake_at() const { return std::nullopt; }
    // What it has counted, added to the session's counters when it is over.
    virtual void count_into(SessionCounters&) const {}
};

class FreshSession : public Session {
  public:
    using MakeDialogue = std::function<std::unique_ptr<Dialogue>(const Attempt&)>;

    explicit FreshSession(MakeDialogue make) : make_(std::move(make)) {}

    SessionOutput start(const Attempt& attempt, Instant now) override;
    SessionOutput on_connect(Leg, const ConnectResult& result, Instant now) override;
    SessionOutput on_bytes(Leg, std::string_view bytes, Instant now) override;
    SessionOutput on_deadline(Instant now) override;
    SessionOutput on_close(Leg, CloseReason reason, Instant now) override;
    SessionOutput stop(Instant now) override { return abandon(now); }
    SessionOutput abandon(Instant now) override;
    bool idle() const override { return ledger_.open_attempts() == 0 && link_ == Link::down; }
    SessionCounters counters() const override;
    std::size_t open_attempts() const override { return ledger_.open_attempts(); }

  private:
    enum class Link : std::uint8_t { down, connecting, talking, closing };

    SessionOutput drive(Instant now);
    void finish(OpenAttempt open, End end, Instant now);
    void finish_current(End end, Instant now);

    MakeDialogue make_;
    Ledger ledger_;
    Link link_ = Link::down;
    std::deque<OpenAttempt> waiting_;
    std::optional<OpenAttempt> current_;
    std::unique_ptr<Dialogue> dialogue_;
    bool stopped_ = false;
    std::vector<Observation> seen_;
    SessionCounters counted_;
};

}  // namespace vc
