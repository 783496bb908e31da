// An AMQP connection brought up step by step, each step a phase of its own: sasl, open and, where
// the broker wants tokens, cbs_attach; then for every use that is made of it cbs_put_token, and
// attach_send and credit or attach_recv. Owned by one leg of a session, one object per connection.
//
// Tokens are put before the links they are for, anew when three quarters of their time are over
// (which leaves a quarter for whatever goes wrong, however long they live) and when the secret has
// changed. A token that could not be put anew (a failing or silent $cbs, or a refusal without a new
// secret) is put again some time later, as long as the one before it is good. A link that the peer
// detaches as part of its housekeeping is attached again at once, and that is told; any other
// detach ends its use. What ends the whole connection is broken().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/amqp/credentials.h"
#include "probes/amqp/engine.h"
#include "probes/ledger.h"

namespace vc {

struct AmqpConnectionOptions {
    std::string hostname;
    std::string container_id;
    bool tls = false;  // what audiences begin with
    Duration idle_timeout{};
    Duration token_timeout{};  // $cbs has answered by then, or does not answer; none when zero
    // Null is anonymous. Shared with the daemon, which keeps it fresh.
    std::shared_ptr<const AmqpCredentials> credentials;
};

enum class AmqpUse : std::uint8_t { send, receive, ask };

class AmqpConnection {
  public:
    // What is made of one address, through all re-attachments. Numbered from 0.
    using Use = std::size_t;

    struct Event {
        enum class Kind : std::uint8_t {
            settled,     // seen: of a message or request
            message,     // seen
            reply,       // seen
            completed,   // seen
            detached,    // in order: what was not settled never will be; the use is
                         // attached again
            reattached,  // it is back, after `took`
        };
        Kind kind = Kind::settled;
        Use use = 0;
        AmqpEvent seen;
        Duration took{};
    };

    struct Broken {
        Outcome outcome = Outcome::reset;
        bool planned = false;
        bool no_token = false;      // auth, because there was none to be had
        Phase phase = Phase::none;  // when it is none of those on the way up
    };

    AmqpConnection(const AmqpConnectionOptions& options, Instant now);

    Use add(AmqpUse kind, std::string address, Instant now);
    // One that failed is tried again.
    void again(Use use, Instant now);

    void receive(std::string_view bytes, Instant now);
    // Heartbeats, and tokens that are due. Harmless at any time.
    void tick(Instant now);
    std::optional<Instant> wake_at() const;

    bool ready(Use use) const { return phase(use) == Phase::none; }
    Phase phase(Use use) const;  // the step under way; none when ready
    Instant phase_since(Use use) const;
    std::vector<PhaseTime> phases(Use use) const;  // of the connection and the use
    const std::vector<PhaseTime>& own_phases(Use use) const { return uses_[use].watch.phases(); }
    // The use is over, though the connection may not be: the outcome, in the step under way.
    const std::optional<Outcome>& failed(Use use) const { return uses_[use].failed; }

    bool has(Use use) const { return use < uses_.size(); }
    bool may_send(Use use) const { return ready(use) && engine_.may_send(uses_[use].sender); }
    void send(Use use, std::uint64_t tag, std::string_view body, Instant now);
    void ask(Use use, AmqpRequest request, Instant now);
    // Completes a message; that it is completed may be among the events at once.
    void accept(std::uint64_t delivery, Instant now);
    void close();

    const std::optional<Broken>& broken() const { return broken_; }
    bool closed() const { return closed_; }  // by the peer, in order, after close()
    bool broke_protocol() const { return broke_protocol_; }
    // What a link is told apart by from all others of this connection, re-attached ones included.
    AmqpLinkId link(Use use) const;

    std::vector<Event> take_events();
    std::string take_bytes() { return engine_.take_bytes(); }

  private:
    struct Line {
        AmqpUse kind = AmqpUse::send;
        std::string address;
        AmqpLinkId sender = 0;
        AmqpLinkId receiver = 0;
        Phase phase = Phase::cbs_put_token;
        bool begun = false;  // once the connection is there
        PhaseWatch watch;
        std::optional<Outcome> failed;
        std::optional<Instant> detached_at;
    };
    // The right to use an address, as far as $cbs has given it.
    struct Grant {
        std::string audience;
        bool given = false;
        std::uint64_t asked = 0;  // the request under way; 0 when none is
        bool wanted = true;       // a request is to be made
        Instant again_at = Instant::max();
        Instant expires{};             // of the token that is good
        std::uint64_t generation = 0;  // of the secret it was made of
        Instant asked_expires{};       // of the one that is under way
        std::uint64_t asked_generation = 0;
        std::uint64_t given_up = 0;  // the last request that was not answered in time
        Instant answer_by = Instant::max();
        bool open() const { return wanted || asked != 0; }
        bool good(Instant now) const { return given && now < expires; }
    };

    void take(Instant now);
    void handle(AmqpEvent& event, Instant now);
    void advance(Instant now);
    void advance(Use use, Instant now);
    void attach(Line& line, Instant now);
    void on_attached(const AmqpEvent& event, Instant now);
    void on_credit(AmqpLinkId link, Instant now);
    void became_ready(Line& line, Instant now);
    void on_settled(AmqpEvent& event, Instant now);
    void on_detached(const AmqpEvent& event, Instant now);
    void on_closed(const AmqpEvent& event);
    void on_token_reply(const AmqpReply& reply, Instant now);
    void cbs_attach();
    bool cbs_ready() const;
    void put_tokens(Instant now);
    void want(Grant& grant, Instant now);
    void token_failed(Grant& grant, Outcome outcome, Instant now);
    bool granted(const Line& line, Instant now);
    std::string audience_of(std::string_view address) const;
    std::string reply_address(std::string_view node) const;
    void broken(Outcome outcome, bool planned = false);
    Line* line_of(AmqpLinkId link);
    Use number_of(const Line& line) const { return static_cast<Use>(&line - uses_.data()); }
    bool with_tokens() const { return options_.credentials && options_.credentials->uses_cbs(); }

    AmqpConnectionOptions options_;
    AmqpEngine engine_;
    PhaseWatch watch_;
    Phase phase_ = Phase::sasl;
    Instant phase_since_{};
    std::vector<Line> uses_;
    std::vector<Grant> grants_;
    AmqpLinkId cbs_sender_ = 0;
    AmqpLinkId cbs_receiver_ = 0;
    bool cbs_sends_ = false;
    bool cbs_receives_ = false;
    std::uint64_t generation_ = 0;
    std::uint64_t requests_ = 0;
    std::optional<Broken> broken_;
    bool closing_ = false;
    bool closed_ = false;
    bool broke_protocol_ = false;
    std::vector<Event> events_;
};

}  // namespace vc
