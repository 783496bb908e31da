#include "daemon/host/run_session.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "daemon/host/spawn.h"
#include "rules/base/check.h"

namespace vc {

namespace asio = boost::asio;
using asio::experimental::awaitable_operators::operator&&;

namespace {

constexpr std::size_t most_unsent_bytes = 256 * 1024;

CloseReason reason_of(const boost::system::error_code& error) {
    if (error == asio::error::eof) return CloseReason::peer_closed;
    if (error == boost::system::errc::protocol_error) return CloseReason::tls;
    return CloseReason::reset;
}

}  // namespace

SessionRunner::SessionRunner(asio::any_io_executor executor, const Clock& clock,
                             std::unique_ptr<Session> session, RunnerOptions options,
                             Callbacks callbacks)
    : executor_(std::move(executor)),
      clock_(clock),
      session_(std::move(session)),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      wake_change_(executor_),
      all_ended_(executor_) {
    VC_CHECK(session_->legs() >= 1 && session_->legs() <= most_legs, "a session has its legs");
    for (Leg leg = 0; leg < session_->legs(); ++leg)
        lines_.push_back(std::make_unique<Line>(executor_));
}

void SessionRunner::start(const Attempt& attempt) {
    carry_out(session_->start(attempt, clock_.now()));
}

void SessionRunner::stop(Instant deadline) {
    stopping_ = true;
    stop_at_ = deadline;
    carry_out(session_->stop(clock_.now()));
}

asio::awaitable<void> SessionRunner::run() {
    running_ = lines_.size();
    for (Leg leg = 1; leg < lines_.size(); ++leg)
        spawn(executor_, "a session's connection", connections(leg));
    co_await (connections(0) && wakes());
    while (running_ > 0)
        co_await all_ended_.wait();
}

bool SessionRunner::connected() const {
    return std::any_of(lines_.begin(), lines_.end(),
                       [](const auto& line) { return line->stream != nullptr; });
}

bool SessionRunner::finished() const {
    return abandoned_ || (stopping_ && session_->idle());
}

void SessionRunner::carry_out(SessionOutput out) {
    wake_at_ = out.wake_at;
    for (Leg leg = 0; leg < lines_.size(); ++leg)
        carry_out(*lines_[leg], out.legs[leg]);
    // Whether all is over is seen by every connection, also by those that nothing was said to.
    if (stopping_) {
        for (const auto& line : lines_)
            line->change.raise();
    }
    // A time that moves away is left alone: most do, with every answer, and waking up for nothing
    // now and then costs less than setting a timer for each.
    const auto next = next_time();
    if (next && (!armed_ || *next < *armed_)) wake_change_.raise();
    for (const Observation& seen : out.observations)
        callbacks_.on_observation(seen);
    for (const Gauge& gauge : out.gauges) {
        if (callbacks_.on_gauge) callbacks_.on_gauge(gauge);
    }
    for (const Reconnect& reconnect : out.reconnects) {
        if (callbacks_.on_reconnect) callbacks_.on_reconnect(reconnect);
    }
}

void SessionRunner::carry_out(Line& line, const LegOutput& out) {
    if (!out.bytes.empty() && line.stream && !line.closed && !line.want_close) {
        line.to_send += out.bytes;
        line.to_write.raise();
    }
    if (out.connection == Want::open) {
        line.want_open = true;
        line.connect_within = out.connect_within;
        line.change.raise();
    }
    if (out.connection == Want::close) ask_close(line, clock_.now(), options_.close_linger);
    if (line.to_send.size() > most_unsent_bytes) end_connection(line, CloseReason::reset);
}

void SessionRunner::ask_close(Line& line, Instant now, Duration linger) {
    if (line.want_close) return;
    line.want_close = true;
    line.linger_until = now + linger;
    if (line.connector) line.connector->cancel();
    line.change.raise();
    line.to_write.raise();
}

void SessionRunner::end_connection(Line& line, CloseReason reason) {
    if (!line.stream || line.closed) return;
    line.closed = line.want_close ? CloseReason::asked : reason;
    line.stream->close();
    line.to_write.raise();
}

asio::awaitable<void> SessionRunner::connections(Leg leg) {
    Line& line = *lines_[leg];
    while (!finished()) {
        if (std::exchange(line.want_open, false)) {
            co_await one_connection(leg);
        } else if (std::exchange(line.want_close, false)) {
            line.linger_until.reset();
            carry_out(session_->on_close(leg, CloseReason::asked, clock_.now()));
        } else {
            co_await line.change.wait();
        }
    }
    line_ended();
}

void SessionRunner::line_ended() {
    if (--running_ > 0) return;
    wake_change_.raise();
    all_ended_.raise();
}

asio::awaitable<void> SessionRunner::one_connection(Leg leg) {
    Line& line = *lines_[leg];
    line.connector = std::make_unique<Connector>(executor_, clock_, options_.endpoint);
    if (line.want_close) line.connector->cancel();
    const Duration within = line.connect_within.value_or(options_.connect_timeout);
    Connected made = co_await line.connector->run(clock_.now() + within);
    line.connector.reset();
    // A close that was asked for meanwhile is answered by connections().
    if (line.want_close) co_return;
    line.stream = std::move(made.stream);
    if (made.certificate_expires && callbacks_.on_certificate) {
        callbacks_.on_certificate(*made.certificate_expires);
    }
    carry_out(session_->on_connect(leg, made.result, clock_.now()));
    if (!line.stream) co_return;
    co_await (reader(leg) && writer(leg));
    line.stream.reset();
    line.to_send.clear();
    line.want_close = false;
    line.linger_until.reset();
    const CloseReason reason = *std::exchange(line.closed, std::nullopt);
    carry_out(session_->on_close(leg, reason, clock_.now()));
}

asio::awaitable<void> SessionRunner::reader(Leg leg) {
    Line& line = *lines_[leg];
    std::array<char, 8 * 1024> room;
    while (!line.closed) {
        const auto [error, bytes] =
            co_await line.stream->read_some(asio::mutable_buffer(room.data(), room.size()));
        const Instant now = clock_.now();
        if (bytes > 0 && !line.closed && !line.want_close) {
            carry_out(session_->on_bytes(leg, {room.data(), bytes}, now));
        }
        if (error) end_connection(line, reason_of(error));
    }
}

asio::awaitable<void> SessionRunner::writer(Leg leg) {
    Line& line = *lines_[leg];
    while (!line.closed) {
        if (line.to_send.empty()) {
            if (line.want_close) {
                end_connection(line, CloseReason::asked);
            } else {
                co_await line.to_write.wait();
            }
            continue;
        }
        const std::string bytes = std::exchange(line.to_send, {});
        const auto [error, written] = co_await line.stream->write(bytes);
        if (error) end_connection(line, reason_of(error));
    }
}

std::optional<Instant> SessionRunner::next_time() const {
    std::optional<Instant> next;
    const auto consider = [&next](const std::optional<Instant>& at) {
        if (at && (!next || *at < *next)) next = at;
    };
    consider(wake_at_);
    consider(stop_at_);
    for (const auto& line : lines_)
        consider(line->linger_until);
    return next;
}

asio::awaitable<void> SessionRunner::wakes() {
    while (running_ > 0) {
        armed_ = next_time();
        if (!armed_) {
            co_await wake_change_.wait();
            continue;
        }
        // A microsecond more, so that rounding does not wake us a little early again and again.
        const auto wait = clock_.machine_time_until(*armed_) + std::chrono::microseconds(1);
        co_await wake_change_.wait_for(wait);
        on_time(clock_.now());
    }
}

void SessionRunner::on_time(Instant now) {
    if (wake_at_ && now >= *wake_at_) {
        wake_at_.reset();
        carry_out(session_->on_deadline(now));
    }
    for (const auto& line : lines_) {
        if (!line->linger_until || now < *line->linger_until) continue;
        line->linger_until.reset();
        end_connection(*line, CloseReason::asked);
    }
    if (stop_at_ && now >= *stop_at_) {
        stop_at_.reset();
        abandoned_ = true;
        carry_out(session_->abandon(now));
        for (const auto& line : lines_) {
            if (line->connector) line->connector->cancel();
            end_connection(*line, CloseReason::asked);
            line->change.raise();
        }
    }
}

}  // namespace vc
