// An AMQP broker of one queue without IO, for tests: the peer of probes/amqp. Well-behaved unless
// its manners say otherwise; what it holds back can be let go later.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vc {

struct AmqpManners {
    bool open = true;             // answers the open frame
    bool attach_sender = true;    // answers the attach of the client's sender
    bool credit = true;           // grants credit
    bool attach_receiver = true;  // answers the attach of the client's receiver
    bool settle = true;           // settles what is sent
    bool deliver = true;          // delivers what was sent
    bool twice = false;           // delivers it a second time
    bool complete = true;         // settles what the client accepted
    bool second = true;           // offers the second settlement at all
    bool close = true;            // answers the close frame
    bool own_link = false;        // attaches a link of its own after the open
    std::string refuse_sender;    // condition: attach without target, then detach
    std::string refuse_receiver;
    std::string reject;    // condition of the rejection of what is sent
    bool release = false;  // released, rather than accepted
};

class AmqpPeer {
  public:
    explicit AmqpPeer(AmqpManners manners = {});
    ~AmqpPeer();

    void receive(std::string_view bytes);
    std::string take_bytes();

    void put(std::string_view body);  // a message as others would have sent it
    void put_raw(std::string encoded);
    void settle_held();   // what settle = false held back
    void deliver_held();  // what deliver = false held back; one
    void complete_held();
    void detach(bool clients_sender, const std::string& condition);
    void close(const std::string& condition);

    std::string sender_address() const;
    std::string receiver_address() const;
    std::string container() const;
    std::string hostname() const;
    int completed() const;  // messages accepted by the client

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vc
