#include <boost/asio/io_context.hpp>
#include <cstdio>
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

ProbeSpec spec_of(const e2e::Platform& platform, Channel channel, const std::string& entity) {
    ProbeSpec spec;
    spec.channel = channel;
    spec.host = "localhost";
    spec.port = static_cast<std::uint16_t>(platform.port("primary"));
    spec.entity = entity;
    spec.run = "bench";
    spec.budget = std::chrono::seconds(5);
    spec.idle_timeout = std::chrono::seconds(60);
    spec.seed = 1;
    return spec;
}

BareTarget target_of(const e2e::Platform& platform, const std::string& address) {
    BareTarget target;
    target.port = static_cast<std::uint16_t>(platform.port("primary"));
    target.address = address;
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

void kept(Figures& figures, const e2e::Platform& platform) {
    boost::asio::io_context io{1};
    Prober prober(io, Clock(), spec_of(platform, Channel::DL, "canary-0"), nullptr);
    BarePair bare(target_of(platform, "canary-1"));
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

void fresh(Figures& figures, const std::string& name, const e2e::Platform& platform) {
    boost::asio::io_context io{1};
    Prober prober(io, Clock(), spec_of(platform, Channel::DF, "canary-0-fresh"), nullptr);
    const BareTarget target = target_of(platform, "canary-1-fresh");
    std::vector<double> ours, bare;
    for (int turn = 0; turn < fresh_turns; ++turn) {
        for (std::size_t i = 0; i < fresh_of_a_turn; ++i)
            bare.push_back(ms(bare_fresh(target)));
        for (const Observation& seen : prober.run(Channel::DF, fresh_of_a_turn))
            ours.push_back(ms(seen.finished - seen.started));
    }
    prober.stop();
    add_ratio(figures, name, ours, bare, "from the connect to the orderly close");
}

}  // namespace

void pace(Figures& figures) {
    e2e::TempDir dir;
    e2e::PlatformOptions options;
    options.factor = 1;
    options.chargers = 0;
    e2e::Platform platform(dir, options);
    kept(figures, platform);
    fresh(figures, "fresh_ratio", platform);
}

}  // namespace vc::bench
