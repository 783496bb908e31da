// The front of one namespace: its port (AMQP, TLS, WebSocket, HTTP), who may come in, and how long.
// Stands between the connections and the broker behind it: it hands on every event of AmqpEvents
// except those of $cbs links, and closes what Service Bus would close:
//   - no valid token within 20 s of connecting (only where there are keys),
//   - the links of an entity whose token has expired (amqp:unauthorized-access),
//   - no link within a minute of opening, or none for five minutes (amqp:connection:forced),
//   - a link without traffic for ten minutes (amqp:link:detach-forced).
// A link that it closes is told to the broker by on_detach.
//
// Faults of connections are its own: drop, refuse, stalls of each phase, freeze, heartbeat_only,
// cbs_stall, cbs_401, certificate. Owned by the Broker; all times are the rules' time.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/lab/amqp_engine.h"
#include "tests/lab/door.h"
#include "tests/lab/fault_state.h"
#include "tests/lab/listener.h"
#include "tests/lab/servicebus/cbs.h"
#include "tests/lab/servicebus/tracking.h"

namespace vc::lab::servicebus {

struct FrontOptions {
    std::string name;
    std::uint64_t seed = 1;
    Credentials platform;               // passes PLAIN beside the rest; no user: none does
    Credentials plain;                  // no user: PLAIN passes by a key's name and text only
    std::vector<AccessKey> keys;        // none: open to all
    std::string address = "127.0.0.1";  // of the port
    std::string amqps_address;          // a second listener there, on 5671; empty: none
    std::size_t connection_limit = 5000;
    bool idle_closes = true;
    bool machine_idle = false;  // for clients that know of no time-lapse
    Tls* tls = nullptr;         // none: TLS gets no answer
    std::function<Result<Instant>(std::string_view token, Instant now)> jwt;
};

class Front : public AmqpEvents {
  public:
    Front(Agenda& agenda, FaultState& faults, FrontOptions options, AmqpEvents& behind);
    ~Front() override;

    std::uint16_t port() const { return listener_.port(); }
    void serve_http(HttpServer::Handle handle) { http_ = std::move(handle); }

    // What the tokens of a connection, or its login, allow it to do with an entity.
    Rights rights_of(AmqpConnection& connection, std::string_view entity) const {
        return cbs_.rights_of(connection, entity);
    }
    void set_keys(std::vector<AccessKey> keys) { cbs_.set_keys(std::move(keys)); }
    const std::vector<AccessKey>& keys() const { return cbs_.keys(); }
    // The same for all asks about a connection.
    std::uint64_t key(const AmqpConnection& connection) const;
    // With the tail that Service Bus puts on what it says.
    AmqpError tracked(AmqpError error, std::string_view what = "broker");
    std::string tracking(std::string_view what = "broker");

    std::size_t connections() const { return peers_.size(); }  // of AMQP
    std::size_t visitors() const { return door_.visitors() + held_.size(); }
    std::uint64_t connections_opened() const { return opened_; }
    std::uint64_t connections_closed() const { return closed_; }
    // For those that have to go through all of them.
    std::vector<std::shared_ptr<AmqpConnection>> all() const;

    // What it answers of FaultKind, and its part of a FaultTarget.
    static std::vector<FaultKind> kinds();
    void faults_changed();
    int drop(const Fault& fault);

  private:
    struct Link {
        std::string entity;
        bool to_peer = false;
        Instant active;  // when something last came on it
        Instant born;
    };
    struct Peer {
        std::shared_ptr<AmqpConnection> connection;
        std::uint64_t key = 0;
        std::map<LinkId, Link> links;
        Instant alone;  // since when it has no link
        bool had_links = false;
        Timer token_due;
    };

    void accept(Socket socket);
    void serve(std::unique_ptr<Transport> transport);
    void sweep();
    void sweep(Peer& peer, Instant now);
    void thaw_or_freeze();
    Freeze freeze_of(const Peer& peer);
    bool hit(FaultKind kind, const Peer& peer);
    bool concerned(const Fault& fault, const Peer& peer) const;
    FaultAsk ask(const Peer& peer, FaultRole role = FaultRole::Any) const;
    void lost(AmqpConnection& connection, const std::string& entity, const AmqpError& error);
    int detach(const Fault& fault, Peer& peer);
    void close_link(Peer& peer, LinkId link, const AmqpError& error);
    void touch(AmqpConnection& connection, LinkId link);

    void on_open(AmqpConnection&) override;
    void on_attach(AmqpConnection&, const AmqpLink&) override;
    void on_detach(AmqpConnection&, LinkId, const AmqpError&) override;
    void on_credit(AmqpConnection&, LinkId) override;
    void on_message(AmqpConnection&, LinkId, DeliveryId, AmqpIncoming) override;
    void on_outcome(AmqpConnection&, LinkId, DeliveryId, const AmqpOutcome&) override;
    bool holds(AmqpConnection&, AmqpPhase, const AmqpLink*) override;
    void on_closed(AmqpConnection&, const AmqpError&) override;

    Agenda& agenda_;
    FaultState& faults_;
    FrontOptions options_;
    AmqpEvents& behind_;
    Tracking tracking_;
    HttpServer::Handle http_;
    Cbs cbs_;
    Door door_;
    std::map<const AmqpConnection*, Peer> peers_;
    std::list<Socket> held_;  // connections that a fault keeps waiting
    std::uint64_t next_key_ = 1;
    std::uint64_t opened_ = 0, closed_ = 0;
    Timer sweep_;
    Listener listener_;  // last: nothing comes in before the rest stands
    std::optional<Listener> amqps_;
};

}  // namespace vc::lab::servicebus
