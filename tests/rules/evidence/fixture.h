// What the tests of the evidence share: observations made by hand, at seconds from a whole minute.
#pragma once

#include "rules/evidence/ledger.h"
#include "rules/evidence/standby_health.h"
#include "tests/rules/world.h"

namespace vc::test {

using namespace std::chrono_literals;

inline const Instant zero = World::start();

inline Observation seen(Channel channel, Instant due, Outcome outcome = Outcome::ok) {
    Observation out;
    out.id = {1};
    out.channel = channel;
    out.due = due;
    out.started = due;
    out.finished = due + 1s;
    out.outcome = outcome;
    return out;
}

struct Fixture {
    Rules rules = rules_for({});
    Ledger ledger{rules.detectors, rules.cadences};
    StandbyHealth standby{rules.detectors, rules.cadences};

    void add(Channel channel, Instant due, Outcome outcome = Outcome::ok) {
        ledger.add(seen(channel, due, outcome), due + 1s);
    }
    void loop(Instant known, bool ok) {
        standby.add(seen(Channel::SC, known, ok ? Outcome::ok : Outcome::timeout), known);
    }
    void direct(Channel channel, Instant known, bool ok) {
        standby.add(seen(channel, known, ok ? Outcome::ok : Outcome::reset), known);
    }
};

}  // namespace vc::test
