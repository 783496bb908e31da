// The broker's probes measured: against bare peers on the same broker (pace), against what the lab
// really did to each message (truth), and as a whole daemon with two hundred entities (fleet).
//
// Every comparison is made within one run, in turns, so that a busy machine slows both sides.
#pragma once

#include "tests/bench/figures.h"

namespace vc::bench {

void broker(Figures& figures);

void pace(Figures& figures);
void truth(Figures& figures);
void fleet(Figures& figures);

}  // namespace vc::bench
