// An AMQP client of the platform: one connection to one broker that is made again whenever it goes
// (back-off 0.1 s doubling to 1 s), senders by entity, receivers by entity.
//
// At least once: a message whose settle did not come before the connection went is sent again, with
// the same bytes and so the same message-id; the broker may then have it twice. What is unsettled
// can be taken away and given to the client of another broker.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/lab/amqp_engine.h"
#include "tests/lab/amqp_message.h"

namespace vc::lab {

// How the platform's own clients log in (PLAIN): they hold no keys of an access policy. The lab is
// reached over loopback only, so this guards nothing and is no secret.
inline const Credentials platform_login{"lab-platform", "let-me-in"};

struct Outgoing {
    std::string key;     // the sender's name for it
    std::string entity;  // where to
    std::string bytes;
};

class AmqpClient : public AmqpEvents {
  public:
    // Must be answered with complete() or release(), now or later.
    struct Incoming {
        std::uint64_t connection = 0;  // which of the client's connections, counted from 1
        DeliveryId delivery;
        LinkId link;
    };
    using Receive = std::function<void(const Incoming&, AmqpMessage)>;
    using Settled = std::function<void(const std::string& key, bool accepted)>;

    AmqpClient(Agenda& agenda, std::string name, std::uint16_t port, Settled settled);
    ~AmqpClient() override;
    AmqpClient(const AmqpClient&) = delete;
    AmqpClient& operator=(const AmqpClient&) = delete;

    void start();
    void add_receiver(const std::string& entity, int credit, Receive receive);
    void remove_receiver(const std::string& entity);
    bool attached(const std::string& entity) const;  // the broker has answered, and not refused
    bool connected() const { return connection_ && connection_->open(); }

    // Goes out when there is a link with credit; false when too much waits already.
    bool send(Outgoing message);
    bool has(const std::string& key) const { return by_key_.count(key) > 0; }
    void forget(const std::string& key);
    // Everything for `entity` that is not settled, oldest first; it is no longer this client's.
    std::vector<Outgoing> take_unsettled(const std::string& entity);
    std::size_t unsettled() const { return by_key_.size(); }

    void complete(const Incoming& message);
    void release(const Incoming& message);

    void drop(bool forced);  // the connection, as if the network had done it

  private:
    struct Receiver {
        int credit = 0;
        Receive receive;
        LinkId link;
        bool attached = false;
    };
    struct Waiting {
        Outgoing message;
        DeliveryId delivery;  // none: not sent on this connection
    };
    struct Sender {
        LinkId link;
        std::list<Waiting> unsent;
        std::list<Waiting> sent;
    };
    struct Where {
        std::string entity;
        std::list<Waiting>::iterator at;
        bool sent = false;
    };

    void connect();
    void connected_to(boost::asio::ip::tcp::socket socket);
    void retry();
    void attach_receiver(const std::string& entity, Receiver& receiver);
    void attach_sender(const std::string& entity, Sender& sender);
    void flush(Sender& sender);
    void answer(const Incoming& message, Settlement settlement);
    void link_lost(LinkId link);

    void on_open(AmqpConnection&) override;
    void on_attach(AmqpConnection&, const AmqpLink&) override;
    void on_detach(AmqpConnection&, LinkId, const AmqpError&) override;
    void on_credit(AmqpConnection&, LinkId) override;
    void on_message(AmqpConnection&, LinkId, DeliveryId, AmqpIncoming) override;
    void on_outcome(AmqpConnection&, LinkId, DeliveryId, const AmqpOutcome&) override;
    void on_closed(AmqpConnection&, const AmqpError&) override;

    Agenda& agenda_;
    std::string name_;
    std::uint16_t port_;
    Settled settled_;
    std::shared_ptr<AmqpConnection> connection_;
    std::uint64_t generation_ = 0;
    Timer retry_;
    Timer patience_;  // for a broker that accepts and says nothing
    Errands reattach_;
    Duration backoff_;
    std::map<std::string, Receiver> receivers_;
    std::map<std::string, Sender> senders_;
    std::map<std::string, Where> by_key_;
    std::map<DeliveryId, std::string> by_delivery_;
    std::uint64_t tags_ = 0;
    // Asio's connect outlives this client; the handler sees by this that nobody waits any more.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vc::lab
