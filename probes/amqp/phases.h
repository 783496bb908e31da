// The phases of an attempt on a broker: by when each should be over, to which of them a late or
// timed-out attempt is put down, and which half of the way it belongs to. Pure.
#pragma once

#include <vector>

#include "rules/observation.h"

namespace vc {

// By when a phase should be over, as a share of the budget. Each may take what leaves the others
// their chance: a quarter for steps that wait on more than one round trip or on another service
// (name, handshakes, token), an eighth for one exchange with the gateway, and a half for what the
// budget is there for, storing and delivering. An attempt never ends before it is three budgets
// old, for an answer up to then is late; these deadlines say which phase it is then put down to.
Duration phase_deadline(Phase phase, Duration budget);

// The phase that passed its deadline by most: among those that are over and, unless it is none, the
// one under way for `elapsed`. None when no phase passed its own. The time of send_receive runs
// from the sending; what of it went into send_settle is not counted twice.
Phase overrun_phase(std::vector<PhaseTime> phases, Phase current, Duration elapsed,
                    Duration budget);

// Which half a phase belongs to: none up to the links, which both halves need.
Direction half_of(Phase phase);

// How long a connection may take to be made for an attempt with `left` until its end: a little
// less, so that the step that took it is known when the attempt ends.
Duration connect_time(Duration left);

// Of two connections that are made at once: one entry for each phase, the longer.
void merge_longest(std::vector<PhaseTime>& into, const std::vector<PhaseTime>& other);

}  // namespace vc
