#include "tests/bench/prober.h"

#include <cmath>
#include <stdexcept>
#include <utility>

#include "daemon/host/spawn.h"
#include "tests/bench/figures.h"

namespace vc::bench {

Prober::Prober(boost::asio::io_context& io, const Clock& clock, const ProbeSpec& spec,
               std::shared_ptr<TlsTrust> trust)
    : io_(io), clock_(clock), budget_(spec.budget) {
    auto session = make_probe(spec);
    if (!session) throw std::runtime_error("no session: " + session.error().message);
    RunnerOptions options;
    options.endpoint = {spec.host, spec.port, std::move(trust)};
    options.connect_timeout = spec.budget;
    SessionRunner::Callbacks callbacks;
    callbacks.on_observation = [this](const Observation& seen) {
        if (on_end) on_end(seen);
    };
    runner_ = std::make_unique<SessionRunner>(io.get_executor(), clock, std::move(*session),
                                              std::move(options), std::move(callbacks));
    spawn(io.get_executor(), "prober", keep());
}

Prober::~Prober() = default;

boost::asio::awaitable<void> Prober::keep() {
    co_await runner_->run();
    ended_ = true;
}

void Prober::start(Channel channel, Duration budget) {
    Attempt attempt;
    attempt.id = AttemptId{++attempts_};
    attempt.channel = channel;
    attempt.due = clock_.now();
    attempt.budget = budget;
    runner_->start(attempt);
}

std::vector<Observation> Prober::run(Channel channel, std::size_t count) {
    std::vector<Observation> seen;
    on_end = [&](const Observation& one) {
        seen.push_back(one);
        if (seen.size() < count) start(channel, budget_);
    };
    start(channel, budget_);
    while (seen.size() < count)
        io_.run_one();
    on_end = nullptr;
    for (const Observation& one : seen) {
        if (one.outcome == Outcome::ok) continue;
        throw std::runtime_error(std::string(to_text(channel)) + " ended as " +
                                 std::string(to_text(one.outcome)) + " in " +
                                 std::string(to_text(one.failed_phase)));
    }
    return seen;
}

void Prober::stop() {
    runner_->stop(clock_.now() + std::chrono::seconds(5));
    while (!ended_)
        io_.run_one();
}

std::shared_ptr<const AmqpCredentials> sas_credentials(const Clock& clock, const std::string& name,
                                                       const std::string& key) {
    BrokerConfig broker;
    SasAuth auth;
    auth.key_name = name;
    auth.key = Secret(key);
    broker.auth = std::move(auth);
    return std::make_shared<BrokerCredentials>(clock, broker, nullptr);
}

double phase_ms(const Observation& seen, Phase phase) {
    for (const PhaseTime& one : seen.phases) {
        if (one.phase == phase) return ms(one.took);
    }
    return std::nan("");
}

}  // namespace vc::bench
