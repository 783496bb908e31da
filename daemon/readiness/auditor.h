// Compares what the two brokers hold, over their management planes, and says whether the standby
// could take over.
//
// Every audit ends by its deadline, with an answer. When the primary cannot be read (it may be
// what is broken) it is compared as it was when it last could, for what cannot be read there can
// hardly be changed there; a standby that cannot be read is unreachable, and so is a pair of which
// the primary was never read, or lists nothing at all. Refusals that may pass (throttling, a bad
// moment) are asked again. On one thread; one audit at a time; the owner outlives its answers.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/credentials/credentials.h"
#include "daemon/host/clock.h"
#include "daemon/host/tls.h"
#include "probes/readiness/inventory.h"
#include "rules/readiness.h"

namespace vc {

class Auditor {
  public:
    // One broker's management plane.
    struct Side {
        std::string name;                 // "primary", for messages
        std::string url;                  // "https://host:port", without a path
        std::shared_ptr<TlsTrust> trust;  // of https
        std::shared_ptr<const BrokerCredentials> credentials;  // null: nothing is shown
    };
    struct Options {
        Side primary;
        Side standby;
        std::vector<std::string> ignore;
        Duration deadline = std::chrono::seconds(30);
        // So long the primary's last listing stands for a primary that cannot be read.
        Duration listing_good_for = std::chrono::hours(24);
    };

    Auditor(boost::asio::any_io_executor executor, const Clock& clock, Options options);

    // `answered` is called once, by the deadline, with that number. A second order while one is
    // under way is answered as unreachable at once.
    using Answered = std::function<void(StandbyAudit)>;
    void run(std::uint64_t number, Answered answered);

    // What the primary held when it was last read, and when that was.
    std::optional<Instant> primary_read() const { return primary_read_; }

  private:
    using Listed = Result<Inventory>;
    struct Under;

    boost::asio::awaitable<void> read_side(std::shared_ptr<Under> under, bool standby);
    boost::asio::awaitable<Listed> list(const Side& side, Instant deadline);
    boost::asio::awaitable<Result<std::pair<unsigned, std::string>>> get(const Side& side,
                                                                         std::string target,
                                                                         Instant deadline);
    StandbyAudit concluded(Under& under);

    boost::asio::any_io_executor executor_;
    Clock clock_;
    Options options_;
    std::shared_ptr<Under> under_;
    std::optional<Inventory> primary_;  // as it was last read
    std::optional<Instant> primary_read_;
};

// The auditor of a configuration; null when it has no audits. Own entities of the probes are left
// out of the comparison: each broker has those that it was given. Fails when certificates cannot be
// loaded.
Result<std::unique_ptr<Auditor>> make_auditor(boost::asio::any_io_executor executor,
                                              const Clock& clock, const Config& config,
                                              const Credentials& credentials);

}  // namespace vc
