// The words for the core's closed lists, both ways. The texts are used in the journal, in metrics
// and in rule files alike; to_text() stands beside each enum.
#pragma once

#include <optional>
#include <string_view>

#include "rules/diagnosis/hypothesis.h"
#include "rules/record.h"

namespace vc {

// Exactly the inverse of to_text(); none for any other word.
template <class Enum>
std::optional<Enum> from_text(std::string_view text);

template <>
std::optional<Command> from_text(std::string_view text);
template <>
std::optional<HookVerb> from_text(std::string_view text);
template <>
std::optional<HookOutcome> from_text(std::string_view text);
template <>
std::optional<IncidentState> from_text(std::string_view text);
template <>
std::optional<Decision> from_text(std::string_view text);
template <>
std::optional<Refusal> from_text(std::string_view text);
template <>
std::optional<Severity> from_text(std::string_view text);
template <>
std::optional<MigrationResult> from_text(std::string_view text);
template <>
std::optional<Remedy> from_text(std::string_view text);
template <>
std::optional<AuditVerdict> from_text(std::string_view text);
template <>
std::optional<VendorClaim> from_text(std::string_view text);
template <>
std::optional<GaugeRole> from_text(std::string_view text);
template <>
std::optional<Channel> from_text(std::string_view text);

}  // namespace vc
