// The platform's backend, "the consumers": reads the CALLs, answers them through the broker they
// came by, and enters each transaction message it processed in the ledger.
//
// From the start it reads primary `ocpp-in/Subscriptions/backend` and standby `canary-in`. It can
// be attached to the calls of the standby in addition, and detached from either. Faults: delay,
// stall, drop (its broker connections), accept_lose (completed, not processed).
#pragma once

#include <deque>
#include <map>
#include <string>

#include "tests/lab/amqp_client.h"
#include "tests/lab/bridge.h"
#include "tests/lab/faults.h"
#include "tests/lab/ledger.h"

namespace vc::lab {

class Backend {
  public:
    Backend(Agenda& agenda, std::uint64_t seed, BrokerPorts brokers, Ledger& ledger);

    FaultTarget fault_target();

    // `broker` is "primary" or "standby". Takes effect when the broker has answered.
    void attach(const std::string& broker);
    void detach(const std::string& broker);
    bool attached(const std::string& broker) const;
    bool ready() const;  // what it reads from the start, it reads
    boost::json::object to_json() const;

  private:
    struct Held {
        AmqpClient* client = nullptr;
        AmqpClient::Incoming incoming;
        AmqpMessage message;
    };
    AmqpClient& client(const std::string& broker);
    void receive(Held held);
    void process(const Held& held);
    std::string answer(const AmqpMessage& message, const OcppFrame& call);
    long long transaction_of(const std::string& key);

    Agenda& agenda_;
    Ledger& ledger_;
    FaultState faults_;
    AmqpClient primary_;
    AmqpClient standby_;
    std::deque<Held> held_;
    std::map<std::string, long long> transactions_;  // by key, so that a repeat gets the same one
    // Started and not stopped, by number; whose they are tells the account that they are debris on.
    std::map<long long, bool> open_transactions_;  // true: a synthetic charger's
    std::deque<std::string> transaction_order_;
    long long next_transaction_ = 1;
    std::uint64_t answers_ = 0, received_ = 0;
    Errands errands_;
};

}  // namespace vc::lab
