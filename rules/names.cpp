#include "rules/names.h"

#include <array>
#include <utility>

namespace vc {
namespace {

template <class Enum>
using Name = std::pair<Enum, std::string_view>;

constexpr std::array<Name<Command>, 3> command_names{
    {{Command::pause, "pause"}, {Command::resume, "resume"}, {Command::ack, "ack"}}};

constexpr std::array<Name<HookVerb>, 4> verb_names{{{HookVerb::plan, "plan"},
                                                    {HookVerb::apply, "apply"},
                                                    {HookVerb::verify, "verify"},
                                                    {HookVerb::undo, "undo"}}};

constexpr std::array<Name<HookOutcome>, 6> outcome_names{
    {{HookOutcome::done, "done"},
     {HookOutcome::already_done, "already_done"},
     {HookOutcome::refused, "refused"},
     {HookOutcome::transient, "transient"},
     {HookOutcome::failed, "failed"},
     {HookOutcome::timed_out, "timed_out"}}};

constexpr std::array<Name<IncidentState>, 6> state_names{{{IncidentState::suspected, "suspected"},
                                                          {IncidentState::confirmed, "confirmed"},
                                                          {IncidentState::migrating, "migrating"},
                                                          {IncidentState::probation, "probation"},
                                                          {IncidentState::quarantine, "quarantine"},
                                                          {IncidentState::closed, "closed"}}};

constexpr std::array<Name<Decision>, 5> decision_names{{{Decision::migrate, "migrate"},
                                                        {Decision::hold, "hold"},
                                                        {Decision::page, "page"},
                                                        {Decision::suppress, "suppress"},
                                                        {Decision::none, "none"}}};

constexpr std::array<Name<Refusal>, 18> refusal_names{
    {{Refusal::mode_observe, "mode_observe"},
     {Refusal::quorum_not_accepted, "quorum_not_accepted"},
     {Refusal::paused, "paused"},
     {Refusal::evidence_insufficient, "evidence_insufficient"},
     {Refusal::diagnosis_unknown, "diagnosis_unknown"},
     {Refusal::not_curable_by_move, "not_curable_by_move"},
     {Refusal::posterior_low, "posterior_low"},
     {Refusal::users_not_harmed, "users_not_harmed"},
     {Refusal::watcher_blind, "watcher_blind"},
     {Refusal::primary_unseen, "primary_unseen"},
     {Refusal::standby_not_certified, "standby_not_certified"},
     {Refusal::standby_shared_fate, "standby_shared_fate"},
     {Refusal::standby_unfit, "standby_unfit"},
     {Refusal::standby_unaudited, "standby_unaudited"},
     {Refusal::standby_audit_pending, "standby_audit_pending"},
     {Refusal::migration_in_flight, "migration_in_flight"},
     {Refusal::already_migrated, "already_migrated"},
     {Refusal::no_migration_plan, "no_migration_plan"}}};

constexpr std::array<Name<Severity>, 2> severity_names{
    {{Severity::low, "low"}, {Severity::high, "high"}}};

constexpr std::array<Name<MigrationResult>, 3> result_names{
    {{MigrationResult::verified, "verified"},
     {MigrationResult::rolled_back, "rolled_back"},
     {MigrationResult::failed, "failed"}}};

constexpr std::array<Name<AuditVerdict>, 3> audit_names{
    {{AuditVerdict::ready, "ready"},
     {AuditVerdict::unfit, "unfit"},
     {AuditVerdict::unreachable, "unreachable"}}};

constexpr std::array<Name<Remedy>, 5> remedy_names{{{Remedy::migrate, "migrate"},
                                                    {Remedy::hold, "hold"},
                                                    {Remedy::page, "page"},
                                                    {Remedy::suppress, "suppress"},
                                                    {Remedy::none, "none"}}};

constexpr std::array<Name<Expectation>, 3> expectation_names{
    {{Expectation::good, "good"}, {Expectation::bad, "bad"}, {Expectation::any, "any"}}};

template <class Enum, std::size_t N>
std::string_view name_of(const std::array<Name<Enum>, N>& names, Enum value) {
    for (const auto& [key, name] : names) {
        if (key == value) return name;
    }
    return "?";
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const std::array<Name<Enum>, N>& names, std::string_view text) {
    for (const auto& [key, name] : names) {
        if (name == text) return key;
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_text(Command command) {
    return name_of(command_names, command);
}
std::string_view to_text(HookVerb verb) {
    return name_of(verb_names, verb);
}
std::string_view to_text(HookOutcome outcome) {
    return name_of(outcome_names, outcome);
}
std::string_view to_text(IncidentState state) {
    return name_of(state_names, state);
}
std::string_view to_text(Decision decision) {
    return name_of(decision_names, decision);
}
std::string_view to_text(Refusal refusal) {
    return name_of(refusal_names, refusal);
}
std::string_view to_text(Severity severity) {
    return name_of(severity_names, severity);
}
std::string_view to_text(MigrationResult result) {
    return name_of(result_names, result);
}
std::string_view to_text(AuditVerdict verdict) {
    return name_of(audit_names, verdict);
}
std::string_view to_text(Remedy remedy) {
    return name_of(remedy_names, remedy);
}
std::string_view to_text(Expectation expectation) {
    return name_of(expectation_names, expectation);
}

template <>
std::optional<Command> from_text(std::string_view text) {
    return value_of(command_names, text);
}
template <>
std::optional<HookVerb> from_text(std::string_view text) {
    return value_of(verb_names, text);
}
template <>
std::optional<HookOutcome> from_text(std::string_view text) {
    return value_of(outcome_names, text);
}
template <>
std::optional<IncidentState> from_text(std::string_view text) {
    return value_of(state_names, text);
}
template <>
std::optional<Decision> from_text(std::string_view text) {
    return value_of(decision_names, text);
}
template <>
std::optional<Refusal> from_text(std::string_view text) {
    return value_of(refusal_names, text);
}
template <>
std::optional<Severity> from_text(std::string_view text) {
    return value_of(severity_names, text);
}
template <>
std::optional<MigrationResult> from_text(std::string_view text) {
    return value_of(result_names, text);
}
template <>
std::optional<Remedy> from_text(std::string_view text) {
    return value_of(remedy_names, text);
}
template <>
std::optional<AuditVerdict> from_text(std::string_view text) {
    return value_of(audit_names, text);
}
template <>
std::optional<VendorClaim> from_text(std::string_view text) {
    for (const VendorClaim claim : {VendorClaim::missing, VendorClaim::green, VendorClaim::red}) {
        if (to_text(claim) == text) return claim;
    }
    return std::nullopt;
}
template <>
std::optional<GaugeRole> from_text(std::string_view text) {
    return gauge_role_from(text);
}
template <>
std::optional<Channel> from_text(std::string_view text) {
    return channel_from(text);
}

std::string_view explain(Refusal refusal) {
    switch (refusal) {
        case Refusal::mode_observe:
            return "the configuration only allows to watch";
        case Refusal::quorum_not_accepted:
            return "a single watcher was not accepted as a quorum";
        case Refusal::paused:
            return "an operator has paused us";
        case Refusal::evidence_insufficient:
            return "too little has gone wrong yet to be worth a move";
        case Refusal::diagnosis_unknown:
            return "no known fault explains what is seen";
        case Refusal::not_curable_by_move:
            return "what is broken would stay broken after a move";
        case Refusal::posterior_low:
            return "the culprit is not certain enough";
        case Refusal::users_not_harmed:
            return "heartbeats and transactions work";
        case Refusal::watcher_blind:
            return "our own control probes fail, or too little is seen";
        case Refusal::primary_unseen:
            return "the primary's own probes say nothing of it: they are not let in, or "
                   "misconfigured";
        case Refusal::standby_not_certified:
            return "the standby has not passed full loops recently";
        case Refusal::standby_shared_fate:
            return "the standby seems to be sick as well";
        case Refusal::standby_unfit:
            return "an audit found that the standby lacks what the primary has";
        case Refusal::standby_unaudited:
            return "no audit of the standby has succeeded recently";
        case Refusal::standby_audit_pending:
            return "an audit of the standby is awaited";
        case Refusal::migration_in_flight:
            return "a move is under way";
        case Refusal::already_migrated:
            return "one move was already made, and none is ever made back";
        case Refusal::no_migration_plan:
            return "the configuration has no migration steps";
    }
    return "?";
}

}  // namespace vc
