// Direct send to receive on a broker's queue (channels DL and SL long-lived, DF and SF fresh).
// Every attempt sends one message with a token of its own, waits until the broker has settled it,
// until the same message is received back, and until its completion is settled.
//
// The queue belongs to one session alone: messages that are not its own are taken for what earlier
// runs left behind, completed and ignored.
//
// Outcomes: a rejection or detach is busy (server-busy), misconfigured (not-found, unauthorized,
// disabled, quota) or else wrong_answer (rejection) or reset (detach, close); refused SASL is auth.
// A message settled and not received by its deadline is lost when a later one was received,
// else a timeout in send_receive. One that comes twice while its attempt is open is a duplicate.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probes/amqp/link.h"
#include "probes/amqp/roundtrip.h"
#include "probes/backoff.h"
#include "probes/ledger.h"
#include "probes/session.h"

namespace vc {

struct AmqpProbeOptions {
    AmqpOptions connection;
    std::string entity;       // the queue's address
    std::string run;          // differs between any two sessions ever on the queue; no space
    Duration open_timeout{};  // long-lived: from connected to ready, when nobody waits any longer
    std::uint64_t seed = 0;   // long-lived: of the back-off's jitter
};

std::unique_ptr<Session> make_fresh_amqp_session(AmqpProbeOptions options);

// Long-lived: several attempts may be in flight at once. The connection is made when the first
// attempt is due and kept; when lost it is made again at once, then with back-off. What was in
// flight ends as reset; what waited, waits on. counters().drops and .connects tell the reconnects.
class AmqpSession : public Session {
  public:
    explicit AmqpSession(AmqpProbeOptions options);

    SessionOutput start(const Attempt& attempt, Instant now) override;
    SessionOutput on_connect(Leg, const ConnectResult& result, Instant now) override;
    SessionOutput on_bytes(Leg, std::string_view bytes, Instant now) override;
    SessionOutput on_deadline(Instant now) override;
    SessionOutput on_close(Leg, CloseReason reason, Instant now) override;
    SessionOutput stop(Instant now) override;
    SessionOutput abandon(Instant now) override { return stop(now); }
    bool idle() const override;
    SessionCounters counters() const override;
    std::size_t open_attempts() const override { return ledger_.open_attempts(); }

  private:
    enum class Link : std::uint8_t { down, connecting, opening, ready, closing };

    // A message on its way, by token number.
    struct Flight {
        OpenAttempt open;
        Instant sent_at{};
        bool settled = false;
        std::optional<Instant> received_at;
        bool completed = false;
        bool twice = false;
        Phase phase() const;
    };

    SessionOutput drive(Instant now);
    void handle_events(Instant now);
    void on_settled(const AmqpEvent& event, Instant now);
    void on_message(const AmqpEvent& event, Instant now);
    void on_completed(std::uint64_t delivery, Instant now);
    void send_waiting(Instant now);
    void expire(Instant now);
    void end_flight(std::uint64_t number, End end, Instant now);
    void end_if_done(std::uint64_t number, Instant now);
    void drop(End end, Instant now);
    void connection_failed(End end, Instant now);
    void fail_waiting(End end, Instant now);
    void finish(OpenAttempt open, End end, Instant now);
    bool connect_when_due(Instant now);
    End end_of_wait() const;
    std::optional<Instant> wake_at() const;

    AmqpProbeOptions options_;
    Roundtrip roundtrip_;
    Backoff backoff_;
    Ledger ledger_;
    Link link_ = Link::down;
    std::unique_ptr<AmqpLink> amqp_;
    std::deque<OpenAttempt> waiting_;
    std::map<std::uint64_t, Flight> flights_;
    std::map<std::uint64_t, std::uint64_t> deliveries_;  // delivery to token, until completed
    PhaseWatch effort_;
    bool wanted_ = false;
    bool stopping_ = false;
    bool close_ = false;
    std::optional<Instant> retry_at_;
    Instant link_since_{};
    End last_failure_{Outcome::timeout, Phase::tcp};
    std::vector<Observation> seen_;
    SessionCounters counted_;
};

}  // namespace vc
