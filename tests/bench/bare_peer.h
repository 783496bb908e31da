// What the probes are compared with: Proton's C engine over a socket that blocks, and nothing else.
// No event loop, no timers, no state machine, no deadlines but one for all. It goes through the
// same steps on the wire as a probe does, and takes the time of each.
//
// A peer that does not answer within some seconds, or says no, ends as std::runtime_error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/host/clock.h"

namespace vc::bench {

// Whom to trust; loaded once, for all connections, as a daemon does.
class BareTrust {
  public:
    explicit BareTrust(const std::string& ca);  // a PEM file
    ~BareTrust();
    BareTrust(const BareTrust&) = delete;
    BareTrust& operator=(const BareTrust&) = delete;

  private:
    friend class BarePeer;
    struct State;
    std::unique_ptr<State> state_;
};

struct BareTarget {
    std::string host = "localhost";  // must be what the certificate is for
    std::uint16_t port = 0;
    std::shared_ptr<BareTrust> trust;  // of all that are aimed at it; TLS when there is one
    std::string address;
    std::function<std::string(const std::string& audience)>
        token;  // of type sastoken; may be empty
};

// One connection. Its steps are taken by several at once, each waiting for all: a probe brings the
// two connections of an attempt up at the same time.
class BarePeer {
  public:
    explicit BarePeer(const BareTarget& target);
    ~BarePeer();
    BarePeer(const BarePeer&) = delete;
    BarePeer& operator=(const BarePeer&) = delete;

  private:
    friend class BarePair;
    struct State;
    std::unique_ptr<State> state_;
};

// A connection that sends and one that receives, of the same queue.
class BarePair {
  public:
    explicit BarePair(const BareTarget& target) : sender_(target), receiver_(target) {}

    void open();       // TCP, TLS, SASL ANONYMOUS, open
    void put_token();  // attach to $cbs both ways, and the exchange
    void attach();     // with credit for the receiver
    void close();      // in order

    struct Times {
        Duration settle{};    // from the send to the broker's settling it
        Duration receive{};   // from the send to its arrival
        Duration complete{};  // from the arrival to the broker's settling that
    };
    Times once();

  private:
    BarePeer sender_;
    BarePeer receiver_;
    Clock clock_;
    std::uint64_t number_ = 0;
};

// Connect, one message, close; how long all of it took.
Duration bare_fresh(const BareTarget& target);

}  // namespace vc::bench
