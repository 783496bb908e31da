// Everything that measures, put together from the configuration: the sessions with their
// connections, the open-loop schedule that starts their attempts, and the account of both. Owned by
// the App, on its thread.
//
// It also watches itself: what our own lag may have spoilt is marked, see lag_watch.h.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/credentials/credentials.h"
#include "daemon/host/clock.h"
#include "daemon/host/deadline.h"
#include "daemon/host/run_session.h"
#include "daemon/lag_watch.h"
#include "daemon/schedule.h"
#include "probes/catalogue.h"
#include "probes/http/authorization.h"

namespace vc {

class Probing {
  public:
    struct Callbacks {
        std::function<AttemptId()> next_attempt;
        std::function<void(Channel)> on_started;
        std::function<void(const Observation&)> on_observation;
        std::function<void(const Gauge&)> on_gauge;
        std::function<void(Channel, std::uint64_t)> on_missed;  // ticks that were slept through
        std::function<void(Duration)> on_start_lag;  // of one attempt behind its due time
        std::function<void(Duration)> on_loop_lag;   // of our own wake-up behind its time
        std::function<void(const Reconnect&)> on_reconnect;
        // What a TLS peer ("host:port") has shown expires then.
        std::function<void(const std::string&, WallTime)> on_certificate;
        // Files of certificates had changed, and were taken up or not.
        std::function<void(const Result<void>&)> on_certificates_read;
    };

    // Fails when a session cannot be made (a spec that lacks something, certificates that cannot
    // be loaded). `run` differs between any two runs of the daemon; `credentials` outlive it.
    static Result<std::unique_ptr<Probing>> make(boost::asio::any_io_executor executor,
                                                 const Clock& clock, const Config& config,
                                                 Credentials& credentials, const std::string& run,
                                                 Callbacks callbacks);

    // Spawns the schedule and every session. They end after stop().
    void start();

    // No new attempts. Sessions end in order (a started transaction is stopped); at `deadline`
    // what is still open is abandoned. `ended` is called once all have ended.
    void stop(Instant deadline, std::function<void()> ended);

    // Attempts started and not yet observed, counted here, apart from the metrics.
    std::uint64_t in_flight(Channel channel) const;
    // The same as the sessions count it, over all channels; equal to the sum of the above.
    std::uint64_t open_in_sessions() const;
    SessionCounters counters() const;

  private:
    // One session and the connection it is run over.
    struct Prober {
        std::string name;
        std::unique_ptr<SessionRunner> runner;
        bool reads_gauge = false;  // no probe: what others publish
    };
    struct Wanted {
        std::string name;
        ProbeSpec spec;
        Duration shortest_budget{};
        TlsFiles tls = {};  // when the spec wants TLS
    };

    Probing(boost::asio::any_io_executor executor, const Clock& clock, const Config& config,
            Credentials& credentials, Callbacks callbacks);
    Result<void> add_all(const std::string& run);
    Result<void> add_chargers(const std::string& run);
    // probing_brokers.cpp
    Result<void> add_brokers(const std::string& run);
    struct Broker;
    Result<void> add_broker(const Broker& broker, const std::string& run);
    Result<void> add_controls();
    // probing_gauges.cpp
    Result<void> add_gauges();
    Result<void> add_gauge(const GaugeConfig& gauge);
    // What a source shows to be let in; null when it asks for nothing.
    Result<std::shared_ptr<const Authorization>> shown_by(const GaugeConfig& gauge);
    Result<std::size_t> add_prober(const Wanted& wanted);
    std::size_t add_runner(const std::string& name, std::unique_ptr<Session> session,
                           RunnerOptions options);
    // Loaded once for each set of files.
    Result<std::shared_ptr<TlsTrust>> trust_in(const TlsFiles& files);
    void add_to_schedule(Channel channel, std::uint32_t target, std::size_t prober);

    boost::asio::awaitable<void> keep_schedule();
    boost::asio::awaitable<void> keep_session(std::size_t prober);
    void start_due(const Schedule::Due& due, Instant now);
    void seen(Observation observation);

    boost::asio::any_io_executor executor_;
    Clock clock_;
    const Config& config_;
    Credentials& credentials_;
    Callbacks callbacks_;
    Schedule schedule_;
    std::vector<std::size_t> prober_of_entry_;  // by schedule entry
    // By ca, certificate and key, see Endpoint: a thousand chargers trust one set.
    std::map<std::array<std::string, 3>, std::shared_ptr<TlsTrust>> trusts_;
    std::vector<Prober> probers_;
    std::map<AttemptId, Channel> open_;
    std::array<std::uint64_t, all_channels.size()> in_flight_{};
    LagWatch lag_watch_;
    Signal change_;
    bool stopping_ = false;
    std::size_t running_ = 0;  // coroutines that have not ended
    std::function<void()> ended_;
};

}  // namespace vc
