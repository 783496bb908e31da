#include "daemon/probing.h"

#include <algorithm>
#include <utility>

#include "daemon/host/spawn.h"
#include "rules/base/check.h"

namespace vc {
namespace {

std::string numbered(const std::string& prefix, std::uint32_t number) {
    const std::string digits = std::to_string(number + 1);
    return prefix + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

std::string without_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    return path;
}

LagWatch watch_for(const Config& config) {
    Duration shortest = Duration::max();
    Duration longest{};
    for (const ChannelCadence& cadence : config.rules.cadences) {
        shortest = std::min(shortest, cadence.budget);
        longest = std::max(longest, cadence.budget);
    }
    return {shortest, longest};
}

std::size_t index(Channel channel) {
    return static_cast<std::size_t>(channel);
}

}  // namespace

Probing::Probing(boost::asio::any_io_executor executor, const Clock& clock, const Config& config,
                 Credentials& credentials, Callbacks callbacks)
    : executor_(executor),
      clock_(clock),
      config_(config),
      credentials_(credentials),
      callbacks_(std::move(callbacks)),
      schedule_(clock.now()),
      lag_watch_(watch_for(config)),
      change_(executor) {}

Result<std::unique_ptr<Probing>> Probing::make(boost::asio::any_io_executor executor,
                                               const Clock& clock, const Config& config,
                                               Credentials& credentials, const std::string& run,
                                               Callbacks callbacks) {
    std::unique_ptr<Probing> probing(
        new Probing(std::move(executor), clock, config, credentials, std::move(callbacks)));
    if (auto added = probing->add_all(run); !added) return tl::unexpected(added.error());
    return probing;
}

Result<void> Probing::add_all(const std::string& run) {
    if (auto added = add_chargers(run); !added) return added;
    if (auto added = add_brokers(run); !added) return added;
    if (auto added = add_controls(); !added) return added;
    return add_gauges();
}

Result<void> Probing::add_chargers(const std::string& run) {
    const BridgeConfig& bridge = config_.bridge;
    ProbeSpec spec;
    spec.host = bridge.url.host;
    spec.port = bridge.url.port;
    spec.tls = bridge.url.tls;
    spec.path = without_slash(bridge.url.target.empty() ? "/" : bridge.url.target);
    spec.password = bridge.password.reveal();
    spec.id_tag = bridge.id_tag;
    spec.run = run;
    const auto add = [&](Channel channel, const std::string& identity) {
        spec.channel = channel;
        spec.identity = identity;
        spec.user = bridge.password.empty() ? "" : identity;
        spec.seed = config_.seed + probers_.size();
        spec.budget = config_.probe(channel).budget;
        Duration shortest = spec.budget;
        if (channel == Channel::HB) {
            spec.budget = std::max(spec.budget, config_.probe(Channel::TX).budget);
            shortest = std::min(shortest, config_.probe(Channel::TX).budget);
        }
        return add_prober({"charger " + identity, spec, shortest});
    };
    for (std::uint32_t i = 0; i < config_.probe(Channel::HB).targets; ++i) {
        const auto charger = add(Channel::HB, numbered(bridge.identity_prefix, i));
        if (!charger) return tl::unexpected(charger.error());
        add_to_schedule(Channel::HB, i, *charger);
        add_to_schedule(Channel::TX, i, *charger);
    }
    const auto standby = add(Channel::SC, numbered(bridge.standby_identity_prefix, 0));
    if (!standby) return tl::unexpected(standby.error());
    add_to_schedule(Channel::SC, 0, *standby);
    const auto ping = add(Channel::BH, bridge.identity_prefix + "PING");
    if (!ping) return tl::unexpected(ping.error());
    add_to_schedule(Channel::BH, 0, *ping);
    return {};
}

Result<void> Probing::add_controls() {
    for (std::uint32_t i = 0; i < config_.control.size(); ++i) {
        const Url& url = config_.control[i];
        ProbeSpec spec;
        spec.channel = Channel::CT;
        spec.host = url.host;
        spec.port = url.port;
        spec.tls = url.tls;
        spec.path = url.target.empty() ? "/" : url.target;
        spec.budget = config_.probe(Channel::CT).budget;
        const auto prober = add_prober({"control " + url.text, spec, spec.budget});
        if (!prober) return tl::unexpected(prober.error());
        add_to_schedule(Channel::CT, i, *prober);
    }
    return {};
}

Result<std::size_t> Probing::add_prober(const Wanted& wanted) {
    auto session = make_probe(wanted.spec);
    if (!session) return failure(wanted.name + ": " + session.error().message);
    RunnerOptions options;
    options.endpoint.host = wanted.spec.host;
    options.endpoint.port = wanted.spec.port;
    options.connect_timeout = wanted.shortest_budget * 2;
    if (wanted.spec.tls) {
        auto trust = trust_in(wanted.tls);
        if (!trust) return failure(wanted.name + ": " + trust.error().message);
        options.endpoint.tls = std::move(*trust);
    }
    return add_runner(wanted.name, std::move(*session), std::move(options));
}

Result<std::shared_ptr<TlsTrust>> Probing::trust_in(const TlsFiles& files) {
    auto& known = trusts_[{files.ca, files.certificate, files.key}];
    if (!known) {
        auto loaded = TlsTrust::load(files);
        if (!loaded) return loaded;
        known = std::move(*loaded);
        known->on_refresh(
            [this](const Result<void>& read) { callbacks_.on_certificates_read(read); });
    }
    return known;
}

std::size_t Probing::add_runner(const std::string& name, std::unique_ptr<Session> session,
                                RunnerOptions options) {
    SessionRunner::Callbacks callbacks;
    callbacks.on_observation = [this](const Observation& observation) { seen(observation); };
    callbacks.on_gauge = [this](const Gauge& gauge) { callbacks_.on_gauge(gauge); };
    callbacks.on_reconnect = [this](const Reconnect& one) { callbacks_.on_reconnect(one); };
    if (options.endpoint.tls) {
        const std::string peer =
            options.endpoint.host + ":" + std::to_string(options.endpoint.port);
        callbacks.on_certificate = [this, peer](WallTime expires) {
            callbacks_.on_certificate(peer, expires);
        };
    }
    probers_.push_back(
        {name, std::make_unique<SessionRunner>(executor_, clock_, std::move(session),
                                               std::move(options), std::move(callbacks))});
    return probers_.size() - 1;
}

void Probing::add_to_schedule(Channel channel, std::uint32_t target, std::size_t prober) {
    const ChannelCadence& probe = config_.probe(channel);
    schedule_.add({channel, target, probe.every, probe.budget});
    prober_of_entry_.push_back(prober);
}

void Probing::start() {
    running_ = probers_.size() + 1;
    for (std::size_t i = 0; i < probers_.size(); ++i) {
        spawn(executor_, "probe " + probers_[i].name, keep_session(i));
    }
    spawn(executor_, "schedule", keep_schedule());
}

void Probing::stop(Instant deadline, std::function<void()> ended) {
    VC_CHECK(!stopping_, "probing is stopped once");
    stopping_ = true;
    ended_ = std::move(ended);
    change_.raise();
    for (Prober& prober : probers_)
        prober.runner->stop(deadline);
}

boost::asio::awaitable<void> Probing::keep_session(std::size_t prober) {
    co_await probers_[prober].runner->run();
    if (--running_ == 0 && ended_) ended_();
}

boost::asio::awaitable<void> Probing::keep_schedule() {
    while (!stopping_) {
        const Instant now = clock_.now();
        const Schedule::Taken taken = schedule_.take(now);
        if (!taken.due.empty()) {
            // The oldest is what we should have woken up for.
            const Duration lag = now - taken.due.front().due;
            lag_watch_.woke(now, lag);
            callbacks_.on_loop_lag(lag);
        }
        for (const std::size_t entry : taken.missed) {
            if (probers_[prober_of_entry_[entry]].reads_gauge) continue;
            callbacks_.on_missed(schedule_.entry(entry).channel, 1);
        }
        for (const Schedule::Due& due : taken.due)
            start_due(due, clock_.now());
        const auto next = schedule_.next();
        VC_CHECK(next.has_value(), "something is probed");
        co_await change_.wait_for(clock_.machine_time_until(*next));
    }
    if (--running_ == 0 && ended_) ended_();
}

void Probing::start_due(const Schedule::Due& due, Instant now) {
    const Prober& prober = probers_[prober_of_entry_[due.entry]];
    const Schedule::Entry& entry = schedule_.entry(due.entry);
    const Attempt attempt{callbacks_.next_attempt(), entry.channel, entry.target, due.due,
                          entry.budget};
    if (!prober.reads_gauge) {
        callbacks_.on_started(entry.channel);
        callbacks_.on_start_lag(now - due.due);
        open_.emplace(attempt.id, entry.channel);
        ++in_flight_[index(entry.channel)];
    }
    prober.runner->start(attempt);
}

void Probing::seen(Observation observation) {
    const auto open = open_.find(observation.id);
    VC_CHECK(open != open_.end(), "an attempt ends once, and only if it was started");
    --in_flight_[index(open->second)];
    open_.erase(open);
    // Once stopped, nothing is due any more that could be overdue.
    const Instant wake = stopping_ ? Instant::max() : schedule_.next().value_or(Instant::max());
    const Duration budget = config_.probe(observation.channel).budget;
    observation.tainted = lag_watch_.taints(observation, budget, wake);
    callbacks_.on_observation(observation);
}

std::uint64_t Probing::in_flight(Channel channel) const {
    return in_flight_[index(channel)];
}

std::uint64_t Probing::open_in_sessions() const {
    std::uint64_t open = 0;
    for (const Prober& prober : probers_) {
        if (!prober.reads_gauge) open += prober.runner->session().open_attempts();
    }
    return open;
}

SessionCounters Probing::counters() const {
    SessionCounters sum;
    for (const Prober& prober : probers_) {
        const SessionCounters one = prober.runner->session().counters();
        sum.started += one.started;
        sum.finished += one.finished;
        sum.connects += one.connects;
        sum.drops += one.drops;
        sum.late_answers += one.late_answers;
        sum.duplicates += one.duplicates;
        sum.out_of_order += one.out_of_order;
        sum.unmatched += one.unmatched;
        sum.malformed += one.malformed;
        sum.cleanups += one.cleanups;
        sum.cleanups_given_up += one.cleanups_given_up;
    }
    return sum;
}

}  // namespace vc
