// An AMQP 1.0 client connection without IO: bytes and time in, events out; commands in, bytes out.
// One connection, one AMQP session, a few links. One object per connection. With codec.cpp the only
// file of the layer that sees Proton (its C engine).
//
// SASL uses the one mechanism that the login names and no other (PLAIN is allowed without TLS: TLS
// lies below and is the caller's to demand). What the peer does wrong ends the connection with one
// `failed` event: bytes that are no AMQP, a frame of more than 64 KiB, a message of more than 64
// KiB, a link or session that it begins itself. After failed or closed no further events come.
// Proton's own callbacks are not used: events are polled, so nothing can throw through C.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/amqp/codec.h"
#include "probes/amqp/credentials.h"
#include "rules/base/time.h"

namespace vc {

struct AmqpOptions {
    std::string hostname;      // of the open frame and SASL
    std::string container_id;  // ours
    AmqpLogin login;
    Duration idle_timeout{};  // we close when nothing came for so long; none when zero
};

enum class Disposition : std::uint8_t { accepted, rejected, released, modified, unknown };

// A link of one engine; 0 is none. Never used again for another.
using AmqpLinkId = std::uint32_t;

struct AmqpEvent {
    enum class Kind : std::uint8_t {
        authenticated,
        opened,     // the peer's open frame
        attached,   // link: with the terminus asked for
        credit,     // link: it may send; comes with every flow that leaves some
        settled,    // link, tag: of the message sent; disposition, condition if rejected
        message,    // link, text: the body, delivery: for accept()
        reply,      // link, reply; accepted already
        completed,  // delivery: the peer settled what we accepted; disposition: accepted, or what
                    // it made of that instead, condition if rejected
        detached,   // link, which is gone: condition, text: its description
        closed,     // the peer closed in order: condition, text
        refused,    // SASL said no
        failed,     // the protocol is broken: condition, text
    };
    Kind kind = Kind::failed;
    Disposition disposition = Disposition::unknown;
    AmqpLinkId link = 0;
    std::uint64_t tag = 0;
    std::uint64_t delivery = 0;
    std::string condition;  // "amqp:not-found"; empty when none was given
    std::string text;
    AmqpReply reply;
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

    AmqpLinkId attach_sender(std::string_view address);
    // Peek-lock: what is received stays the broker's until accept(). `credit` is kept out.
    AmqpLinkId attach_receiver(std::string_view address, int credit);
    // For replies, to be sent to `reply_to`; they come as `reply` and are accepted at once.
    AmqpLinkId attach_replies(std::string_view address, std::string_view reply_to);
    // There is credit, and fewer than 256 sent messages wait to be settled.
    bool may_send(AmqpLinkId link) const;
    // `tag` comes back in settled. Message-id and body are the same text. Needs may_send().
    void send(AmqpLinkId link, std::uint64_t tag, std::string_view body);
    // The same for a request; its number is the tag.
    void send(AmqpLinkId link, const AmqpRequest& request);
    void accept(std::uint64_t delivery);
    void close();

    std::string take_bytes();
    std::vector<AmqpEvent> take_events();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
