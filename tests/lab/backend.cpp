#include "tests/lab/backend.h"

#include <boost/json.hpp>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr int credit = 200;
constexpr std::size_t most_transactions = 20'000;
constexpr const char* calls_entity = "ocpp-in/Subscriptions/backend";
constexpr const char* canary_entity = "canary-in";

}  // namespace

Backend::Backend(Agenda& agenda, std::uint64_t seed, BrokerPorts brokers, Ledger& ledger)
    : agenda_(agenda),
      ledger_(ledger),
      faults_(seed, "backend"),
      primary_(agenda, "backend", brokers.primary, [](const std::string&, bool) {}),
      standby_(agenda, "backend", brokers.standby, [](const std::string&, bool) {}),
      errands_(agenda) {
    attach("primary");
    standby_.add_receiver(canary_entity, credit,
                          [this](const AmqpClient::Incoming& incoming, AmqpMessage message) {
                              receive({&standby_, incoming, std::move(message)});
                          });
    primary_.start();
    standby_.start();
}

FaultTarget Backend::fault_target() {
    return {&faults_,
            {FaultKind::Delay, FaultKind::Stall, FaultKind::Drop, FaultKind::AcceptLose},
            [this] {
                if (faults_.any_stall(FaultDir::Both)) return;
                for (const Held& held : std::exchange(held_, {}))
                    process(held);
            },
            [this](const Fault& fault) {
                int hit = 0;
                for (AmqpClient* one : {&primary_, &standby_}) {
                    if (!one->connected() || !faults_.picked(fault.share)) continue;
                    one->drop(fault.mode == DropMode::Forced);
                    ++hit;
                }
                return hit;
            }};
}

AmqpClient& Backend::client(const std::string& broker) {
    return broker == "standby" ? standby_ : primary_;
}

void Backend::attach(const std::string& broker) {
    AmqpClient* from = &client(broker);
    from->add_receiver(calls_entity, credit,
                       [this, from](const AmqpClient::Incoming& incoming, AmqpMessage message) {
                           receive({from, incoming, std::move(message)});
                       });
}

void Backend::detach(const std::string& broker) {
    client(broker).remove_receiver(calls_entity);
}

bool Backend::attached(const std::string& broker) const {
    return (broker == "standby" ? standby_ : primary_).attached(calls_entity);
}

bool Backend::ready() const {
    return attached("primary") && standby_.attached(canary_entity);
}

void Backend::receive(Held held) {
    ++received_;
    if (faults_.stalls(FaultDir::Both)) {
        held_.push_back(std::move(held));  // no more than the links' credit
        return;
    }
    const Duration delay = faults_.delay(FaultDir::Both);
    if (delay == Duration::zero()) {
        process(held);
    } else {
        errands_.after(delay, [this, held = std::move(held)] { process(held); });
    }
}

void Backend::process(const Held& held) {
    const AmqpMessage& message = held.message;
    const auto frame = read_frame(message.body);
    if (!frame || frame->type != 2 || faults_.loses()) {
        held.client->complete(held.incoming);
        return;
    }
    if (is_transaction(frame->action)) ledger_.processed(message.id);
    const std::string text = answer(message, *frame);
    if (!message.reply_to.empty()) {
        AmqpMessage reply;
        reply.id = "answer-" + std::to_string(++answers_);
        reply.subject = message.subject;
        reply.correlation_id = message.id;
        reply.body = text;
        held.client->send({reply.id, message.reply_to, encode(reply)});
    }
    held.client->complete(held.incoming);
}

long long Backend::transaction_of(const std::string& key) {
    const auto [found, fresh] = transactions_.try_emplace(key, next_transaction_);
    if (!fresh) return found->second;
    ++next_transaction_;
    open_transactions_[found->second] = key.starts_with("SYN-");
    if (open_transactions_.size() > most_transactions) {
        open_transactions_.erase(open_transactions_.begin());
    }
    transaction_order_.push_back(key);
    const long long transaction = found->second;
    if (transaction_order_.size() > most_transactions) {
        transactions_.erase(transaction_order_.front());
        transaction_order_.pop_front();
    }
    return transaction;
}

std::string Backend::answer(const AmqpMessage& message, const OcppFrame& call) {
    const std::string now = "\"currentTime\":\"" + to_text(agenda_.now()) + "\"";
    const std::string accepted = "\"idTagInfo\":{\"status\":\"Accepted\"}";
    if (call.action == "BootNotification") {
        return call_result(call.id, "{\"status\":\"Accepted\",\"interval\":300," + now + "}");
    }
    if (call.action == "Heartbeat") return call_result(call.id, "{" + now + "}");
    if (call.action == "Authorize") return call_result(call.id, "{" + accepted + "}");
    if (call.action == "StartTransaction") {
        const std::string number = std::to_string(transaction_of(message.id));
        return call_result(call.id, "{\"transactionId\":" + number + "," + accepted + "}");
    }
    if (call.action == "StopTransaction") {
        open_transactions_.erase(number_in(call.payload, "transactionId"));
    }
    if (call.action == "StopTransaction" || call.action == "MeterValues" ||
        call.action == "StatusNotification") {
        return call_result(call.id, "{}");
    }
    if (call.action == "DataTransfer") return call_result(call.id, "{\"status\":\"Accepted\"}");
    return call_error(call.id, "NotImplemented", call.action + " is not known here");
}

boost::json::object Backend::to_json() const {
    std::size_t synthetic = 0;
    for (const auto& [number, is_synthetic] : open_transactions_)
        synthetic += is_synthetic ? 1 : 0;
    const std::size_t ordinary = open_transactions_.size() - synthetic;
    return {{"open_transactions", {{"ordinary", ordinary}, {"synthetic", synthetic}}},
            {"attached", {{"primary", attached("primary")}, {"standby", attached("standby")}}},
            {"connected", {{"primary", primary_.connected()}, {"standby", standby_.connected()}}},
            {"received", received_},
            {"held", held_.size() + errands_.size()},
            {"faults", faults_.active()}};
}

}  // namespace vc::lab
