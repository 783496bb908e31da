// The OCPP 1.6J bridge: chargers' WebSockets on one side, the active broker on the other.
//
// Every CALL becomes a message to `ocpp-in`, known by "identity:message id"; the answer comes back
// by the same broker's `ocpp-out` and is relayed. StopTransaction and MeterValues are stored and
// forwarded: the charger gets its answer when the broker has settled the send, and that moment is
// what *acknowledged* means. An identity that begins with SYN-STANDBY- goes through the standby's
// `canary-in` whatever is active. Receivers on both brokers' `ocpp-out` are held all the time.
//
// Switching the producers takes what the old broker has not settled along to the new one, so it may
// be there twice. Bounded: chargers, calls that wait (dropped after 30 s), frames held by a stall.
// Faults: delay, stall, drop, refuse, accept_lose; "in" is from chargers, "out" is to them.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "tests/lab/amqp_client.h"
#include "tests/lab/faults.h"
#include "tests/lab/ledger.h"
#include "tests/lab/ocpp_frame.h"
#include "tests/lab/ws.h"

namespace vc::lab {

struct BrokerPorts {
    std::uint16_t primary = 0;
    std::uint16_t standby = 0;
};

class Bridge {
  public:
    Bridge(Agenda& agenda, std::uint64_t seed, BrokerPorts brokers, Ledger& ledger);
    ~Bridge();

    std::uint16_t port() const { return listener_.port(); }
    FaultTarget fault_target();

    void switch_to(const std::string& broker);  // "primary" or "standby"
    const std::string& active() const { return active_; }
    bool ready() const;  // both brokers connected, and their answers read
    boost::json::object to_json() const;

  private:
    using SessionId = Id<struct SessionTag>;
    struct Session {
        std::string identity;
        std::shared_ptr<WsConnection> socket;  // as Asio wants it, see ws.h
    };
    struct Pending {
        SessionId session;
        std::string id;
        std::string action;
        std::string broker;
        Instant due{};
    };
    struct Held {
        SessionId session;
        std::string text;
    };

    void accept(Socket socket);
    void serve(Socket socket);
    WsWelcome welcome(const std::shared_ptr<WsConnection>& socket, const std::string& path);
    void session_closed(SessionId session);
    void faults_changed();
    int drop(const Fault& fault);

    void from_charger(SessionId session, std::string text);
    void forward(SessionId session, const std::string& text);
    void forward_call(SessionId session, const OcppFrame& frame, const std::string& text);
    void settled(const std::string& key, bool accepted);
    void answered(AmqpClient& client, const AmqpClient::Incoming& incoming, AmqpMessage message);
    void relay(const std::string& key, const std::string& text);
    void to_charger(SessionId session, std::string text);
    void expire();
    AmqpClient& client(const std::string& broker);

    Agenda& agenda_;
    Ledger& ledger_;
    FaultState faults_;
    std::string active_ = "primary";
    AmqpClient primary_;
    AmqpClient standby_;
    std::map<SessionId, Session> sessions_;
    std::map<std::string, SessionId> by_identity_;
    std::set<std::shared_ptr<WsConnection>> upgrading_;
    std::map<std::string, Pending> pending_;
    std::deque<std::pair<Instant, std::string>> due_;
    std::deque<Held> held_in_;
    std::deque<std::pair<std::string, std::string>> held_out_;
    std::deque<Socket> held_connections_;
    std::uint64_t next_session_ = 1;
    std::uint64_t calls_ = 0, expired_ = 0;
    Timer expiry_;
    Errands errands_;
    Listener listener_;
};

}  // namespace vc::lab
