// One of a session's connections to a broker: from asked for, over connected and brought up, to
// closed. Owned by the session, which decides when it is opened and closed; the leg keeps what was
// asked of the runner, and how long each step took.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/amqp/connection.h"
#include "probes/session.h"

namespace vc {

class AmqpLeg {
  public:
    enum class State : std::uint8_t { down, connecting, up, closing };

    // `name` begins the container id of its connections; each has a number of its own behind it,
    // for a broker may take two links of one name and container for the same.
    explicit AmqpLeg(AmqpConnectionOptions options) : options_(std::move(options)) {}

    State state() const { return state_; }
    bool down() const { return state_ == State::down; }
    bool up() const { return state_ == State::up; }

    // Only while it is down.
    void open(Instant now, Duration within);
    // While connecting or up; what is still to be said is said first. No connection after.
    void close();

    // The end of the try, when it failed; else it is up.
    std::optional<End> on_connect(const ConnectResult& result, Instant now);
    void on_bytes(std::string_view bytes, Instant now);
    void on_time(Instant now);
    void on_close();

    // While up. Nothing else may be kept of it beyond a close.
    AmqpConnection& connection() { return *connection_; }
    const AmqpConnection& connection() const { return *connection_; }
    Instant since() const { return since_; }  // connecting or up
    // Of the connection so far and of one use; of the name, the connection and TLS alone before.
    std::vector<PhaseTime> phases(AmqpConnection::Use use) const;
    // One of the connection's links; the number differs between any two that the leg ever had.
    std::uint64_t link(AmqpLinkId link) const { return (made_ << 20) | link; }
    std::optional<Instant> wake_at() const;

    LegOutput take_output();

  private:
    AmqpConnectionOptions options_;
    State state_ = State::down;
    std::unique_ptr<AmqpConnection> connection_;
    std::vector<PhaseTime> dialled_;
    Instant since_{};
    std::uint64_t made_ = 0;
    LegOutput output_;
};

}  // namespace vc
