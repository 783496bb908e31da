// An idle platform: no faults and no ordinary chargers, so that only the daemon is measured. The
// cadences are the shipped ones, ten times as fast, so that a minute has enough of every kind.
#pragma once

#include "tests/bench/figures.h"

namespace vc::bench {

void idle(Figures& figures);

}  // namespace vc::bench
