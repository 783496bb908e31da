// The direct probes of both brokers: their queues, and how they are let in.
#include <algorithm>
#include <array>
#include <utility>

#include "daemon/probing.h"

namespace vc {

struct Probing::Broker {
    const BrokerConfig& config;
    // Of the long-lived connections, the fresh ones, the way across and the look at management.
    std::array<Channel, 4> channels;
    std::shared_ptr<const AmqpCredentials> credentials;
};

Result<void> Probing::add_brokers(const std::string& run) {
    const Broker primary{config_.primary,
                         {Channel::DL, Channel::DF, Channel::DX, Channel::DM},
                         credentials_.primary()};
    if (auto added = add_broker(primary, run); !added) return added;
    const Broker standby{config_.standby,
                         {Channel::SL, Channel::SF, Channel::SX, Channel::SM},
                         credentials_.standby()};
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
    TlsFiles files{config.tls_ca, "", ""};
    if (const auto* own = std::get_if<CertificateAuth>(&config.auth)) {
        files.certificate = own->certificate;
        files.key = own->key;
    }
    spec.channel = broker.channels.front();
    Duration shortest = Duration::max();
    for (const Channel channel : broker.channels) {
        const ChannelCadence& cadence = config_.probe(channel);
        if (cadence.targets == 0) continue;
        spec.budget = std::max(spec.budget, cadence.budget);
        shortest = std::min(shortest, cadence.budget);
    }
    for (std::uint32_t i = 0; i < config.entities.size(); ++i) {
        spec.entity = config.kept_address(i);
        spec.fresh_entity = config.fresh_address(i);
        spec.seed = config_.seed + probers_.size();
        const std::string name = std::string(to_text(spec.channel)) + " " + spec.entity;
        const auto prober = add_prober({name, spec, shortest, files});
        if (!prober) return tl::unexpected(prober.error());
        for (const Channel channel : broker.channels) {
            if (i < config_.probe(channel).targets) add_to_schedule(channel, i, *prober);
        }
    }
    return {};
}

}  // namespace vc
