// The direct probes of both brokers: their queues, and how they are let in.
#include <utility>

#include "daemon/probing.h"

namespace vc {

struct Probing::Broker {
    const BrokerConfig& config;
    Channel kept;
    Channel fresh;
    std::shared_ptr<const AmqpCredentials> credentials;
};

Result<void> Probing::add_brokers(const std::string& run) {
    const Broker primary{config_.primary, Channel::DL, Channel::DF, credentials_.primary()};
    if (auto added = add_broker(primary, run); !added) return added;
    const Broker standby{config_.standby, Channel::SL, Channel::SF, credentials_.standby()};
    return add_broker(standby, run);
}

Result<void> Probing::add_broker(const Broker& broker, const std::string& run) {
    const BrokerConfig& config = broker.config;
    ProbeSpec spec;
    spec.host = config.url.host;
    spec.port = config.url.port;
    spec.tls = config.url.tls;
    spec.credentials = broker.credentials;
    spec.management = config.management;
    spec.run = run;
    spec.idle_timeout = std::chrono::seconds(60);
    if (const auto* plain = std::get_if<PlainAuth>(&config.auth)) {
        spec.user = plain->user;
        spec.password = plain->password.reveal();
    }
    TlsFiles files{config.tls_ca, "", ""};
    if (const auto* own = std::get_if<CertificateAuth>(&config.auth)) {
        files.certificate = own->certificate;
        files.key = own->key;
    }
    for (std::uint32_t i = 0; i < config.entities.size(); ++i) {
        for (const Channel channel : {broker.kept, broker.fresh}) {
            spec.channel = channel;
            spec.entity =
                channel == broker.fresh ? config.fresh_address(i) : config.kept_address(i);
            spec.seed = config_.seed + probers_.size();
            spec.budget = config_.probe(channel).budget;
            const std::string name = std::string(to_text(channel)) + " " + spec.entity;
            const auto prober = add_prober({name, spec, spec.budget, files});
            if (!prober) return tl::unexpected(prober.error());
            add_to_schedule(channel, i, *prober);
        }
    }
    return {};
}

}  // namespace vc
