// One talk with a queue's $management over a fresh connection: the links, a peek of what waits in
// the queue (page after page, or the first alone), the replies validated, and an orderly close.
// Used for the attempts of DM and SM, and for messages that are missed: what can be peeked is
// stuck, what cannot is lost. Owned by the session, on its leg for management.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probes/amqp/leg.h"
#include "probes/ledger.h"

namespace vc {

class Peek {
  public:
    // `whole`: page after page up to what is sensible, and no orderly close.
    Peek(const std::string& queue, bool whole) : node_(queue + "/$management"), whole_(whole) {}

    // Goes as far as it can; the leg is up, and the caller closes it once there is an end.
    void step(AmqpLeg& leg, Instant now);
    const std::optional<End>& end() const { return end_; }

    Phase phase(const AmqpLeg& leg) const;
    Instant since(const AmqpLeg& leg) const;
    std::vector<PhaseTime> phases(const AmqpLeg& leg) const;

    // The bodies of what waits in the queue, and whether that is all of it.
    const std::vector<std::string>& bodies() const { return bodies_; }
    bool complete() const { return complete_; }
    // When what it saw was asked for first.
    Instant asked_at() const { return asked_at_; }
    bool broke_protocol() const { return broke_protocol_; }

  private:
    void ask(AmqpConnection& connection, Instant now);
    void handle(AmqpConnection& connection, const AmqpConnection::Event& event, Instant now);
    void on_reply(AmqpConnection& connection, const AmqpReply& reply, Instant now);
    void finish_talk(AmqpConnection& connection, Instant now);

    std::string node_;
    bool whole_;
    std::optional<AmqpConnection::Use> use_;
    std::uint64_t number_ = 0;  // of the request under way
    std::int64_t from_ = 0;
    Phase phase_ = Phase::none;  // once the links are there
    Instant since_{};
    Instant asked_at_{};
    bool settled_ = false;
    std::vector<PhaseTime> own_;
    std::vector<std::string> bodies_;
    bool complete_ = false;
    bool broke_protocol_ = false;
    std::optional<End> end_;
};

}  // namespace vc
