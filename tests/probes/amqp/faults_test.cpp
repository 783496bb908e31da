// Everything that a broker can do wrong, at every step, to every kind of attempt: one outcome in
// that step each, in time, and the session works again when the broker does.
#include "probes/amqp/phases.h"
#include "tests/probes/amqp/world.h"

namespace vc {
namespace {

using namespace amqp_test;

constexpr std::array steps{Phase::sasl,         Phase::open,
                           Phase::cbs_attach,   Phase::cbs_put_token,
                           Phase::attach_send,  Phase::credit,
                           Phase::attach_recv,  Phase::send_settle,
                           Phase::send_receive, Phase::complete_settle,
                           Phase::close};
constexpr std::array faults{AmqpFault::silent, AmqpFault::detach,  AmqpFault::close,
                            AmqpFault::end,    AmqpFault::garbage, AmqpFault::oversized,
                            AmqpFault::wrong,  AmqpFault::own_link};

bool possible(Channel channel, Phase step, AmqpFault fault) {
    // Before the SASL exchange is over there is nothing to close, and before a link none to detach.
    if (step == Phase::sasl) {
        return fault == AmqpFault::silent || fault == AmqpFault::garbage ||
               fault == AmqpFault::oversized || fault == AmqpFault::wrong;
    }
    if (step == Phase::open && fault == AmqpFault::detach) return false;
    // A close is answered by a close; what else comes before it hinders nothing.
    if (step == Phase::close) {
        return channel != Channel::DL && fault != AmqpFault::detach && fault != AmqpFault::close;
    }
    return channel != Channel::DM || step != Phase::complete_settle;
}

Outcome expected(AmqpFault fault) {
    switch (fault) {
        case AmqpFault::silent:
            return Outcome::timeout;
        case AmqpFault::detach:
        case AmqpFault::close:
        case AmqpFault::end:
            return Outcome::reset;
        case AmqpFault::garbage:
        case AmqpFault::oversized:
        case AmqpFault::wrong:
        case AmqpFault::own_link:
            return Outcome::protocol;
    }
    return Outcome::timeout;
}

// The step in which it is met. Who closes, ends or attaches has answered the open first; an attach
// that comes with its detach is none; and a link of its own overtakes the settlement of a request.
Phase met_in(Channel channel, Phase step, AmqpFault fault) {
    const bool opens =
        fault == AmqpFault::close || fault == AmqpFault::end || fault == AmqpFault::own_link;
    if (step == Phase::open && opens) return Phase::cbs_attach;
    if (step == Phase::credit && fault == AmqpFault::detach) return Phase::attach_send;
    const bool overtaken = channel == Channel::DM && fault == AmqpFault::own_link;
    return step == Phase::send_receive && overtaken ? Phase::send_settle : step;
}

// Whether a step is taken over the fresh leg of a cross attempt: one that is reversed sends over
// it.
bool fresh_leg_has(Phase step, bool reversed) {
    switch (half_of(step)) {
        case Direction::send:
            return reversed;
        case Direction::recv:
            return !reversed;
        case Direction::none:
            return true;
    }
    return true;
}

AmqpProbeOptions options() {
    AmqpProbeOptions made = usual();
    made.management = true;
    made.connection.credentials = std::make_shared<Tokens>();
    return made;
}

void meet(Channel channel, Phase step, AmqpFault fault) {
    AmqpManners manners;
    manners.fault_at = step;
    manners.fault = fault;
    World world(manners, options());
    // What is missed is looked for, and that must not meet the fault first.
    if (channel != Channel::DM) world.its[4] = AmqpManners{};
    world.start(channel);
    // Another kind of attempt at the same time is not hindered for ever either.
    if (fault == AmqpFault::silent) {
        world.pass(6s - 1ns);
        CHECK(world.drive.none());
        world.pass(1ns);
    }
    const Observation seen = world.drive.one();
    CHECK(to_text(seen.outcome) == to_text(expected(fault)));
    CHECK(to_text(seen.failed_phase) == to_text(met_in(channel, step, fault)));
    CHECK(seen.latency() <= 6s);
    CHECK((world.counters().malformed > 0) == (expected(fault) == Outcome::protocol));
    world.manners = {};
    world.its = {};
    // A kept connection to somebody who is silent for ever ends when the idle timeout is over.
    for (const Leg leg : {Leg{0}, Leg{1}}) {
        if (world.drive.lines[leg].up && !world.drive.lines[leg].closing) world.lose(leg);
    }
    world.pass(10s);
    world.start(channel);
    world.pass(1s);
    CHECK(to_text(world.drive.one().outcome) == "ok");
    world.drive.stop();
    world.flow();
    CHECK(world.drive.session->idle());
}

}  // namespace

TEST_CASE("every fault at every step has an outcome there, and the session outlives it") {
    int met = 0;
    for (const Channel channel : {Channel::DL, Channel::DF, Channel::DM}) {
        for (const Phase step : steps) {
            for (const AmqpFault fault : faults) {
                if (!possible(channel, step, fault)) continue;
                CAPTURE(to_text(channel));
                CAPTURE(to_text(step));
                CAPTURE(static_cast<int>(fault));
                meet(channel, step, fault);
                ++met;
            }
        }
    }
    CHECK(met > 200);
}

TEST_CASE("a cross attempt meets every fault in time, whichever way it goes") {
    int met = 0;
    for (const bool reversed : {false, true}) {
        for (const Phase step : steps) {
            for (const AmqpFault fault : faults) {
                if (!possible(Channel::DX, step, fault)) continue;
                CAPTURE(to_text(step));
                CAPTURE(static_cast<int>(fault));
                World world({}, options());
                world.ready();
                if (reversed) {
                    world.start(Channel::DX);
                    world.expect(Outcome::ok, Phase::none);
                }
                AmqpManners manners;
                manners.fault_at = step;
                manners.fault = fault;
                world.its[2] = world.its[3] = manners;
                world.start(Channel::DX);
                world.pass(6s);
                const Observation seen = world.drive.one();
                // A step that is none of the fresh leg's meets nothing, and every other does.
                const bool meets = fresh_leg_has(step, reversed);
                met += seen.outcome == Outcome::ok ? 0 : 1;
                CHECK(to_text(seen.outcome) == to_text(meets ? expected(fault) : Outcome::ok));
                CHECK(to_text(seen.failed_phase) ==
                      to_text(meets ? met_in(Channel::DX, step, fault) : Phase::none));
                CHECK(world.drive.session->open_attempts() == 0);
                world.its = {};
                world.start(Channel::DX);
                world.pass(1s);
                CHECK(to_text(world.drive.one().outcome) == "ok");
                world.ready();
            }
        }
    }
    CHECK(met > 100);
}

}  // namespace vc
