// A probe as the daemon runs it, for a bench: the entity's session under a SessionRunner, over a
// real connection, on an event loop that the bench turns. Attempts are started one after another.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/credentials/broker_credentials.h"
#include "daemon/host/clock.h"
#include "daemon/host/run_session.h"
#include "probes/catalogue.h"

namespace vc::bench {

class Prober {
  public:
    // Throws std::runtime_error when the session cannot be made.
    Prober(boost::asio::io_context& io, const Clock& clock, const ProbeSpec& spec,
           std::shared_ptr<TlsTrust> trust);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    // Told of every attempt that has ended; may start the next.
    std::function<void(const Observation&)> on_end;
    void start(Channel channel, Duration budget);

    // Turns the loop until `count` attempts have ended, each started when the one before did.
    // Throws when one of them is not ok.
    std::vector<Observation> run(Channel channel, std::size_t count);

    // Turns the loop until the session has ended in order.
    void stop();

  private:
    boost::asio::awaitable<void> keep();

    boost::asio::io_context& io_;
    Clock clock_;
    Duration budget_;
    std::unique_ptr<SessionRunner> runner_;
    std::uint64_t attempts_ = 0;
    bool ended_ = false;
};

// The daemon's own credentials for a shared access key.
std::shared_ptr<const AmqpCredentials> sas_credentials(const Clock& clock, const std::string& name,
                                                       const std::string& key);

// How long the attempt spent in a phase, in milliseconds; NaN when it did not reach it.
double phase_ms(const Observation& seen, Phase phase);

}  // namespace vc::bench
