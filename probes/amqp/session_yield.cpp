// What comes of the kept legs of an AmqpSession: one that looks well and is of no use is given up,
// and a peer that goes on announcing closes is taken at its deeds.
#include <algorithm>

#include "probes/amqp/session.h"

namespace vc {
namespace {

using namespace std::chrono_literals;

constexpr int most_in_vain = 3;
// Upgrades of a broker and moves of its entities are rarer. A peer that goes on announcing closes
// would otherwise be able to break everything at any rate, and never be seen failing.
constexpr std::size_t most_announced = 2;
constexpr Duration announced_within = 1h;
// What was not used for so long may be closed as idle. The services do it after some minutes.
constexpr Duration idle_after = 1min;

}  // namespace

void AmqpSession::mind_credit(Instant now) {
    auto& dry_since = yield_[kept_send].dry_since;
    const bool dry = kept_ready(kept_send) && !legs_[kept_send].connection().may_send(0);
    if (!dry) dry_since.reset();
    if (dry && !dry_since) dry_since = now;
}

// An attempt of L runs out. It tells of the leg that its answer was to come over, when that was
// there for long enough; of neither, when the broker is known to have lost the message.
void AmqpSession::count_in_vain(const Flight& flight, Instant now) {
    const Leg leg = flight.settled_at ? flight.comes_over : flight.sent_over;
    const Instant since = flight.settled_at.value_or(flight.sent_at);
    const bool its = of_use_[leg] && legs_[leg].up() && legs_[leg].since() <= since &&
                     now - since >= 2 * flight.open.attempt.budget;
    if (!its || flight.peeked == Flight::Peeked::missing) return;
    Yield& yield = yield_[leg];
    if (yield.in_vain++ == 0) yield.since = flight.sent_at;
    yield.phase = flight.phase();
}

void AmqpSession::give_up_useless(Instant now) {
    for (Leg leg = 0; leg < kept_legs; ++leg) {
        const Yield yield = yield_[leg];
        if (yield.in_vain >= most_in_vain && of_use_[leg] && legs_[leg].up()) {
            give_up(leg, yield.phase, yield.since, now);
        }
    }
}

// A leg that looks well and is of no use. What is on its way over it may still come over the next.
void AmqpSession::give_up(Leg leg, Phase phase, Instant since, Instant now) {
    const End end{Outcome::timeout, phase};
    reconnected(leg, end, false, now - since);
    ++counted_.drops;
    of_use_[leg] = planned_[leg] = false;
    yield_[leg] = {};
    redial_[leg].lost(end, now);
    for (auto& [number, flight] : flights_) {
        if (flight.sent_over == leg && !flight.settled_at) flight.orphaned = Outcome::timeout;
        // Numbers of deliveries begin anew with a connection.
        if (flight.comes_over == leg && !flight.completed) flight.delivery = 0;
    }
    if (leg == kept_send) cross_use_.reset();
    legs_[leg].close();
}

void AmqpSession::note_use(Leg leg, bool cross, Instant now) {
    if (leg >= kept_legs) return;
    housekeeping_[leg].used_at[leg == kept_send && cross ? 1 : 0] = now;
}

// Asked once of every close or detach (of one use) that the peer announces.
bool AmqpSession::is_housekeeping(Leg leg, std::optional<Use> use, Instant now) {
    Housekeeping& its = housekeeping_[leg];
    Instant used = std::max(its.used_at[0], its.used_at[1]);
    if (use) used = its.used_at[leg == kept_send && *use != 0 ? 1 : 0];
    if (std::max(used, legs_[leg].since()) + idle_after <= now) return true;
    while (!its.announced.empty() && its.announced.front() + announced_within <= now)
        its.announced.pop_front();
    if (its.announced.size() >= most_announced) return false;
    its.announced.push_back(now);
    return true;
}

// One announcement too many: a loss like any other, also for those that wait for the leg.
void AmqpSession::fail_for_announcements(Leg leg, Instant now) {
    End end{Outcome::reset, legs_[leg].connection().phase(0)};
    const bool was_ready = of_use_[leg];
    leg_failed(leg, end, false, now);
    if (end.phase == Phase::none) end.phase = redial_[leg].last_failure().phase;
    const Direction half = leg == kept_send ? Direction::send : Direction::recv;
    if (was_ready) fail_waiting({end, half, {}}, now);
}

}  // namespace vc
