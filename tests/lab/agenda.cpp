#include "tests/lab/agenda.h"

namespace vc::lab {

Timer& Timer::operator=(Timer&& other) noexcept {
    if (this != &other) {
        cancel();
        agenda_ = std::exchange(other.agenda_, nullptr);
        key_ = other.key_;
    }
    return *this;
}

void Timer::cancel() {
    if (agenda_ != nullptr) std::exchange(agenda_, nullptr)->calls_.erase(key_);
}

Agenda::Agenda(boost::asio::io_context& io, Clock clock) : io_(io), clock_(clock), timer_(io) {}

Timer Agenda::at(Instant when, std::function<void()> call) {
    const Timer::Key key{when, next_++};
    calls_.emplace(key, std::move(call));
    if (when < armed_) arm();
    return Timer(*this, key);
}

void Agenda::arm() {
    if (calls_.empty()) {
        armed_ = Instant::max();
        return;
    }
    armed_ = calls_.begin()->first.first;
    timer_.expires_after(clock_.machine_time_until(armed_));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) run_due();
    });
}

void Agenda::run_due() {
    const Instant now = clock_.now();
    // Calls made due by these calls wait for the next turn of the loop, so sockets are served too.
    const std::uint64_t fence = next_;
    while (!calls_.empty()) {
        const auto first = calls_.begin();
        if (first->first.first > now || first->first.second >= fence) break;
        const auto call = std::move(first->second);
        calls_.erase(first);
        call();
    }
    arm();
}

void Agenda::stop() {
    calls_.clear();
    armed_ = Instant::max();
    timer_.cancel();
}

void Errands::after(Duration delay, std::function<void()> call) {
    const std::uint64_t id = next_++;
    timers_.emplace(id, agenda_.after(delay, [this, id, call = std::move(call)] {
        timers_.erase(id);
        call();
    }));
}

}  // namespace vc::lab
