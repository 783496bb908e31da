// A fault as it is asked for over the control port: {"kind": .., parameters ..}. Strict: a key that
// is not known, or is not of this kind, is an error that names it.
#pragma once

#include "rules/base/error.h"
#include "tests/lab/fault_state.h"

namespace boost::json {
class object;
}

namespace vc::lab {

// `request` without component and kind. A component that `narrows` takes entity, role, only,
// ramp_s.
Result<Fault> read_fault(FaultKind kind, boost::json::object request, bool narrows);

// Nothing when there is no such kind.
std::optional<FaultKind> fault_kind(std::string_view name);

}  // namespace vc::lab
