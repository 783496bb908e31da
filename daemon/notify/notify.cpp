#include "daemon/notify/notify.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "daemon/hooks/exec.h"
#include "daemon/hooks/http.h"
#include "daemon/hooks/text.h"

namespace vc {

namespace asio = boost::asio;

namespace {

struct Pending {
    std::vector<HookFact> facts;
    std::string key;
    Instant raised{};
    Instant came{};  // tried for give_up_after from then on
};

struct Target {
    Target(asio::io_context& io, HookCommand how) : command(std::move(how)), pause(io) {}
    HookCommand command;
    std::deque<Pending> queue;  // the front is under way when `busy`
    bool busy = false;
    Duration next_pause{};
    asio::steady_timer pause;
    asio::cancellation_signal stop;
};

asio::awaitable<HookResult> try_once(HookCommand command, Pending page, Instant deadline,
                                     Clock clock) {
    if (auto* exec = std::get_if<ExecCommand>(&command)) {
        co_return co_await run_exec(std::move(*exec), std::move(page.facts), deadline, clock);
    }
    auto& http = std::get<HttpCommand>(command);
    co_return co_await run_http(std::move(http), std::move(page.facts), std::move(page.key),
                                deadline, clock);
}

bool is_taken(HookOutcome outcome) {
    return outcome == HookOutcome::done || outcome == HookOutcome::already_done;
}

}  // namespace

struct Notifier::State : std::enable_shared_from_this<Notifier::State> {
    State(asio::io_context& owner, Clock its_clock, NotifyOptions chosen)
        : io(owner), clock(its_clock), options(chosen) {}

    void start(std::size_t number);
    void finish(std::size_t number, const HookResult& result);
    void say(std::size_t number, const std::string& words);
    void settle();

    asio::io_context& io;
    Clock clock;
    NotifyOptions options;
    std::vector<std::unique_ptr<Target>> targets;
    NotifyCounts counts;
    Trouble trouble;
    Settled settled;
    Instant last_raised{};
    Instant last_settled{};
    bool gone = false;
};

void Notifier::State::say(std::size_t number, const std::string& words) {
    if (trouble) trouble("page to target " + std::to_string(number + 1) + ": " + words);
}

void Notifier::State::settle() {
    Instant until = last_raised;
    for (const auto& target : targets) {
        if (target->queue.empty()) continue;
        until = std::min(until, target->queue.front().raised - Duration(1));
    }
    if (until <= last_settled) return;
    last_settled = until;
    if (settled) settled(until);
}

void Notifier::State::start(std::size_t number) {
    Target& target = *targets[number];
    if (target.busy || target.queue.empty()) return;
    target.busy = true;
    auto work =
        try_once(target.command, target.queue.front(), clock.now() + options.timeout, clock);
    asio::co_spawn(
        io, std::move(work),
        asio::bind_cancellation_slot(
            target.stop.slot(), [self = shared_from_this(), number](
                                    const std::exception_ptr& thrown, const HookResult& result) {
                if (self->gone) return;
                if (thrown) std::rethrow_exception(thrown);
                self->finish(number, result);
            }));
}

void Notifier::State::finish(std::size_t number, const HookResult& result) {
    Target& target = *targets[number];
    const Instant came = target.queue.front().came;
    const bool taken = is_taken(result.outcome);
    const bool too_old = clock.now() + target.next_pause >= came + options.give_up_after;
    if (taken || too_old) {
        ++(taken ? counts.sent : counts.failed);
        if (!taken) say(number, "given up, too old: " + result.detail);
        target.queue.pop_front();
        target.next_pause = options.first_pause;
        target.busy = false;
        settle();
        start(number);
        return;
    }
    ++counts.retried;
    say(number, result.detail);
    target.pause.expires_after(clock.to_machine(target.next_pause));
    target.next_pause = std::min(2 * target.next_pause, options.longest_pause);
    target.pause.async_wait(
        [weak = weak_from_this(), number](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->gone) return;
            self->targets[number]->busy = false;
            self->start(number);
        });
}

Notifier::Notifier(asio::io_context& io, Clock clock, std::vector<HookCommand> targets,
                   NotifyOptions options)
    : state_(std::make_shared<State>(io, clock, options)) {
    // One under way, and one that may be given up for a newer.
    state_->options.queue_max = std::max<std::size_t>(options.queue_max, 2);
    for (HookCommand& command : targets) {
        state_->targets.push_back(std::make_unique<Target>(io, std::move(command)));
        state_->targets.back()->next_pause = options.first_pause;
    }
}

Notifier::~Notifier() {
    state_->gone = true;
    for (const auto& target : state_->targets) {
        target->pause.cancel();
        target->stop.emit(asio::cancellation_type::terminal);
    }
}

void Notifier::page(const PageRaised& page, Instant raised) {
    State& state = *state_;
    Pending pending;
    pending.raised = raised;
    pending.came = state.clock.now();
    state.last_raised = std::max(state.last_raised, raised);
    pending.key = "page-" + std::to_string(page.incident.value) + "-" +
                  std::to_string(pending.raised.time_since_epoch().count());
    pending.facts = {{"incident", std::to_string(page.incident.value), true},
                     {"severity", std::string(to_text(page.severity)), false},
                     {"text", page.text, false},
                     {"idempotency_key", pending.key, false}};
    for (std::size_t number = 0; number < state.targets.size(); ++number) {
        Target& target = *state.targets[number];
        if (target.queue.size() >= state.options.queue_max) {
            // The front is under way and will be heard of.
            const auto oldest = target.queue.begin() + (target.busy ? 1 : 0);
            target.queue.erase(oldest);
            ++state.counts.failed;
            state.say(number, "given up, too many are waiting");
        }
        target.queue.push_back(pending);
        state.start(number);
    }
    // With nobody to tell, it is done with.
    if (state.targets.empty()) state.settle();
}

void Notifier::on_settled(Settled settled) {
    state_->settled = std::move(settled);
}

void Notifier::on_trouble(Trouble trouble) {
    state_->trouble = std::move(trouble);
}

NotifyCounts Notifier::counts() const {
    NotifyCounts counts = state_->counts;
    for (const auto& target : state_->targets)
        counts.queued += target->queue.size();
    return counts;
}

}  // namespace vc
