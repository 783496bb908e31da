// All that is probed of one entity of a broker, as one session over five legs: four kinds of
// attempts, told apart by their channel.
//
//   L (DL SL) from send to receive on the queue over connections that are kept: leg 0 sends, leg 1
//             receives, with credit always out.
//   F (DF SF) the same on the queue for fresh connections: legs 2 and 3, opened at the same time,
//             one message, everything closed.
//   X (DX SX) in turns: sent by leg 0 to the fresh queue and received by a fresh leg 3; sent by a
//             fresh leg 2 to the kept queue and received by leg 1. F and X share the fresh legs,
//             one attempt after another, so that no queue ever has two consumers.
//   M (DM SM) a peek at the kept queue's $management over a fresh leg 4.
//
// Every attempt of L, F and X sends one message with a token of its own, waits until the broker has
// settled it, until the same message is received, and until its completion is settled; a refused
// completion ends it with what outcome.h makes of the refusal, in complete_settle. The queues
// belong to one session alone: messages that are not its own are taken for what earlier runs left
// behind, completed and ignored. Nothing is ever sent a second time.
//
// Outcomes. What a broker says is mapped in outcome.h. A message settled and not received by its
// deadline, three budgets after it was due, is lost when it cannot be peeked either (asked of
// $management when it is two budgets old, but only every 30 s, every budget while any are lost, and
// one answer serves all that it can) or, where that does not answer or was not asked, when a later
// one of its kind came; else it is a timeout in send_receive. One that comes afterwards is counted
// (late_answers); one that comes twice while its attempt is open is a duplicate. A connection that
// breaks ends what was sent over it and not settled as reset, and what waits for delivery over it.
// When the peer had said that it closes or detaches (idle, housekeeping), attempts go on instead:
// what arrives in time over the next connection or link is ok. Two such in an hour are housekeeping
// of a kept leg, besides those that follow a minute without use; further ones are resets, and end
// what waits too. `direction` tells the half: send up
// to the settlement, and what was accepted and is gone; recv from there on; none for steps that
// both halves need, unless one half alone is held up.
//
// Every phase has a deadline of its own (phases.h), which decides what a late or timed-out attempt
// is put down to; of the phases of two connections that are made at once the longer counts. An
// attempt that waits for a kept connection ends when the try fails. Every come-back of a kept
// connection or link and every failed try is a Reconnect.
//
// A kept leg that is up and of no use is given up and made again, with back-off: when three
// attempts of L in a row ran out over it while nothing was settled (leg 0) or completed (leg 1),
// and when leg 0 may not send for three budgets. That is a Reconnect too, a timeout in the phase
// that nothing came of. What was on its way goes on to its own end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probes/amqp/leg.h"
#include "probes/amqp/peek.h"
#include "probes/amqp/roundtrip.h"
#include "probes/ledger.h"
#include "probes/redial.h"
#include "probes/session.h"

namespace vc {

struct AmqpProbeOptions {
    AmqpConnectionOptions connection;  // container_id begins those of all connections
    Channel channel = Channel::DL;     // of L; Reconnects bear it
    std::string entity;                // the address of the kept queue
    std::string fresh_entity;          // and of the one for fresh connections
    bool management = false;           // the queues have a $management
    std::string run;                   // differs between any two sessions ever on the queues
    Duration budget{};                 // of the slowest attempt: three of it bring a leg up or not
    std::uint64_t seed = 0;            // of the back-off's jitter
};

class AmqpSession : public Session {
  public:
    explicit AmqpSession(AmqpProbeOptions options);

    SessionOutput start(const Attempt& attempt, Instant now) override;
    SessionOutput on_connect(Leg leg, const ConnectResult& result, Instant now) override;
    SessionOutput on_bytes(Leg leg, std::string_view bytes, Instant now) override;
    SessionOutput on_deadline(Instant now) override;
    SessionOutput on_close(Leg leg, CloseReason reason, Instant now) override;
    SessionOutput stop(Instant now) override;
    SessionOutput abandon(Instant now) override { return stop(now); }
    Leg legs() const override { return 5; }
    bool idle() const override;
    SessionCounters counters() const override;
    std::size_t open_attempts() const override { return ledger_.open_attempts(); }

  private:
    using Use = AmqpConnection::Use;
    static constexpr Leg kept_send = 0, kept_recv = 1, fresh_send = 2, fresh_recv = 3, peeking = 4;
    static constexpr std::size_t kept_legs = 2;

    // How an attempt ends, and what is known of where.
    struct Ending {
        End end;
        std::optional<Direction> half{};  // else that of the phase
        std::optional<Instant> since{};   // of the phase under way, when it is that which ends it
    };

    // A message on its way, by token number.
    struct Flight {
        OpenAttempt open;
        Leg sent_over = kept_send;
        Leg comes_over = kept_recv;
        Instant sent_at{};
        std::optional<Instant> settled_at;
        std::optional<Instant> received_at;
        std::uint64_t delivery = 0;
        bool completed = false;
        bool twice = false;
        // Its link went before it was settled: only its arrival can tell. What it is without.
        std::optional<Outcome> orphaned;
        bool check_asked = false;
        enum class Peeked : std::uint8_t { unknown, there, missing } peeked = Peeked::unknown;
        Phase phase() const;
        Instant since() const;
        // When it is time to look whether it still waits in the queue.
        Instant check_at() const { return open.attempt.due + 2 * open.attempt.budget; }
        // It was accepted, and has not come.
        bool missed() const { return settled_at && !received_at; }
        // What is not in the queue by then will never be; only when it is missed.
        Instant peekable_at() const {
            return std::min(check_at(), *settled_at + open.attempt.budget);
        }
        bool fresh() const { return sent_over == fresh_send || comes_over == fresh_recv; }
    };

    // What comes of a kept leg that is up.
    struct Yield {
        int in_vain = 0;            // attempts of L that ran out over it, with nothing in between
        Phase phase = Phase::none;  // in which the last of them did
        Instant since{};            // the first of them was sent
        std::optional<Instant> dry_since;  // it is ready, and may not send
    };

    // The attempt of F or X that has the fresh legs.
    struct Turn {
        OpenAttempt open;  // with its flight while that is on its way
        Leg send = fresh_send;
        Leg recv = fresh_recv;
        bool sender_added = false;  // the fresh leg has been told what it is for
        bool receiver_added = false;
        std::uint64_t number = 0;  // of its flight, once sent
        bool sends_anew = false;   // the link of its kept sender was made for it
        bool arrived = false;      // its flight is over, and it closes
        bool twice = false;
        Instant closing_since{};
        bool uses(Leg leg) const { return leg == send || leg == recv; }
    };

    // What has the leg for management: an attempt, or a look for missed messages.
    struct Question {
        std::optional<OpenAttempt> open;
        Instant until{};
        Leg comes_over = kept_recv;  // of the messages looked for
        Peek peek;
    };

    // session.cpp: attempts, flights, and what the runner tells.
    void mind_secret(Instant now);
    SessionOutput drive(Instant now);
    SessionOutput output(Instant now);
    void handle_events(Instant now);
    void handle(Leg leg, const AmqpConnection::Event& event, Instant now);
    void on_settled(const AmqpEvent& event, Instant now);
    void on_message(Leg leg, const AmqpEvent& event, Instant now);
    void on_completed(Leg leg, const AmqpEvent& event, Instant now);
    std::uint64_t send(OpenAttempt open, Leg leg, Use use, Leg comes_over, Instant now);
    void expire_flights(Instant now);
    void end_flight(std::uint64_t number, const Ending& ending, Instant now);
    void end_if_done(std::uint64_t number, Instant now);
    void leg_failed(Leg leg, End end, bool planned, Instant now);
    void flights_lost(Leg leg, std::optional<Use> use, Outcome outcome, bool planned, Instant now);
    void finish(OpenAttempt open, Ending ending, Instant now);
    std::optional<Instant> wake_at(Instant now) const;

    // session_kept.cpp: legs 0 and 1.
    void keep(Instant now);
    void check_kept(Leg leg, Instant now);
    void bring_up(Leg leg, Instant now);
    void kept_failed(Leg leg, End end, bool planned, Instant now);
    void reconnected(Leg leg, End end, bool planned, Duration took);
    void expire_waiting(Instant now);
    void fail_waiting(const Ending& ending, Instant now);
    void send_waiting(Instant now);
    bool kept_ready(Leg leg) const;
    Instant up_deadline(Leg leg) const;
    Ending stuck_at(Leg leg, std::optional<Use> use) const;
    // Of two legs that somebody waits for.
    static Ending stuck_between(const std::optional<Ending>& send,
                                const std::optional<Ending>& recv);
    std::optional<Ending> kept_stuck(Leg leg) const;
    std::vector<PhaseTime> kept_phases() const;

    // session_yield.cpp: kept legs that are of no use.
    void mind_credit(Instant now);
    void count_in_vain(const Flight& flight, Instant now);
    void give_up_useless(Instant now);
    void give_up(Leg leg, Phase phase, Instant since, Instant now);
    void note_use(Leg leg, bool cross, Instant now);
    bool is_housekeeping(Leg leg, std::optional<Use> use, Instant now);
    void fail_for_announcements(Leg leg, Instant now);

    // session_fresh.cpp: legs 2 and 3.
    void take_turns(Instant now);
    void begin_turn(Instant now);
    void step_turn(Instant now);
    void prepare(Leg leg, Instant now);
    void check_turn(Leg leg, Instant now);
    void close_turn(Instant now);
    void turn_arrived(OpenAttempt open, bool twice, Instant now);
    void turn_failed(Leg leg, End end, Instant now);
    void end_turn(const Ending& ending, Instant now);
    std::optional<Use> turn_use(Leg leg) const;
    bool turn_ready(Leg leg) const;
    std::optional<Ending> turn_stuck(Leg leg) const;
    std::vector<PhaseTime> turn_phases() const;

    // session_peek.cpp: leg 4.
    void ask_questions(Instant now);
    void end_question(const Ending& ending, Instant now);
    void look_for_missed(Instant now);
    void apply(const Peek& peek, Leg comes_over);

    AmqpProbeOptions options_;
    Roundtrip roundtrip_;
    Ledger ledger_;
    std::vector<AmqpLeg> legs_;
    std::array<Redial, kept_legs> redial_;
    std::array<bool, kept_legs> of_use_{};   // the kept leg has been ready since it was made
    std::array<bool, kept_legs> planned_{};  // its last loss was
    std::array<Yield, kept_legs> yield_{};
    struct Housekeeping {
        std::deque<Instant> announced;  // closes and detaches of the last hour, while it was used
        std::array<Instant, 2> used_at{};  // its own link, and that of X
    };
    std::array<Housekeeping, kept_legs> housekeeping_{};
    std::vector<PhaseTime> effort_;  // of the kept legs, for those that waited for it
    std::optional<Use> cross_use_;   // of leg 0: to the fresh queue
    std::uint64_t generation_ = 0;   // of the secret, when it was looked at last
    Duration kept_budget_;           // of the last attempt of L
    Waiting waiting_;                // L
    std::map<std::uint64_t, Flight> flights_;
    Waiting turns_;  // F and X
    std::optional<Turn> turn_;
    bool cross_reversed_ = false;  // which way the next X goes
    Waiting questions_;            // M
    std::optional<Question> question_;
    Instant next_look_ = Instant::min();
    Leg looked_for_ = kept_recv;  // what comes over this one, the last time
    bool stopping_ = false;
    std::vector<Observation> seen_;
    std::vector<Reconnect> reconnects_;
    SessionCounters counted_;
};

}  // namespace vc
