// One AMQP 1.0 connection: Proton's C engine over our own transport, as server (the broker) or as
// client (bridge, backend). Owned by whoever made it, and by its own pending socket operations
// (hence shared_ptr: Asio's handlers outlive any single owner). One thread.
//
// Links and deliveries are named by ids, never by Proton's pointers: an id that is gone is simply
// not found, so a settle that was delayed past the end of its link is a no-op.
// Nothing here throws; a peer that breaks the protocol gets its connection closed by the engine.
//
// Idle time-outs are in the rules' time, as everything else: at a time-lapse of 20, the 120000 ms
// that are advertised pass in 6 s of the machine.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/lab/agenda.h"
#include "tests/lab/amqp_types.h"
#include "tests/lab/transport.h"

struct pn_link_t;
struct pn_delivery_t;
struct pn_event_t;
struct pn_session_t;
struct pn_transport_t;

namespace vc::lab {

class AmqpConnection;

// Where a connection can be held up, for faults that stall it there.
enum class AmqpPhase { Sasl, Open, Attach };

// None: as it should be. Deaf: nothing is read or written, the socket stays. HeartbeatsOnly: what
// comes is kept unread, and idle frames go out, so that no idle time-out of the peer ever fires.
enum class Freeze { None, Deaf, HeartbeatsOnly };

// What happens on a connection. Calls may be made back into the connection from within.
class AmqpEvents {
  public:
    virtual ~AmqpEvents() = default;
    virtual void on_open(AmqpConnection&) {}
    // Server: answer with accept_link or refuse_link. Client: the answer to open_*.
    virtual void on_attach(AmqpConnection&, const AmqpLink&) {}
    virtual void on_detach(AmqpConnection&, LinkId, const AmqpError&) {}
    // Our sender may have got credit, or was asked to drain: then answer with drained().
    virtual void on_credit(AmqpConnection&, LinkId) {}
    virtual void on_message(AmqpConnection&, LinkId, DeliveryId, AmqpIncoming) = 0;
    // The peer's word on a message we sent; answer with settle(). When the peer has not settled
    // itself (a receiver in mode second), it hears the outcome that settle() is given, which may
    // be another: Rejected with com.microsoft:message-lock-lost.
    virtual void on_outcome(AmqpConnection&, LinkId, DeliveryId, const AmqpOutcome&) = 0;
    // Server: whether the connection, or the attach of `link`, is to get no answer for now. Asked
    // again by go_on().
    virtual bool holds(AmqpConnection&, AmqpPhase, const AmqpLink*) { return false; }
    // The last call for this connection, whatever ended it.
    virtual void on_closed(AmqpConnection&, const AmqpError&) = 0;
};

class AmqpConnection : public std::enable_shared_from_this<AmqpConnection> {
  public:
    using Tag = std::array<char, 16>;

    struct Settings {
        bool server = false;
        std::string container_id;
        // Server: what PLAIN must match. Client: PLAIN when the user is set, else ANONYMOUS.
        Credentials credentials;
        // Server: other users that PLAIN lets in. Empty: none.
        std::function<bool(const Credentials&)> passes;
        // Client: what it may use, if not the above.
        std::string mechanisms;
        Duration idle_timeout{};
        AmqpMap properties{};  // of our open
        // Server: a peer may be silent for the idle time-out of the machine's time, not of the
        // rules'. For clients that know of no time-lapse.
        bool machine_idle = false;
    };

    AmqpConnection(Agenda& agenda, std::unique_ptr<Transport> transport, Settings settings,
                   AmqpEvents& events);
    AmqpConnection(Agenda& agenda, Socket socket, Settings settings, AmqpEvents& events)
        : AmqpConnection(agenda, plain_transport(std::move(socket)), std::move(settings), events) {}
    ~AmqpConnection();
    AmqpConnection(const AmqpConnection&) = delete;
    AmqpConnection& operator=(const AmqpConnection&) = delete;

    void start();

    // Client. `credit` is what the receiver first gives.
    LinkId open_sender(const std::string& name, const std::string& target,
                       const AttachWish& wish = {});
    LinkId open_receiver(const std::string& name, const std::string& source, int credit,
                         const AttachWish& wish = {});

    // Server, in answer to on_attach, now or later.
    void accept_link(LinkId link, const AttachReply& reply);
    void accept_link(LinkId link, int credit);
    void refuse_link(LinkId link, const AmqpError& error);

    void close_link(LinkId link, const AmqpError& error = {});
    void add_credit(LinkId link, int credit);
    void drain(LinkId link);  // as a receiver: asks to have what credit is left given back
    // Messages the peer still allows on this link; 0 also when too many are unsettled or unsent.
    int credit(LinkId link) const;
    // Answers a drain (on_credit): gives back what credit is left, if the peer asked.
    void drained(LinkId link);

    DeliveryId send(LinkId link, const Tag& tag, std::string_view bytes, bool presettled);
    void settle(DeliveryId delivery, Settlement outcome, const AmqpError& error = {});

    void close(const AmqpError& error = {});  // with an AMQP close frame
    void reset();                             // RST, nothing more is said
    void hang_up();                           // FIN, nothing more is said
    void freeze(Freeze how);
    void go_on();  // what was held is asked for again
    // The owner goes away: no event any more, and the socket is closed.
    void abandon();

    // Whether the peer asked to have its credit back, and has no answer yet.
    bool drain_asked(LinkId link) const;

    bool has_link(LinkId link) const { return links_.count(link.value) > 0; }
    bool open() const { return open_; }
    const AmqpRemote& remote() const { return remote_; }
    Freeze frozen() const { return frozen_; }
    Instant born() const { return born_; }

  private:
    struct Engine;  // Proton's driver and the SASL plugin

    void set_up(pn_transport_t* transport);
    void read_next();
    bool feed_frame();
    void feed(std::string_view bytes);
    bool stays_out(std::string_view frame);
    void beat();
    void write_out();
    void flush();
    void wake();
    void pump();
    void tick();
    void finish();
    void handle(pn_event_t* event);
    void handle_link(pn_event_t* event);
    AmqpLink describe(pn_link_t* link) const;
    void link_opened(pn_link_t* link);
    void offer(const AmqpLink& link);
    void link_gone(pn_link_t* link, bool closed);
    void session_gone(pn_session_t* session);
    void delivery_changed(pn_delivery_t* delivery);
    void message_arrived(pn_link_t* link, pn_delivery_t* delivery);
    LinkId remember(pn_link_t* link);
    void forget(pn_link_t* link);
    pn_link_t* find(LinkId link) const;
    LinkId client_link(bool sender, const std::string& name, const std::string& address,
                       const AttachWish& wish);

    Agenda& agenda_;
    std::unique_ptr<Transport> transport_;
    Settings settings_;
    AmqpEvents* events_;
    std::unique_ptr<Engine> engine_;
    std::unordered_map<std::uint64_t, pn_link_t*> links_;
    std::unordered_map<std::uint64_t, pn_delivery_t*> deliveries_;
    std::uint64_t next_id_ = 1;
    std::array<char, 16384> in_{};
    std::string inbox_;         // came, and is not the engine's yet
    std::size_t inbox_at_ = 0;  // where its unread part begins
    bool answers_due_ = false;  // the last frame may want an answer before the next is read
    std::uint32_t transfer_format_ = 0;  // of the frame that the engine has last
    std::unordered_map<pn_delivery_t*, std::uint32_t> formats_;  // of messages in several frames
    std::vector<AmqpLink> held_links_;
    Freeze frozen_ = Freeze::None;
    bool passed_sasl_ = false;
    bool passed_open_ = false;
    bool read_error_ = false;
    bool reading_ = false;
    Timer heartbeat_;
    std::string out_;
    std::size_t out_frame_left_ = 0;  // octets until what was written ends with a whole frame
    AmqpError error_;
    AmqpRemote remote_;
    Instant born_;
    Instant heard_;
    Timer tick_;
    Timer handshake_;
    Instant tick_at_ = Instant::max();
    bool open_ = false;
    bool writing_ = false;
    bool pumping_ = false;
    bool woken_ = false;
    bool reset_ = false;
    bool hung_up_ = false;
    bool read_over_ = false;
    bool finished_ = false;
};

}  // namespace vc::lab
