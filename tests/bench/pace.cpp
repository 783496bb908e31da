#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/bare_peer.h"
#include "tests/bench/broker.h"
#include "tests/bench/prober.h"
#include "tests/e2e/platform.h"

namespace vc::bench {
namespace {

constexpr int kept_turns = 40;
constexpr std::size_t kept_of_a_turn = 50;
constexpr int fresh_turns = 40;
constexpr std::size_t fresh_of_a_turn = 5;

// Handed to the lab; it is of no use anywhere else.
const std::string key_name = "bench";
const std::string key = "bm90IGEgc2VjcmV0";

// What is measured against the same broker: a probe and a bare peer, each with queues of its own.
struct Sides {
    const e2e::Platform& platform;
    std::string ca;  // TLS when it is not empty
    Clock clock;
    std::shared_ptr<const AmqpCredentials> credentials = sas_credentials(clock, key_name, key);

    // The certificate is for a name, and a name is looked up on both sides.
    std::string host() const { return ca.empty() ? "127.0.0.1" : "localhost"; }
    ProbeSpec probe() const;
    std::shared_ptr<TlsTrust> trust() const;
    BareTarget bare(const std::string& address) const;
};

ProbeSpec Sides::probe() const {
    ProbeSpec spec;
    spec.channel = Channel::DL;
    spec.host = host();
    spec.port = static_cast<std::uint16_t>(platform.port("primary"));
    spec.tls = !ca.empty();
    spec.entity = "canary-0";
    spec.fresh_entity = "canary-0-fresh";
    spec.credentials = credentials;
    spec.run = "bench";
    spec.budget = std::chrono::seconds(5);
    spec.idle_timeout = std::chrono::seconds(60);
    spec.seed = 1;
    return spec;
}

std::shared_ptr<TlsTrust> Sides::trust() const {
    if (ca.empty()) return nullptr;
    auto loaded = TlsTrust::load(ca);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return *loaded;
}

BareTarget Sides::bare(const std::string& address) const {
    BareTarget target;
    target.host = host();
    target.port = static_cast<std::uint16_t>(platform.port("primary"));
    if (!ca.empty()) target.trust = std::make_shared<BareTrust>(ca);
    target.address = address;
    target.token = [this](const std::string& audience) {
        return credentials->token(audience, clock.now())->text;
    };
    return target;
}

void add_ratio(Figures& figures, const std::string& name, const std::vector<double>& ours,
               const std::vector<double>& bare, const std::string& what) {
    const double of = quantile(bare, 0.5);
    char how[200];
    std::snprintf(how, sizeof how, "%s: p50 %.3f ms, bare %.3f ms; p99 %.3f, bare %.3f; n %zu, %zu",
                  what.c_str(), quantile(ours, 0.5), of, quantile(ours, 0.99), quantile(bare, 0.99),
                  ours.size(), bare.size());
    figures.add(name, quantile(ours, 0.5) / of, "of bare", 1.5, of, how);
}

void kept(Figures& figures, const Sides& sides) {
    boost::asio::io_context io{1};
    Prober prober(io, sides.clock, sides.probe(), sides.trust());
    BarePair bare(sides.bare("canary-1"));
    bare.open();
    bare.put_token();
    bare.attach();
    std::vector<double> settle, receive, bare_settle, bare_receive;
    prober.run(Channel::DL, kept_of_a_turn);
    for (int turn = 0; turn < kept_turns; ++turn) {
        for (std::size_t i = 0; i < kept_of_a_turn; ++i) {
            const BarePair::Times times = bare.once();
            bare_settle.push_back(ms(times.settle));
            bare_receive.push_back(ms(times.receive));
        }
        for (const Observation& seen : prober.run(Channel::DL, kept_of_a_turn)) {
            settle.push_back(phase_ms(seen, Phase::send_settle));
            receive.push_back(phase_ms(seen, Phase::send_receive));
        }
    }
    prober.stop();
    add_ratio(figures, "long_settle_ratio", settle, bare_settle, "send to settle, kept connection");
    add_ratio(figures, "long_receive_ratio", receive, bare_receive,
              "send to receive, kept connections");
}

void fresh(Figures& figures, const std::string& name, const Sides& sides) {
    boost::asio::io_context io{1};
    Prober prober(io, sides.clock, sides.probe(), sides.trust());
    const BareTarget target = sides.bare("canary-1-fresh");
    std::vector<double> ours, bare;
    for (int turn = 0; turn < fresh_turns; ++turn) {
        for (std::size_t i = 0; i < fresh_of_a_turn; ++i)
            bare.push_back(ms(bare_fresh(target)));
        for (const Observation& seen : prober.run(Channel::DF, fresh_of_a_turn))
            ours.push_back(ms(seen.finished - seen.started));
    }
    prober.stop();
    add_ratio(figures, name, ours, bare,
              (sides.ca.empty() ? "" : "TLS, ") +
                  std::string("two connections at once, token, one message, closed in order"));
}

}  // namespace

void pace(Figures& figures) {
    e2e::TempDir dir;
    e2e::PlatformOptions options;
    options.factor = 1;
    options.chargers = 0;
    options.more = {"--primary-key", key_name + ":" + key, "--tls-dir", dir.path().string()};
    e2e::Platform platform(dir, options);
    const Sides plain{platform, "", Clock()};
    kept(figures, plain);
    fresh(figures, "fresh_ratio", plain);
    const Sides secured{platform, dir.path() / "ca.pem", Clock()};
    fresh(figures, "tls_fresh_ratio", secured);
}

}  // namespace vc::bench
