#include "daemon/readiness/live.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <utility>

#include "daemon/credentials/credentials.h"
#include "daemon/host/run_session.h"
#include "daemon/host/spawn.h"
#include "daemon/readiness/auditor.h"
#include "probes/catalogue.h"

namespace vc {
namespace {

constexpr Duration token_patience = std::chrono::seconds(10);
constexpr Duration close_patience = std::chrono::seconds(2);

// What one round trip needs besides its broker.
struct Trip {
    RoundTrip* result = nullptr;
    std::unique_ptr<SessionRunner> runner;
    bool seen = false;
};

class Look {
  public:
    Look(const Config& config, const Clock& clock) : config_(config), clock_(clock) {}

    LiveFindings run(const LiveWishes& wishes) {
        auto credentials = Credentials::make(io_, clock_, config_, {});
        if (!credentials) {
            findings_.audit_trouble = credentials.error().message;
            return std::move(findings_);
        }
        credentials_ = std::move(*credentials);
        credentials_->start();
        await_tokens();
        if (wishes.round_trips) begin_trips();
        begin_audit();
        while (open_ > 0 && io_.run_one() > 0) {
        }
        credentials_->stop();
        return std::move(findings_);
    }

  private:
    bool has_tokens() const {
        for (const auto& one : {credentials_->primary(), credentials_->standby()}) {
            if (one->uses_cbs() && !one->token("", clock_.now())) return false;
        }
        return true;
    }

    void await_tokens() {
        const Instant end = clock_.now() + token_patience;
        while (!has_tokens() && clock_.now() < end)
            io_.run_one_for(std::chrono::milliseconds(20));
    }

    void begin_trips() {
        // The list must not move while trips point into it.
        findings_.trips.reserve(config_.primary.entities.size() + config_.standby.entities.size());
        for (std::size_t i = 0; i < config_.primary.entities.size(); ++i)
            begin_trip("primary", config_.primary, Channel::DF, credentials_->primary(), i);
        for (std::size_t i = 0; i < config_.standby.entities.size(); ++i)
            begin_trip("standby", config_.standby, Channel::SF, credentials_->standby(), i);
    }

    void begin_trip(const char* name, const BrokerConfig& broker, Channel channel,
                    std::shared_ptr<const BrokerCredentials> credentials, std::size_t entity) {
        RoundTrip& result = findings_.trips.emplace_back();
        result.broker = name;
        result.entity = broker.kept_address(entity);
        auto session = make_probe(spec_of(broker, channel, std::move(credentials), entity));
        auto endpoint = endpoint_of(broker);
        if (!session || !endpoint) {
            result.trouble = !session ? session.error().message : endpoint.error().message;
            return;
        }
        const Duration budget = config_.probe(channel).budget;
        auto trip = std::make_unique<Trip>();
        trip->result = &result;
        SessionRunner::Callbacks callbacks;
        callbacks.on_observation = [this, trip = trip.get()](const Observation& seen) {
            trip->result->seen = seen;
            trip->seen = true;
            trip->runner->stop(clock_.now() + close_patience);
        };
        RunnerOptions options;
        options.endpoint = std::move(*endpoint);
        options.connect_timeout = 2 * budget;
        trip->runner =
            std::make_unique<SessionRunner>(io_.get_executor(), clock_, std::move(*session),
                                            std::move(options), std::move(callbacks));
        ++open_;
        spawn(io_.get_executor(), "look at " + result.entity, finish(trip.get()));
        trip->runner->start({AttemptId{trips_.size() + 1}, channel,
                             static_cast<std::uint32_t>(entity), clock_.now(), budget});
        trips_.push_back(std::move(trip));
    }

    boost::asio::awaitable<void> finish(Trip* trip) {
        co_await trip->runner->run();
        --open_;
    }

    ProbeSpec spec_of(const BrokerConfig& broker, Channel channel,
                      std::shared_ptr<const BrokerCredentials> credentials,
                      std::size_t entity) const {
        ProbeSpec spec;
        spec.channel = channel;
        spec.host = broker.url.host;
        spec.port = broker.url.port;
        spec.tls = broker.url.tls;
        spec.entity = broker.kept_address(entity);
        spec.fresh_entity = broker.fresh_address(entity);
        spec.management = broker.management;
        if (const auto* plain = std::get_if<PlainAuth>(&broker.auth)) {
            spec.user = plain->user;
            spec.password = plain->password.reveal();
        }
        spec.credentials = std::move(credentials);
        spec.run = "look" + std::to_string(clock_.now().time_since_epoch().count() % 1'000'000'000);
        spec.budget = config_.probe(channel).budget;
        spec.idle_timeout = std::chrono::seconds(60);
        spec.seed = config_.seed + entity;
        return spec;
    }

    static Result<Endpoint> endpoint_of(const BrokerConfig& broker) {
        Endpoint endpoint;
        endpoint.host = broker.url.host;
        endpoint.port = broker.url.port;
        if (!broker.url.tls) return endpoint;
        TlsFiles files;
        files.ca = broker.tls_ca;
        if (const auto* own = std::get_if<CertificateAuth>(&broker.auth)) {
            files.certificate = own->certificate;
            files.key = own->key;
        }
        auto trust = TlsTrust::load(files);
        if (!trust) return tl::unexpected(trust.error());
        endpoint.tls = std::move(*trust);
        return endpoint;
    }

    void begin_audit() {
        if (!config_.readiness) return;
        auto auditor = make_auditor(io_.get_executor(), clock_, config_, *credentials_);
        if (!auditor) {
            findings_.audit_trouble = auditor.error().message;
            return;
        }
        auditor_ = std::move(*auditor);
        ++open_;
        auditor_->run(1, [this](StandbyAudit audit) {
            findings_.audit = std::move(audit);
            --open_;
        });
    }

    const Config& config_;
    Clock clock_;
    boost::asio::io_context io_{1};
    std::unique_ptr<Credentials> credentials_;
    std::unique_ptr<Auditor> auditor_;
    std::vector<std::unique_ptr<Trip>> trips_;
    std::size_t open_ = 0;  // that have not ended
    LiveFindings findings_;
};

}  // namespace

LiveFindings look_live(const Config& config, const Clock& clock, const LiveWishes& wishes) {
    Look look(config, clock);
    return look.run(wishes);
}

}  // namespace vc
