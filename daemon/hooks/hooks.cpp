#include "daemon/hooks/hooks.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <map>
#include <utility>

#include "daemon/hooks/exec.h"
#include "daemon/hooks/http.h"
#include "rules/base/check.h"

namespace vc {

namespace asio = boost::asio;

struct Hooks::State {
    State(asio::io_context& owner, Clock its_clock) : io(owner), clock(its_clock) {}

    asio::io_context& io;
    Clock clock;
    std::map<std::string, HookDefinition> definitions;
    std::map<std::uint64_t, asio::cancellation_signal> running;
    std::uint64_t next = 0;
    bool stopped = false;
    bool gone = false;
};

namespace {

const MigrationStep& step_of(const RunHook& order) {
    VC_CHECK(order.run.step < order.plan.steps.size(), "a run belongs to a step of its plan");
    return order.plan.steps[order.run.step];
}

// The answer for a verb that has no command.
HookResult without_command(const std::string& hook, HookVerb verb, bool hook_exists) {
    if (!hook_exists) return {HookOutcome::failed, "no hook named '" + hook + "' is configured"};
    const std::string verb_name(to_text(verb));
    switch (verb) {
        case HookVerb::plan:
            return {HookOutcome::done, "no plan is configured"};
        case HookVerb::apply:
        case HookVerb::verify:
        case HookVerb::undo:
            return {HookOutcome::failed, "no " + verb_name + " is configured for " + hook};
    }
    return {HookOutcome::failed, "unknown verb"};
}

asio::awaitable<HookResult> run_command(HookCommand command, std::vector<HookFact> facts,
                                        std::string key, Instant deadline, Clock clock) {
    if (auto* exec = std::get_if<ExecCommand>(&command)) {
        co_return co_await run_exec(std::move(*exec), std::move(facts), deadline, clock);
    }
    auto& http = std::get<HttpCommand>(command);
    co_return co_await run_http(std::move(http), std::move(facts), std::move(key), deadline, clock);
}

std::string decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    return text;
}

}  // namespace

bool is_out_of_date(const RunHook& order, Duration waited, Duration holds) {
    if (waited <= holds || order.run.verb != HookVerb::apply) return false;
    const auto& steps = order.plan.steps;
    const bool first = order.run.attempt == 1;
    const auto begun = steps.begin() + order.run.step + (first ? 0 : 1);
    return std::none_of(steps.begin(), begun,
                        [](const MigrationStep& step) { return step.point_of_no_return; });
}

std::vector<HookFact> hook_facts(const RunHook& order, const Clock& clock) {
    const MigrationPlan& plan = order.plan;
    const MigrationStep& step = step_of(order);
    const auto number = [](std::string name, std::uint64_t value) {
        return HookFact{std::move(name), std::to_string(value), true};
    };
    const auto text = [](std::string name, std::string_view value) {
        return HookFact{std::move(name), std::string(value), false};
    };
    return {number("epoch", plan.epoch.value),
            text("step", step.name),
            text("verb", to_text(order.run.verb)),
            number("attempt", order.run.attempt),
            text("idempotency_key", order.key),
            text("from", plan.from),
            text("to", plan.to),
            text("reason", plan.reason),
            number("incident", plan.incident.value),
            HookFact{"deadline_s", decimal(seconds(clock.to_machine(step.deadline))), true}};
}

Hooks::Hooks(asio::io_context& io, Clock clock, std::vector<HookDefinition> definitions)
    : state_(std::make_shared<State>(io, clock)) {
    for (HookDefinition& definition : definitions) {
        std::string name = definition.name;
        state_->definitions.emplace(std::move(name), std::move(definition));
    }
}

Hooks::~Hooks() {
    state_->stopped = true;
    state_->gone = true;
    for (auto& [number, signal] : state_->running)
        signal.emit(asio::cancellation_type::terminal);
}

void Hooks::stop() {
    state_->stopped = true;
}

std::size_t Hooks::in_flight() const {
    return state_->running.size();
}

void Hooks::run(RunHook order, Finished finished) {
    if (state_->stopped) return;
    const HookRun run = order.run;
    const std::uint64_t number = state_->next++;
    const auto report = [state = state_, run, number,
                         finished = std::move(finished)](HookResult result) {
        state->running.erase(number);
        if (!state->gone) finished(HookFinished{run, result.outcome, std::move(result.detail)});
    };
    auto& signal = state_->running[number];

    const MigrationStep& step = step_of(order);
    const auto definition = state_->definitions.find(step.hook);
    const bool exists = definition != state_->definitions.end();
    const HookCommand* command = nullptr;
    if (exists) {
        const auto found = definition->second.verbs.find(run.verb);
        if (found != definition->second.verbs.end()) command = &found->second;
    }
    if (command == nullptr) {
        asio::post(state_->io, [report, result = without_command(step.hook, run.verb, exists)] {
            report(result);
        });
        return;
    }
    auto work = run_command(*command, hook_facts(order, state_->clock), order.key,
                            state_->clock.now() + step.deadline, state_->clock);
    asio::co_spawn(state_->io, std::move(work),
                   asio::bind_cancellation_slot(
                       signal.slot(), [report, state = state_](const std::exception_ptr& thrown,
                                                               HookResult result) {
                           // Cancelled by our own end; anything else is our own bug.
                           if (thrown && !state->gone) std::rethrow_exception(thrown);
                           report(std::move(result));
                       }));
}

}  // namespace vc
