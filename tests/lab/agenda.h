// Everything the lab does later, on one timer. Owned by the Lab; times are the rules' time, so a
// time-lapse scales every delay at once. Same instant: first asked, first run.
//
// A Timer is the right to be called: destroying it takes the call back. Errands is a bag of calls
// that need no name of their own; destroying it takes them all back, so nothing outlives its owner.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "daemon/host/clock.h"
#include "rules/base/time.h"

namespace vc::lab {

class Agenda;

class Timer {
  public:
    using Key = std::pair<Instant, std::uint64_t>;

    Timer() = default;
    Timer(Agenda& agenda, Key key) : agenda_(&agenda), key_(key) {}
    Timer(Timer&& other) noexcept : agenda_(std::exchange(other.agenda_, nullptr)) {
        key_ = other.key_;
    }
    Timer& operator=(Timer&& other) noexcept;
    ~Timer() { cancel(); }
    void cancel();

  private:
    Agenda* agenda_ = nullptr;
    Key key_{};
};

class Agenda {
  public:
    Agenda(boost::asio::io_context& io, Clock clock);
    ~Agenda() { stop(); }
    Agenda(const Agenda&) = delete;
    Agenda& operator=(const Agenda&) = delete;

    boost::asio::io_context& io() { return io_; }
    const Clock& clock() const { return clock_; }
    Instant now() const { return clock_.now(); }

    [[nodiscard]] Timer at(Instant when, std::function<void()> call);
    [[nodiscard]] Timer after(Duration delay, std::function<void()> call) {
        return at(now() + delay, std::move(call));
    }

    // Drops every call; the io_context can then run out of work.
    void stop();

  private:
    friend class Timer;
    void arm();
    void run_due();

    boost::asio::io_context& io_;
    Clock clock_;
    boost::asio::steady_timer timer_;
    std::map<Timer::Key, std::function<void()>> calls_;
    Instant armed_ = Instant::max();
    std::uint64_t next_ = 0;
};

class Errands {
  public:
    explicit Errands(Agenda& agenda) : agenda_(agenda) {}
    void after(Duration delay, std::function<void()> call);
    void clear() { timers_.clear(); }
    std::size_t size() const { return timers_.size(); }

  private:
    Agenda& agenda_;
    std::map<std::uint64_t, Timer> timers_;
    std::uint64_t next_ = 0;
};

}  // namespace vc::lab
