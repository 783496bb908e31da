// Claims-based security of one namespace: the node $cbs, and what each connection may do by the
// tokens that it has put there. Owned by Front, which shows it the links and messages of $cbs.
//
// A token is good for an audience until it expires; putting another for the same audience extends
// it. What a connection has is gone with the connection, or when its last token for an entity
// expires: then `lost` is called, and every link below that entity has to go. An answer goes to the
// receiver whose target or name is the request's reply-to, else to the only one there is; without
// credit it waits. Times are the rules' time, compared as Unix time with what tokens say.
//
// A namespace without keys is open: every well-formed token is taken, and nothing needs one.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/lab/amqp_engine.h"
#include "tests/lab/servicebus/cbs_message.h"
#include "tests/lab/servicebus/sas.h"

namespace vc::lab::servicebus {

inline constexpr std::string_view cbs_node = "$cbs";

class Cbs {
  public:
    struct Hooks {
        // A bearer token's expiry, or why it is refused. None: no such tokens here.
        std::function<Result<Instant>(std::string_view token, Instant now)> jwt;
        // A fault: what to answer instead of looking at the token (401), or not to answer.
        std::function<bool(AmqpConnection&)> refuses;
        std::function<bool(AmqpConnection&)> stalls;
        std::function<void(AmqpConnection&, const std::string& entity, const AmqpError&)> lost;
        std::function<std::string()> tail;  // of an error's words, from Tracking
    };

    Cbs(Agenda& agenda, std::vector<AccessKey> keys, Hooks hooks);

    bool guarded() const { return !keys_.empty(); }
    // What has been granted stays until it expires.
    void set_keys(std::vector<AccessKey> keys) { keys_ = std::move(keys); }
    const std::vector<AccessKey>& keys() const { return keys_; }
    // By what has been put, and by the user of PLAIN or a client certificate.
    Rights rights_of(AmqpConnection& connection, std::string_view entity) const;
    // Whether anything lets this connection in.
    bool known(AmqpConnection& connection) const;
    // PLAIN with a key's name and text.
    bool passes(const Credentials& login) const;

    void on_attach(AmqpConnection& connection, const AmqpLink& link);
    // Whether it was a link of $cbs.
    bool on_detach(AmqpConnection& connection, LinkId link);
    bool on_message(AmqpConnection& connection, LinkId link, DeliveryId delivery,
                    const AmqpIncoming& message);
    bool on_credit(AmqpConnection& connection, LinkId link);
    bool on_outcome(AmqpConnection& connection, LinkId link, DeliveryId delivery);
    void on_closed(AmqpConnection& connection);
    void go_on();  // requests that a fault held are answered, if it is over

  private:
    struct Grant {
        Rights rights;
        Instant expires;
    };
    struct Guest {
        AmqpConnection* connection = nullptr;
        std::map<LinkId, AmqpLink> requests;
        std::map<LinkId, AmqpLink> answers;
        std::deque<std::pair<LinkId, std::string>> waiting;  // for credit
        std::deque<PutToken> held;                           // for a moment, or by a fault
        std::map<std::string, Grant> grants;                 // by entity, "" for the namespace
        std::uint64_t sent = 0;
        Timer expiry;
    };

    void take_held(Guest& guest);
    void put_token(Guest& guest, const PutToken& request);
    std::pair<int, std::string> judge(Guest& guest, const PutToken& request);
    void answer(Guest& guest, const PutToken& request, int status, const std::string& words);
    void flush(Guest& guest);
    void watch(Guest& guest);
    void expire(Guest& guest);
    Rights granted(const Guest& guest, std::string_view entity) const;

    Agenda& agenda_;
    std::vector<AccessKey> keys_;
    Hooks hooks_;
    std::map<AmqpConnection*, Guest> guests_;
    Errands errands_;
};

}  // namespace vc::lab::servicebus
