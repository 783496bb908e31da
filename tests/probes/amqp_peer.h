// An AMQP broker without IO, for tests: the peer of probes/amqp. One object per connection, over a
// store of queues that they share. Well-behaved unless its manners say otherwise: it can fail in
// every way at every step, and what it holds back can be let go later.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/observation.h"

namespace vc {

// What the peer does instead of its part in a step.
enum class AmqpFault : std::uint8_t {
    silent,     // nothing, and nothing ever after
    detach,     // detaches the link in question, as it does with failures of its own
    close,      // closes the connection with an error
    end,        // ends the AMQP session with an error
    garbage,    // bytes that are no frame
    oversized,  // a frame longer than was agreed
    wrong,      // a performative that has no place there
    own_link,   // attaches a link of its own
};

struct AmqpManners {
    bool attach_sender = true;      // answers the attach of the client's sender
    bool credit = true;             // grants credit
    int grant = 100;                // so much of it, once
    bool attach_receiver = true;    // answers the attach of the client's receiver
    bool settle = true;             // settles what is sent
    bool deliver = true;            // delivers what was sent
    bool lose = false;              // accepts what was sent, and forgets it
    bool twice = false;             // delivers it a second time
    bool complete = true;           // settles what the client accepted
    std::string refuse_completion;  // condition of the rejection of what the client accepted
    bool second = true;             // offers the second settlement at all
    std::string product;            // says in its open that it is this
    bool close = true;              // answers the close frame
    std::string refuse_sender;      // condition: attach without target, then detach
    std::string refuse_receiver;
    std::string refuse_node;  // only an address that holds this; all when empty
    std::string reject;       // condition of the rejection of what is sent
    bool release = false;     // released, rather than accepted
    bool sequence = true;     // annotates messages with their sequence number, and numbers them

    Phase fault_at = Phase::none;  // the step in which it fails
    AmqpFault fault = AmqpFault::silent;

    int token_status = 202;        // of $cbs; none when 0
    bool answer_tokens = true;     // at all
    bool own_correlation = false;  // replies bear a correlation that nobody asked for
    int peek_status = 0;           // of $management, instead of what is right; none when negative
    std::string peek_condition;
    bool peek_garbage = false;    // a body that is no list of messages
    bool reply_garbage = false;   // replies that are no message
    std::size_t peek_most = 100;  // a page
};

// What the connections of one broker have in common.
struct AmqpStore {
    struct Stored {
        std::string encoded;
        std::int64_t sequence = 0;
        bool locked = false;  // delivered, and not completed yet
    };
    std::map<std::string, std::deque<Stored>> queues;
    std::int64_t sequences = 0;
    std::vector<std::string> tokens;  // that were put, with their audience before them
    int completed = 0;                // messages accepted by a client

    void put(const std::string& queue, std::string_view body);  // as others would have sent it
    void put_raw(const std::string& queue, std::string encoded);
};

class AmqpPeer {
  public:
    AmqpPeer(AmqpManners manners, AmqpStore& store);
    ~AmqpPeer();

    void receive(std::string_view bytes);
    std::string take_bytes();

    AmqpManners& manners();
    void settle_held();  // what settle = false held back
    void complete_held();
    void detach(bool clients_sender, const std::string& condition, const std::string& text = "go");
    void detach_address(const std::string& address, const std::string& condition);
    void close(const std::string& condition);

    std::vector<std::string> senders() const;  // addresses, as far as they are attached
    std::vector<std::string> receivers() const;
    std::string container() const;
    std::string hostname() const;
    int requests() const;       // that $management got
    bool asked_second() const;  // the newest receiver wants to see its settlement settled

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// Frames by hand.
std::string sasl_header();
std::string sasl_mechanisms(const std::string& name);
std::string sasl_outcome(char code);

}  // namespace vc
