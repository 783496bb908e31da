#include "tests/lab/amqp_client.h"

#include <cstring>

#include "tests/lab/listener.h"

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr Duration first_backoff = 100ms;
constexpr Duration last_backoff = 1s;
constexpr Duration open_patience = 10s;
constexpr Duration idle_timeout = 30s;
constexpr std::size_t most_unsettled = 100'000;

}  // namespace

AmqpClient::AmqpClient(Agenda& agenda, std::string name, std::uint16_t port, Settled settled)
    : agenda_(agenda),
      name_(std::move(name)),
      port_(port),
      settled_(std::move(settled)),
      reattach_(agenda),
      backoff_(first_backoff) {}

AmqpClient::~AmqpClient() {
    *alive_ = false;
    if (connection_) connection_->abandon();
}

void AmqpClient::start() {
    connect();
}

void AmqpClient::connect() {
    auto socket = std::make_shared<Socket>(agenda_.io());  // shared with the pending connect only
    const boost::asio::ip::tcp::endpoint to(boost::asio::ip::address_v4::loopback(), port_);
    socket->async_connect(to,
                          [this, socket, alive = alive_](const boost::system::error_code& error) {
                              if (!*alive) return;
                              if (error) {
                                  retry();
                                  return;
                              }
                              boost::system::error_code ignored;
                              socket->set_option(boost::asio::ip::tcp::no_delay(true), ignored);
                              connected_to(std::move(*socket));
                          });
}

void AmqpClient::connected_to(Socket socket) {
    AmqpConnection::Settings settings;
    settings.container_id = name_;
    settings.credentials = platform_login;
    settings.idle_timeout = idle_timeout;
    ++generation_;
    connection_ =
        std::make_shared<AmqpConnection>(agenda_, std::move(socket), std::move(settings), *this);
    connection_->start();
    patience_ = agenda_.after(open_patience, [this] { connection_->reset(); });
}

void AmqpClient::retry() {
    retry_ = agenda_.after(backoff_, [this] { connect(); });
    backoff_ = std::min(backoff_ * 2, last_backoff);
}

void AmqpClient::on_open(AmqpConnection&) {
    patience_.cancel();
    backoff_ = first_backoff;
    for (auto& [entity, receiver] : receivers_)
        attach_receiver(entity, receiver);
    for (auto& [entity, sender] : senders_)
        attach_sender(entity, sender);
}

void AmqpClient::on_closed(AmqpConnection&, const AmqpError&) {
    patience_.cancel();
    connection_.reset();
    for (auto& [entity, receiver] : receivers_) {
        receiver.link = {};
        receiver.attached = false;
    }
    for (auto& [entity, sender] : senders_)
        link_lost(sender.link);
    retry();
}

void AmqpClient::attach_receiver(const std::string& entity, Receiver& receiver) {
    if (!connected() || receiver.link) return;
    receiver.link = connection_->open_receiver(name_ + "-from-" + entity, entity, receiver.credit);
}

void AmqpClient::attach_sender(const std::string& entity, Sender& sender) {
    if (!connected() || sender.link) return;
    sender.link = connection_->open_sender(name_ + "-to-" + entity, entity);
}

void AmqpClient::add_receiver(const std::string& entity, int credit, Receive receive) {
    Receiver& receiver = receivers_[entity];
    receiver.credit = credit;
    receiver.receive = std::move(receive);
    attach_receiver(entity, receiver);
}

void AmqpClient::remove_receiver(const std::string& entity) {
    const auto found = receivers_.find(entity);
    if (found == receivers_.end()) return;
    if (connection_ && found->second.link) connection_->close_link(found->second.link);
    receivers_.erase(found);
}

bool AmqpClient::attached(const std::string& entity) const {
    const auto found = receivers_.find(entity);
    return found != receivers_.end() && found->second.attached;
}

void AmqpClient::on_attach(AmqpConnection&, const AmqpLink& link) {
    for (auto& [entity, receiver] : receivers_) {
        if (receiver.link == link.id) receiver.attached = !link.refused;
    }
}

// A link that went while its connection stands is attached again: at once when the broker closed it
// for being idle, else a little later.
void AmqpClient::on_detach(AmqpConnection&, LinkId link, const AmqpError& error) {
    for (auto& [entity, receiver] : receivers_) {
        if (receiver.link != link) continue;
        receiver.link = {};
        receiver.attached = false;
    }
    link_lost(link);
    const bool idle = error.condition == "amqp:link:detach-forced";
    reattach_.after(idle ? Duration{1ms} : last_backoff, [this] {
        for (auto& [entity, receiver] : receivers_)
            attach_receiver(entity, receiver);
        for (auto& [entity, sender] : senders_)
            attach_sender(entity, sender);
    });
}

// What was sent on it and not settled goes out again first, in its old order.
void AmqpClient::link_lost(LinkId link) {
    for (auto& [entity, sender] : senders_) {
        if (sender.link != link || !link) continue;
        sender.link = {};
        for (Waiting& waiting : sender.sent) {
            by_delivery_.erase(waiting.delivery);
            waiting.delivery = {};
            by_key_.at(waiting.message.key).sent = false;
        }
        sender.unsent.splice(sender.unsent.begin(), sender.sent);
    }
}

bool AmqpClient::send(Outgoing message) {
    if (by_key_.size() >= most_unsettled || has(message.key)) return false;
    const std::string entity = message.entity;
    const std::string key = message.key;
    Sender& sender = senders_[entity];
    sender.unsent.push_back({std::move(message), {}});
    by_key_.emplace(key, Where{entity, std::prev(sender.unsent.end()), false});
    attach_sender(entity, sender);
    flush(sender);
    return true;
}

void AmqpClient::flush(Sender& sender) {
    while (connection_ && sender.link && !sender.unsent.empty()) {
        if (connection_->credit(sender.link) <= 0) return;
        AmqpConnection::Tag tag{};
        ++tags_;
        std::memcpy(tag.data(), &tags_, sizeof tags_);
        Waiting& waiting = sender.unsent.front();
        waiting.delivery = connection_->send(sender.link, tag, waiting.message.bytes, false);
        by_delivery_.emplace(waiting.delivery, waiting.message.key);
        by_key_.at(waiting.message.key).sent = true;
        sender.sent.splice(sender.sent.end(), sender.unsent, sender.unsent.begin());
    }
}

void AmqpClient::on_credit(AmqpConnection&, LinkId link) {
    for (auto& [entity, sender] : senders_) {
        if (sender.link == link) flush(sender);
    }
}

void AmqpClient::forget(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    Where& where = found->second;
    Sender& sender = senders_.at(where.entity);
    if (where.at->delivery) by_delivery_.erase(where.at->delivery);
    (where.sent ? sender.sent : sender.unsent).erase(where.at);
    by_key_.erase(found);
}

std::vector<Outgoing> AmqpClient::take_unsettled(const std::string& entity) {
    std::vector<Outgoing> taken;
    const auto found = senders_.find(entity);
    if (found == senders_.end()) return taken;
    for (auto* list : {&found->second.sent, &found->second.unsent}) {
        while (!list->empty()) {
            taken.push_back(list->front().message);
            forget(taken.back().key);
        }
    }
    return taken;
}

void AmqpClient::on_outcome(AmqpConnection& connection, LinkId, DeliveryId delivery,
                            const AmqpOutcome& outcome) {
    connection.settle(delivery, Settlement::None);
    const auto found = by_delivery_.find(delivery);
    if (found == by_delivery_.end()) return;  // forgotten meanwhile
    const std::string key = found->second;
    forget(key);
    settled_(key, outcome.settlement == Settlement::Accepted);
}

void AmqpClient::on_message(AmqpConnection& connection, LinkId link, DeliveryId delivery,
                            AmqpIncoming came) {
    const Incoming incoming{generation_, delivery, link};
    auto message = decode(came.bytes);
    for (auto& [entity, receiver] : receivers_) {
        if (receiver.link != link || !message) continue;
        receiver.receive(incoming, std::move(*message));
        return;
    }
    connection.settle(delivery, message ? Settlement::Released : Settlement::Rejected);
    connection.add_credit(link, 1);
}

void AmqpClient::answer(const Incoming& message, Settlement settlement) {
    if (!connection_ || message.connection != generation_) return;  // the lock is gone too
    connection_->settle(message.delivery, settlement);
    connection_->add_credit(message.link, 1);
}

void AmqpClient::complete(const Incoming& message) {
    answer(message, Settlement::Accepted);
}
void AmqpClient::release(const Incoming& message) {
    answer(message, Settlement::Released);
}

void AmqpClient::drop(bool forced) {
    if (!connection_) return;
    if (forced) {
        connection_->close();
    } else {
        connection_->reset();
    }
}

}  // namespace vc::lab
