#include "daemon/host/run_session.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

namespace vc {

namespace asio = boost::asio;
using asio::experimental::awaitable_operators::operator&&;

namespace {

constexpr std::size_t most_unsent_bytes = 256 * 1024;

}  // namespace

SessionRunner::SessionRunner(asio::any_io_executor executor, const Clock& clock,
                             std::unique_ptr<Session> session, RunnerOptions options,
                             Callbacks callbacks)
    : executor_(std::move(executor)),
      clock_(clock),
      session_(std::move(session)),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      change_(executor_),
      to_write_(executor_),
      wake_change_(executor_) {}

void SessionRunner::start(const Attempt& attempt) {
    carry_out(session_->start(attempt, clock_.now()));
}

void SessionRunner::stop(Instant deadline) {
    stopping_ = true;
    stop_at_ = deadline;
    carry_out(session_->stop(clock_.now()));
}

asio::awaitable<void> SessionRunner::run() {
    co_await (connections() && wakes());
}

bool SessionRunner::finished() const {
    return abandoned_ || (stopping_ && session_->idle());
}

void SessionRunner::carry_out(SessionOutput out) {
    if (stream_ && !closed_ && !want_close_) to_send_ += out.bytes;
    wake_at_ = out.wake_at;
    if (out.connection == Want::open) want_open_ = true;
    if (out.connection == Want::close) ask_close(clock_.now());
    if (to_send_.size() > most_unsent_bytes) end_connection(CloseReason::reset);
    change_.raise();
    to_write_.raise();
    wake_change_.raise();
    for (const Observation& seen : out.observations)
        callbacks_.on_observation(seen);
    for (const Gauge& gauge : out.gauges) {
        if (callbacks_.on_gauge) callbacks_.on_gauge(gauge);
    }
}

void SessionRunner::ask_close(Instant now) {
    if (want_close_) return;
    want_close_ = true;
    linger_until_ = now + options_.close_linger;
    if (connector_) connector_->cancel();
}

void SessionRunner::end_connection(CloseReason reason) {
    if (!stream_ || closed_) return;
    closed_ = want_close_ ? CloseReason::asked : reason;
    stream_->close();
    to_write_.raise();
}

asio::awaitable<void> SessionRunner::connections() {
    while (!finished()) {
        if (std::exchange(want_open_, false)) {
            co_await one_connection();
        } else if (std::exchange(want_close_, false)) {
            linger_until_.reset();
            carry_out(session_->on_close(CloseReason::asked, clock_.now()));
        } else {
            co_await change_.wait();
        }
    }
    ended_ = true;
    wake_change_.raise();
}

asio::awaitable<void> SessionRunner::one_connection() {
    connector_ = std::make_unique<Connector>(executor_, clock_, options_.endpoint);
    if (want_close_) connector_->cancel();
    Connected made = co_await connector_->run(clock_.now() + options_.connect_timeout);
    connector_.reset();
    // A close that was asked for meanwhile is answered by connections().
    if (want_close_) co_return;
    stream_ = std::move(made.stream);
    carry_out(session_->on_connect(made.result, clock_.now()));
    if (!stream_) co_return;
    co_await (reader() && writer());
    stream_.reset();
    to_send_.clear();
    want_close_ = false;
    linger_until_.reset();
    const CloseReason reason = *std::exchange(closed_, std::nullopt);
    carry_out(session_->on_close(reason, clock_.now()));
}

asio::awaitable<void> SessionRunner::reader() {
    std::array<char, 8 * 1024> room;
    while (!closed_) {
        const auto [error, bytes] =
            co_await stream_->read_some(asio::mutable_buffer(room.data(), room.size()));
        const Instant now = clock_.now();
        if (bytes > 0 && !closed_ && !want_close_) {
            carry_out(session_->on_bytes({room.data(), bytes}, now));
        }
        if (error) {
            end_connection(error == asio::error::eof ? CloseReason::peer_closed
                                                     : CloseReason::reset);
        }
    }
}

asio::awaitable<void> SessionRunner::writer() {
    while (!closed_) {
        if (to_send_.empty()) {
            if (want_close_) {
                end_connection(CloseReason::asked);
            } else {
                co_await to_write_.wait();
            }
            continue;
        }
        const std::string bytes = std::exchange(to_send_, {});
        const auto [error, written] = co_await stream_->write(bytes);
        if (error) end_connection(CloseReason::reset);
    }
}

asio::awaitable<void> SessionRunner::wakes() {
    while (!ended_) {
        std::optional<Instant> next;
        for (const auto& at : {wake_at_, linger_until_, stop_at_}) {
            if (at && (!next || *at < *next)) next = at;
        }
        if (!next) {
            co_await wake_change_.wait();
            continue;
        }
        // A microsecond more, so that rounding does not wake us a little early again and again.
        const auto wait = clock_.machine_time_until(*next) + std::chrono::microseconds(1);
        co_await wake_change_.wait_for(wait);
        on_time(clock_.now());
    }
}

void SessionRunner::on_time(Instant now) {
    if (wake_at_ && now >= *wake_at_) {
        wake_at_.reset();
        carry_out(session_->on_deadline(now));
    }
    if (linger_until_ && now >= *linger_until_) {
        linger_until_.reset();
        end_connection(CloseReason::asked);
    }
    if (stop_at_ && now >= *stop_at_) {
        stop_at_.reset();
        abandoned_ = true;
        carry_out(session_->abandon(now));
        if (connector_) connector_->cancel();
        end_connection(CloseReason::asked);
    }
}

}  // namespace vc
