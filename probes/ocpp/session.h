// A virtual charger as a Session: HB, TX and SC over one long-lived WebSocket. What an attempt does
// is its channel: HB a heartbeat; TX start and stop of a transaction, with meter values between
// when asked for; SC a heartbeat, then start and stop.
//
// Attempts queue behind the one CALL that OCPP allows; each has its own deadline, three budgets
// after its intended start, and fails in the phase that the session is in then. A connection is
// made when the first attempt is due and kept; when it is lost it is made again at once, then with
// back-off. An attempt that waits for it ends with it: refused, reset, timeout, auth (401, 403),
// misconfigured (404; boot not accepted), busy (429, 503). While no try is due before its deadline
// it ends at once with what the last try ended with.
//
// stop() abandons attempts, then waits until every transaction is stopped, reconnecting if need be.
// A start whose connection broke before its answer cannot be traced and is left.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "probes/ledger.h"
#include "probes/ocpp/charger.h"
#include "probes/redial.h"
#include "probes/session.h"
#include "probes/websocket/websocket.h"

namespace vc {

struct OcppOptions {
    WebSocketRequest request;  // path with the identity; subprotocol ocpp1.6
    ChargerOptions charger;
    bool meter_values = false;
    Duration ping_every{};       // WebSocket ping when positive; no pong by the next is
                                 // a drop
    Duration upgrade_timeout{};  // of a connection that nobody waits for any longer
    std::uint64_t seed = 0;
};

class OcppSession : public Session {
  public:
    explicit OcppSession(OcppOptions options);

    SessionOutput start(const Attempt& attempt, Instant now) override;
    SessionOutput on_connect(Leg, const ConnectResult& result, Instant now) override;
    SessionOutput on_bytes(Leg, std::string_view bytes, Instant now) override;
    SessionOutput on_deadline(Instant now) override;
    SessionOutput on_close(Leg, CloseReason reason, Instant now) override;
    SessionOutput stop(Instant now) override;
    SessionOutput abandon(Instant now) override;
    bool idle() const override;
    SessionCounters counters() const override;
    std::size_t open_attempts() const override { return ledger_.open_attempts(); }

  private:
    enum class Link : std::uint8_t { down, connecting, upgrading, open, closing };

    struct Running {
        OpenAttempt open;
        std::vector<CallKind> steps;
        std::size_t next = 0;  // the step that is to be called, or whose answer is awaited
        bool called = false;
        Instant called_at{};
    };

    // Does what can be done now, and collects what is to go out.
    SessionOutput drive(Instant now);
    void handle_events(Instant now);
    void handle_answers(Instant now);
    void take_step(Instant now);
    void answered(const Answer& answer, Instant now);
    void expire(Instant now);
    void keep_alive(Instant now);
    bool connect_when_due(Instant now);
    std::optional<Instant> wake_at() const;

    void upgraded(const WebSocketEvent& event, Instant now);
    void connection_failed(End end, Instant now);
    void drop(End end, Instant now);
    void finish_running(End end, Instant now);
    void fail_waiting(End end, Instant now);
    void finish(OpenAttempt open, End end, Instant now);
    End end_of_wait() const;

    OcppOptions options_;
    Charger charger_;
    Redial redial_;
    Random random_;
    Ledger ledger_;
    Link link_ = Link::down;
    std::unique_ptr<WebSocket> websocket_;
    Waiting waiting_;
    std::optional<Running> running_;
    PhaseWatch effort_;  // of the connection being made
    bool was_ready_ = false;
    bool stopping_ = false;
    bool close_ = false;  // ask for a close with the next output
    Instant link_since_{};
    Instant ping_at_{};
    bool ponged_ = true;
    Instant now_{};
    std::vector<Observation> seen_;
    std::uint64_t connects_ = 0;
    std::uint64_t drops_ = 0;
    std::uint64_t broken_ = 0;  // WebSocket protocol violations
};

// What an HTTP status at the upgrade says.
Outcome outcome_of_upgrade_status(int status);

}  // namespace vc
