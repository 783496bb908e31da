#include "probes/amqp/leg.h"

#include <utility>

namespace vc {

void AmqpLeg::open(Instant now, Duration within) {
    state_ = State::connecting;
    since_ = now;
    dialled_.clear();
    output_.connection = Want::open;
    output_.connect_within = within;
}

void AmqpLeg::close() {
    if (connection_) output_.bytes += connection_->take_bytes();
    connection_.reset();
    output_.connection = Want::close;
    output_.connect_within.reset();
    state_ = State::closing;
}

std::optional<End> AmqpLeg::on_connect(const ConnectResult& result, Instant now) {
    dialled_ = result.phases;
    if (result.outcome != Outcome::ok) {
        state_ = State::down;
        return End{result.outcome, result.phase};
    }
    state_ = State::up;
    since_ = now;
    AmqpConnectionOptions options = options_;
    options.container_id += "-" + std::to_string(++made_);
    connection_ = std::make_unique<AmqpConnection>(options, now);
    return std::nullopt;
}

void AmqpLeg::on_bytes(std::string_view bytes, Instant now) {
    if (connection_) connection_->receive(bytes, now);
}

void AmqpLeg::on_time(Instant now) {
    if (connection_) connection_->tick(now);
}

void AmqpLeg::on_close() {
    state_ = State::down;
    connection_.reset();
    output_ = {};
}

std::vector<PhaseTime> AmqpLeg::phases(AmqpConnection::Use use) const {
    std::vector<PhaseTime> all = dialled_;
    if (connection_) {
        const auto own = connection_->phases(use);
        all.insert(all.end(), own.begin(), own.end());
    }
    return all;
}

std::optional<Instant> AmqpLeg::wake_at() const {
    return connection_ ? connection_->wake_at() : std::nullopt;
}

LegOutput AmqpLeg::take_output() {
    if (connection_) output_.bytes += connection_->take_bytes();
    return std::exchange(output_, {});
}

}  // namespace vc
