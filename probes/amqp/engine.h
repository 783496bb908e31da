// An AMQP 1.0 client connection without IO: bytes and time in, events out; commands in, bytes out.
// One connection, one session, at most one sender and one receiver. One object per connection. The
// only file of the layer that sees Proton (its C engine).
//
// SASL ANONYMOUS, or PLAIN with a user and password (allowed without TLS: TLS lies below and is
// the caller's to demand). What the peer does wrong ends the connection with one `failed` event:
// bytes that are no AMQP, a frame of more than 64 KiB, a message of more than 64 KiB, a link or
// session that it begins itself. After failed or closed no further events come.
// Proton's own callbacks are not used: events are polled, so nothing can throw through C.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/base/time.h"

namespace vc {

struct AmqpOptions {
    std::string hostname;      // of the open frame and SASL
    std::string container_id;  // ours
    std::string user;          // PLAIN when not empty, else ANONYMOUS
    std::string password;
    Duration idle_timeout{};  // we close when nothing came for so long; none when zero
};

enum class Disposition : std::uint8_t { accepted, rejected, released, modified, unknown };

struct AmqpEvent {
    enum class Kind : std::uint8_t {
        authenticated,
        opened,             // the peer's open frame
        sender_attached,    // with a target
        receiver_attached,  // with a source
        credit,             // the sender may send; comes with every flow that leaves some
        settled,            // tag: of the message sent; disposition, condition if rejected
        message,            // text: the body; delivery: for accept()
        completed,          // delivery: the peer settled what we accepted
        detached,           // the peer detached a link: condition, text: its description
        closed,             // the peer closed in order: condition, text
        refused,            // SASL said no
        failed,             // the protocol is broken: condition, text
    };
    Kind kind = Kind::failed;
    Disposition disposition = Disposition::unknown;
    std::uint64_t tag = 0;
    std::uint64_t delivery = 0;
    bool sender = false;    // detached: which link
    std::string condition;  // "amqp:not-found"; empty when none was given
    std::string text;
};

class AmqpEngine {
  public:
    AmqpEngine(const AmqpOptions& options, Instant now);
    ~AmqpEngine();
    AmqpEngine(const AmqpEngine&) = delete;
    AmqpEngine& operator=(const AmqpEngine&) = delete;

    void receive(std::string_view bytes, Instant now);
    // Heartbeats and the idle timeout. At or after wake_at().
    void tick(Instant now);
    std::optional<Instant> wake_at() const;

    void attach_sender(std::string_view address);
    // Peek-lock: what is received stays the broker's until accept(). `credit` is kept out.
    void attach_receiver(std::string_view address, int credit);
    bool may_send() const;  // there is credit
    // `tag` comes back in settled. Message-id and body are the same text. Needs may_send().
    void send(std::uint64_t tag, std::string_view body);
    void accept(std::uint64_t delivery);
    void close();

    std::string take_bytes();
    std::vector<AmqpEvent> take_events();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
