// Drives one Session over real connections: connects when it asks, feeds it bytes stamped with the
// time right after they were read, wakes it, writes what it says and hands its observations on.
//
// Everything happens on the executor's one thread. run() is spawned once and ends after stop();
// the runner must outlive it. Callbacks come after the session's output was carried out and may
// call start() or stop(). Bytes that the peer does not take are bounded at 256 KiB a connection;
// more is a reset.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/host/clock.h"
#include "daemon/host/deadline.h"
#include "daemon/host/net.h"
#include "probes/session.h"

namespace vc {

struct RunnerOptions {
    Endpoint endpoint;  // of every leg
    // Rules' time. Shorter than three budgets, so that the phase that took it is known.
    Duration connect_timeout{};
    // How long the last bytes before a close may take to be written.
    Duration close_linger = std::chrono::seconds(1);
};

class SessionRunner {
  public:
    struct Callbacks {
        std::function<void(const Observation&)> on_observation;
        std::function<void(const Gauge&)> on_gauge;          // may be empty
        std::function<void(const Reconnect&)> on_reconnect;  // may be empty
        // A TLS peer has shown a certificate that expires then. May be empty.
        std::function<void(WallTime)> on_certificate;
    };

    SessionRunner(boost::asio::any_io_executor executor, const Clock& clock,
                  std::unique_ptr<Session> session, RunnerOptions options, Callbacks callbacks);

    // A due attempt, from the schedule.
    void start(const Attempt& attempt);

    boost::asio::awaitable<void> run();

    // The session ends in order; at `deadline` what is still open is abandoned. run() then ends.
    void stop(Instant deadline);

    const Session& session() const { return *session_; }
    bool connected() const;  // any leg

  private:
    // One of the session's connections, and what is wanted of it.
    struct Line {
        explicit Line(const boost::asio::any_io_executor& executor)
            : change(executor), to_write(executor) {}

        Signal change;    // for connections(): something is wanted
        Signal to_write;  // for writer()
        bool want_open = false;
        std::optional<Duration> connect_within;  // of that open, when it is not the usual
        bool want_close = false;
        std::optional<Instant> linger_until;
        std::unique_ptr<Connector> connector;  // while connecting
        std::unique_ptr<Stream> stream;        // while connected
        std::optional<CloseReason> closed;     // once the connection is of no more use
        std::string to_send;
    };

    boost::asio::awaitable<void> connections(Leg leg);
    boost::asio::awaitable<void> one_connection(Leg leg);
    boost::asio::awaitable<void> reader(Leg leg);
    boost::asio::awaitable<void> writer(Leg leg);
    boost::asio::awaitable<void> wakes();

    void carry_out(SessionOutput out);
    void carry_out(Line& line, const LegOutput& out);
    static void ask_close(Line& line, Instant now, Duration linger);
    static void end_connection(Line& line, CloseReason reason);
    bool finished() const;
    void line_ended();
    std::optional<Instant> next_time() const;
    void on_time(Instant now);

    boost::asio::any_io_executor executor_;
    Clock clock_;
    std::unique_ptr<Session> session_;
    RunnerOptions options_;
    Callbacks callbacks_;

    std::vector<std::unique_ptr<Line>> lines_;  // by leg
    std::size_t running_ = 0;                   // connections() that have not ended
    Signal wake_change_;                        // for wakes(): it must wake up earlier than armed_
    std::optional<Instant> armed_;              // when wakes() wakes up by itself
    Signal all_ended_;
    bool stopping_ = false;
    bool abandoned_ = false;
    std::optional<Instant> wake_at_;
    std::optional<Instant> stop_at_;
};

}  // namespace vc
