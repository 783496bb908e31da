#include "rules/migration/machine.h"

#include <algorithm>

#include "rules/base/check.h"
#include "rules/base/overloaded.h"

namespace vc {
namespace {

bool took_effect(HookOutcome outcome) {
    return outcome == HookOutcome::done || outcome == HookOutcome::already_done;
}

bool may_be_repeated(HookOutcome outcome) {
    return outcome == HookOutcome::transient || outcome == HookOutcome::timed_out;
}

}  // namespace

void MigrationMachine::fold(const Record& record) {
    std::visit(Overloaded{[&](const MigrationProposed& r) {
                              *this = MigrationMachine(rules_);
                              plan_ = r.plan;
                              proposed_ = record.at;
                              steps_.resize(r.plan.steps.size());
                          },
                          [&](const StepStarted& r) { start(r); },
                          [&](const StepFinished& r) { finish(r, record.at); },
                          [&](const VerifyStarted&) { verify_started_ = record.at; },
                          [&](const MigrationEnded& r) { ended_ = r; }, [](const auto&) {}},
               record.body);
}

void MigrationMachine::start(const StepStarted& started) {
    const HookRun& run = started.run;
    if (!in_flight() || run.epoch != plan_->epoch || run.step >= steps_.size()) return;
    // Two starts in a row: the process ended between them, and the first one's end is unknown.
    if (in_flight_) mark_lost(*in_flight_);
    in_flight_ = run;
    Progress& step = steps_[run.step];
    switch (run.verb) {
        case HookVerb::plan:
            step.plans = run.attempt;
            break;
        case HookVerb::apply:
            step.applies = run.attempt;
            if (plan_->steps[run.step].point_of_no_return) committed_ = true;
            break;
        case HookVerb::verify:
            break;
        case HookVerb::undo:
            step.undos = run.attempt;
            undoing_ = true;
            break;
    }
}

void MigrationMachine::finish(const StepFinished& finished, Instant at) {
    const HookRun& run = finished.run;
    if (!in_flight() || run.epoch != plan_->epoch || run.step >= steps_.size()) return;
    if (in_flight_ == run) in_flight_.reset();
    Progress& step = steps_[run.step];
    switch (run.verb) {
        case HookVerb::plan:
            return finish_plan(step, finished, at);
        case HookVerb::apply:
            return finish_apply(step, finished);
        case HookVerb::verify:
            return finish_verify(step, finished, at);
        case HookVerb::undo:
            return finish_undo(step, finished, at);
    }
}

void MigrationMachine::finish_plan(Progress& step, const StepFinished& finished, Instant at) {
    if (took_effect(finished.outcome)) {
        step.planned = true;
    } else if (may_be_repeated(finished.outcome) &&
               step.plans < plan_->steps[finished.run.step].attempts) {
        retry_at_ = at + rules_.retry_backoff;
    } else {
        giving_up_ = say(finished.run, finished.detail);
    }
}

void MigrationMachine::finish_apply(Progress& step, const StepFinished& finished) {
    const bool verified = step.found == true;
    step.found.reset();
    step.doubt = may_be_repeated(finished.outcome);
    // A refusal says that nothing was changed; everything else may have changed something.
    if (finished.outcome != HookOutcome::refused) step.touched = true;
    if (plan_->steps[finished.run.step].point_of_no_return && !step.touched) committed_ = false;
    if (took_effect(finished.outcome)) {
        step.claimed = plan_->steps[finished.run.step].verify && !verified;
        step.applied = !step.claimed;
    } else if (!step.doubt) {
        giving_up_ = say(finished.run, finished.detail);
    }
}

void MigrationMachine::finish_verify(Progress& step, const StepFinished& finished, Instant at) {
    const bool in_effect = took_effect(finished.outcome);
    if (step.claimed) {
        step.claimed = false;
        step.applied = in_effect;
        if (!in_effect) not_in_effect(step, finished, at);
    } else if (step.doubt) {
        step.doubt = in_effect;
        if (in_effect) {
            step.found = true;
        } else {
            not_in_effect(step, finished, at);
        }
    } else if (step.undo_doubt) {
        // Only a clear "not in effect" spares the repetition of an undo.
        if (!in_effect && !may_be_repeated(finished.outcome)) step.found = false;
        step.undo_doubt = false;
    }
}

void MigrationMachine::not_in_effect(Progress& step, const StepFinished& finished, Instant at) {
    if (step.applies < plan_->steps[finished.run.step].attempts) {
        retry_at_ = at + rules_.retry_backoff;
        return;
    }
    giving_up_ = say(finished.run, "not in effect after " + std::to_string(step.applies) +
                                       " attempts: " + finished.detail);
}

void MigrationMachine::finish_undo(Progress& step, const StepFinished& finished, Instant at) {
    step.found.reset();
    if (took_effect(finished.outcome)) {
        step.undone = true;
    } else if (may_be_repeated(finished.outcome) &&
               step.undos < plan_->steps[finished.run.step].attempts) {
        retry_at_ = at + rules_.retry_backoff;
    } else {
        stuck_ = say(finished.run, finished.detail);
    }
}

void MigrationMachine::mark_lost(const HookRun& run) {
    Progress& step = steps_[run.step];
    if (run.verb == HookVerb::apply) {
        step.doubt = true;
        step.touched = true;
    }
    if (run.verb == HookVerb::undo) step.undo_doubt = true;
}

void MigrationMachine::resume() {
    if (!in_flight() || !in_flight_) return;
    mark_lost(*in_flight_);
    in_flight_.reset();
}

std::optional<RecordBody> MigrationMachine::next(Instant now, const MoveConditions& conditions) {
    if (!in_flight() || in_flight_) return std::nullopt;
    if (!stuck_.empty()) return ended(MigrationResult::failed, stuck_);
    if (auto body = settle_doubts()) return body;
    if (now < retry_at_) return std::nullopt;
    if (undoing_ || !giving_up_.empty()) return back_out();

    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
        if (!steps_[i].planned) return order(i, HookVerb::plan, steps_[i].plans + 1);
    }
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
        if (steps_[i].applied) continue;
        if (!committed_ && !conditions.obstacle.empty()) {
            giving_up_ = conditions.obstacle;
            return back_out();
        }
        return order(i, HookVerb::apply, steps_[i].applies + 1);
    }
    return prove(now, conditions);
}

std::optional<RecordBody> MigrationMachine::settle_doubts() const {
    for (std::uint32_t i = 0; i < steps_.size(); ++i) {
        const Progress& step = steps_[i];
        if (step.doubt && step.found == true) {
            return StepFinished{{plan_->epoch, i, HookVerb::apply, step.applies},
                                HookOutcome::already_done,
                                "verify found it in effect"};
        }
        if (step.found == false) {
            return StepFinished{{plan_->epoch, i, HookVerb::undo, step.undos},
                                HookOutcome::already_done,
                                "verify found it undone"};
        }
        if (step.claimed || step.doubt) return order(i, HookVerb::verify, step.applies);
        if (step.undo_doubt) return order(i, HookVerb::verify, step.undos);
    }
    return std::nullopt;
}

RecordBody MigrationMachine::back_out() const {
    const std::string why = giving_up_.empty() ? "given up before the restart" : giving_up_;
    if (committed_) return ended(MigrationResult::failed, why);
    for (std::uint32_t i = static_cast<std::uint32_t>(steps_.size()); i-- > 0;) {
        const Progress& step = steps_[i];
        if (step.touched && !step.undone) return order(i, HookVerb::undo, step.undos + 1);
    }
    return ended(MigrationResult::rolled_back, why);
}

std::optional<RecordBody> MigrationMachine::prove(Instant now,
                                                  const MoveConditions& conditions) const {
    if (!verify_started_) return VerifyStarted{plan_->epoch};
    if (conditions.proven) {
        return ended(MigrationResult::verified,
                     "heartbeats and transactions work through the " + plan_->to);
    }
    const Instant looked_since = std::max(*verify_started_, conditions.watched_since);
    if (now - looked_since < rules_.verify_within) return std::nullopt;
    return ended(MigrationResult::failed, "heartbeats and transactions did not recover within " +
                                              to_text(rules_.verify_within) + " of the move");
}

RecordBody MigrationMachine::order(std::uint32_t step, HookVerb verb, std::uint32_t attempt) const {
    const HookRun run{plan_->epoch, step, verb, attempt};
    return StepStarted{run, plan_->steps[step].name, idempotency_key(*plan_, run)};
}

RecordBody MigrationMachine::ended(MigrationResult result, std::string detail) const {
    return MigrationEnded{plan_->epoch, result, std::move(detail)};
}

std::string MigrationMachine::say(const HookRun& run, const std::string& words) const {
    std::string text{to_text(run.verb)};
    text += " of " + plan_->steps[run.step].name + " did not succeed";
    return words.empty() ? text : text + ": " + words;
}

bool MigrationMachine::switched() const {
    if (!plan_) return false;
    if (ended_ && ended_->result == MigrationResult::rolled_back) return false;
    if (verify_started_) return true;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        if (plan_->steps[i].point_of_no_return && steps_[i].applied) return true;
    }
    return false;
}

std::uint32_t MigrationMachine::current_step() const {
    if (in_flight_) return in_flight_->step;
    std::uint32_t step = 0;
    while (step < steps_.size() && steps_[step].applied)
        ++step;
    return step;
}

std::string MigrationMachine::describe() const {
    if (!plan_) return {};
    if (ended_) return std::string(to_text(ended_->result));
    if (verify_started_) return "verifying";
    if (in_flight_) {
        std::string text;
        switch (in_flight_->verb) {
            case HookVerb::plan:
                text = "planning ";
                break;
            case HookVerb::apply:
                text = "applying ";
                break;
            case HookVerb::verify:
                text = "verifying ";
                break;
            case HookVerb::undo:
                text = "undoing ";
                break;
        }
        return text + plan_->steps[in_flight_->step].name + " (attempt " +
               std::to_string(in_flight_->attempt) + ")";
    }
    return undoing_ ? "undoing" : "waiting to try again";
}

}  // namespace vc
