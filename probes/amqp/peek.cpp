#include "probes/amqp/peek.h"

#include <algorithm>

#include "probes/amqp/outcome.h"

namespace vc {
namespace {

constexpr std::int32_t page = 100;
constexpr std::uint64_t most_pages = 8;

}  // namespace

void Peek::step(AmqpLeg& leg, Instant now) {
    AmqpConnection& connection = leg.connection();
    if (!use_) use_ = connection.add(AmqpUse::ask, node_, now);
    if (number_ == 0 && connection.may_send(*use_)) {
        asked_at_ = now;
        ask(connection, now);
    }
    for (auto events = connection.take_events(); !events.empty() && !end_;
         events = connection.take_events()) {
        for (const AmqpConnection::Event& event : events)
            handle(connection, event, now);
    }
    if (end_) return;
    if (phase_ == Phase::close && connection.closed()) {
        own_.push_back({Phase::close, now - since_});
        end_ = End{};
    } else if (connection.broken()) {
        broke_protocol_ = connection.broke_protocol();
        end_ = End{connection.broken()->outcome, phase(leg)};
    } else if (connection.failed(*use_) && phase_ != Phase::close) {
        end_ = End{*connection.failed(*use_), phase(leg)};
    }
}

Phase Peek::phase(const AmqpLeg& leg) const {
    if (phase_ != Phase::none) return phase_;
    if (!leg.up() || !use_) return Phase::tcp;
    const Phase under_way = leg.connection().phase(*use_);
    return under_way == Phase::none ? Phase::credit : under_way;
}

Instant Peek::since(const AmqpLeg& leg) const {
    if (phase_ != Phase::none) return since_;
    return leg.up() && use_ ? leg.connection().phase_since(*use_) : leg.since();
}

std::vector<PhaseTime> Peek::phases(const AmqpLeg& leg) const {
    std::vector<PhaseTime> all = leg.phases(use_.value_or(0));
    all.insert(all.end(), own_.begin(), own_.end());
    return all;
}

void Peek::ask(AmqpConnection& connection, Instant now) {
    AmqpRequest request;
    request.number = ++number_;
    request.properties = {{"operation", "com.microsoft:peek-message"}};
    request.peek = AmqpRequest::Peek{from_, page};
    settled_ = false;
    phase_ = Phase::send_settle;
    since_ = now;
    connection.ask(*use_, std::move(request), now);
}

void Peek::handle(AmqpConnection& connection, const AmqpConnection::Event& event, Instant now) {
    if (end_) return;
    if (event.kind == AmqpConnection::Event::Kind::settled && event.seen.tag == number_) {
        own_.push_back({Phase::send_settle, now - since_});
        const Outcome outcome = outcome_of_settlement(event.seen);
        if (outcome != Outcome::ok) {
            end_ = End{outcome, Phase::send_settle};
            return;
        }
        settled_ = true;
        if (phase_ == Phase::send_settle) phase_ = Phase::send_receive;
    }
    if (event.kind == AmqpConnection::Event::Kind::reply) {
        on_reply(connection, event.seen.reply, now);
    }
}

void Peek::on_reply(AmqpConnection& connection, const AmqpReply& reply, Instant now) {
    if (phase_ == Phase::none || phase_ == Phase::close) return;
    own_.push_back({Phase::send_receive, now - since_});
    Outcome outcome = outcome_of_peek_reply(reply);
    if (outcome == Outcome::protocol) broke_protocol_ = true;
    if (outcome == Outcome::ok && reply.correlation != number_) outcome = Outcome::wrong_answer;
    if (outcome != Outcome::ok) {
        end_ = End{outcome, Phase::send_receive};
        return;
    }
    std::optional<std::int64_t> last;
    for (const PeekedMessage& message : reply.peeked) {
        bodies_.push_back(message.body);
        last = std::max(last, message.sequence);
    }
    // A page may be shorter than asked for while there is more.
    complete_ = reply.peeked.empty();
    const bool more = whole_ && !complete_ && last && *last >= from_ && number_ < most_pages;
    if (more) {
        from_ = *last + 1;
        ask(connection, now);
    } else {
        finish_talk(connection, now);
    }
}

void Peek::finish_talk(AmqpConnection& connection, Instant now) {
    if (whole_) {
        end_ = End{};
        return;
    }
    phase_ = Phase::close;
    since_ = now;
    connection.close();
}

}  // namespace vc
