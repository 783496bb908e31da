// Carries out one migration: plan every step, apply them in order, prove the result; or undo.
//
// The machine's state is a fold over records and nothing else, so a restart continues where the
// journal ends. next() says what is to be recorded now; a StepStarted is also an order to run that
// hook, to be obeyed once the record is on disk. The table:
//
//   plan      done: next step. refused, failed: give up, nothing was touched. transient, timed
//             out: again after a pause, up to the step's attempts.
//
//   apply     done: claimed, or next step when the hook cannot verify. refused, failed: give up.
//             transient, timed out, lost in a restart: in doubt.
//
//   claimed   verify says in effect: next step. Not: apply again, same key, up to the attempts.
//
//   in doubt  the same.
//
//   give up   before the point of no return: undo what was touched, last first; rolled_back.
//             After it, and when an undo does not succeed: failed.
//
//   applied   all steps are: verify on the users' own probes; verified, or failed at the deadline.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/policy_rules.h"
#include "rules/record.h"

namespace vc {

// What the machine must know of the world outside it.
struct MoveConditions {
    std::string obstacle;  // why the move must not go on, before the point of no return; or empty
    bool proven = false;   // users are served through the new broker
    Instant watched_since{};  // nobody looked for the proof before
};

class MigrationMachine {
  public:
    explicit MigrationMachine(const PolicyRules& rules) : rules_(rules) {}

    // Takes in any record; those that are not about a migration are ignored.
    void fold(const Record& record);

    // After a restart: a run without an end was lost, and its effect is in doubt.
    void resume();

    // The next record, or none while something is awaited. Call again after folding it.
    std::optional<RecordBody> next(Instant now, const MoveConditions& conditions);

    bool in_flight() const { return plan_ && !ended_; }
    bool awaits(const HookRun& run) const { return in_flight_ == run; }
    bool verifying() const { return in_flight() && verify_started_.has_value(); }
    bool committed() const { return committed_; }
    Instant proposed() const { return proposed_; }
    std::optional<Instant> verify_started() const { return verify_started_; }
    // The point of no return has been carried out: the platform is on the new broker.
    bool switched() const;
    const std::optional<MigrationPlan>& plan() const { return plan_; }
    std::uint32_t current_step() const;
    std::string describe() const;

  private:
    struct Progress {
        bool planned = false;
        bool applied = false;
        bool touched = false;  // may have taken effect
        bool undone = false;
        bool claimed = false;       // apply says that it is done
        bool doubt = false;         // of apply
        bool undo_doubt = false;    // of undo
        std::optional<bool> found;  // what verify said about a doubt: in effect or not
        std::uint32_t plans = 0;
        std::uint32_t applies = 0;
        std::uint32_t undos = 0;
    };

    void start(const StepStarted& started);
    void finish(const StepFinished& finished, Instant at);
    void finish_plan(Progress& step, const StepFinished& finished, Instant at);
    void finish_apply(Progress& step, const StepFinished& finished);
    void not_in_effect(Progress& step, const StepFinished& finished, Instant at);
    void finish_verify(Progress& step, const StepFinished& finished, Instant at);
    void finish_undo(Progress& step, const StepFinished& finished, Instant at);
    void mark_lost(const HookRun& run);
    RecordBody order(std::uint32_t step, HookVerb verb, std::uint32_t attempt) const;
    RecordBody ended(MigrationResult result, std::string detail) const;
    std::optional<RecordBody> settle_doubts() const;
    RecordBody back_out() const;
    std::optional<RecordBody> prove(Instant now, const MoveConditions& conditions) const;
    std::string say(const HookRun& run, const std::string& words) const;

    PolicyRules rules_;
    std::optional<MigrationPlan> plan_;
    Instant proposed_{};
    std::vector<Progress> steps_;
    std::optional<HookRun> in_flight_;
    Instant retry_at_{};
    std::string giving_up_;  // why; empty while going forward
    std::string stuck_;      // an undo failed
    bool undoing_ = false;
    bool committed_ = false;
    std::optional<Instant> verify_started_;
    std::optional<MigrationEnded> ended_;
};

}  // namespace vc
