// The journal's rows as values: used by the writer's load() and by the reader.
#pragma once

#include <string>
#include <vector>

#include "daemon/journal/reader.h"
#include "daemon/journal/sqlite.h"
#include "rules/base/error.h"
#include "rules/observation.h"

namespace vc {

inline constexpr const char* select_records = "SELECT seq, at_ns, wall_ns, kind, body FROM record";
inline constexpr const char* select_observations =
    "SELECT id, channel, target, due_ns, started_ns, finished_ns, outcome, phase, tainted, phases,"
    " direction FROM observation";

// The current row of a statement that begins with the text above. A row that cannot be read is
// an error that names it: half a history is no history.
Result<StoredRecord> read_record(const Statement& row);
Result<Observation> read_observation(const Statement& row);

// "tcp=1200 call=53000": phase and nanoseconds.
std::string phases_text(const std::vector<PhaseTime>& phases);
// None when the text is not of that form.
std::optional<std::vector<PhaseTime>> phases_from(std::string_view text);

}  // namespace vc
