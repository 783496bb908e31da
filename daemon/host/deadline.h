// A deadline for whatever a coroutine waits for: at the given time it cuts it off. The cut (closing
// a socket, say) makes the wait end by itself; passed() then tells why it did. And a signal, to
// wait for a change or a time. Both belong to one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "daemon/host/clock.h"

namespace vc {

class Deadline {
  public:
    // Cuts at `at` unless destroyed before. `cut` may be called up to the destruction only.
    Deadline(const boost::asio::any_io_executor& executor, const Clock& clock, Instant at,
             std::function<void()> cut)
        : state_(std::make_shared<State>(State{std::move(cut), false})), timer_(executor) {
        timer_.expires_after(clock.machine_time_until(at));
        timer_.async_wait([state = state_](const boost::system::error_code& error) {
            if (error || !state->cut) return;
            state->passed = true;
            state->cut();
        });
    }
    ~Deadline() { state_->cut = nullptr; }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    bool passed() const { return state_->passed; }

  private:
    struct State {
        std::function<void()> cut;
        bool passed;
    };
    // Shared with the timer's handler, which may be queued already when we are destroyed.
    std::shared_ptr<State> state_;
    boost::asio::steady_timer timer_;
};

// One waiter at a time. A raise before the wait is not lost.
class Signal {
  public:
    explicit Signal(const boost::asio::any_io_executor& executor) : timer_(executor) {}

    void raise() {
        raised_ = true;
        timer_.cancel();
    }
    boost::asio::awaitable<void> wait() {
        return wait_until_machine(boost::asio::steady_timer::time_point::max());
    }
    boost::asio::awaitable<void> wait_for(std::chrono::nanoseconds machine_time) {
        timer_.expires_after(machine_time);
        return wait_until_machine(timer_.expiry());
    }

  private:
    boost::asio::awaitable<void> wait_until_machine(boost::asio::steady_timer::time_point at) {
        timer_.expires_at(at);
        if (!raised_) {
            co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        raised_ = false;
    }

    boost::asio::steady_timer timer_;
    bool raised_ = false;
};

}  // namespace vc
