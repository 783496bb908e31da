// An AMQP connection brought up step by step to a sender and a receiver on one queue, each step a
// phase of its own: sasl, open, attach_send, credit, attach_recv. Used by the long-lived session
// and by the fresh dialogue alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/amqp/engine.h"
#include "probes/ledger.h"

namespace vc {

class AmqpLink {
  public:
    AmqpLink(const AmqpOptions& options, std::string entity, Instant now);

    void receive(std::string_view bytes, Instant now);
    void tick(Instant now);

    bool ready() const { return phase_ == Phase::none; }
    Phase phase() const { return phase_; }  // the step under way; none when ready
    const std::vector<PhaseTime>& phases() const { return watch_.phases(); }
    // Set once the connection is of no more use: the outcome, in the step under way.
    const std::optional<End>& broken() const { return broken_; }
    // The peer closed in order after close().
    bool closed() const { return closed_; }
    bool broke_protocol() const { return broke_protocol_; }
    const std::string& words() const { return words_; }  // the peer's, about why

    // settled, message and completed.
    std::vector<AmqpEvent> take_events();
    // Completes a message; that it is completed may be among the events at once.
    void accept(std::uint64_t delivery, Instant now);
    AmqpEngine& engine() { return engine_; }
    const AmqpEngine& engine() const { return engine_; }
    void close();

  private:
    void handle(AmqpEvent event, Instant now);
    void advance(Phase from, Phase to, Instant now);
    void take(Instant now);

    AmqpEngine engine_;
    std::string entity_;
    PhaseWatch watch_;
    Phase phase_ = Phase::sasl;
    std::optional<End> broken_;
    bool closing_ = false;
    bool closed_ = false;
    bool broke_protocol_ = false;
    std::string words_;
    std::vector<AmqpEvent> events_;
};

// What an error condition says of the platform. `otherwise` is for conditions not known here.
Outcome outcome_of_condition(std::string_view condition, Outcome otherwise);
// What the outcome of a sent message says; ok when it was accepted.
Outcome outcome_of_settlement(const AmqpEvent& event);

}  // namespace vc
