#include "probes/amqp/phases.h"

#include <algorithm>

namespace vc {

Duration phase_deadline(Phase phase, Duration budget) {
    switch (phase) {
        case Phase::dns:
        case Phase::tcp:
        case Phase::tls:
        case Phase::cbs_put_token:
        case Phase::complete_settle:
            return budget / 4;
        case Phase::sasl:
        case Phase::open:
        case Phase::cbs_attach:
        case Phase::attach_send:
        case Phase::credit:
        case Phase::attach_recv:
        case Phase::close:
            return budget / 8;
        case Phase::send_settle:
        case Phase::send_receive:
            return budget / 2;
        case Phase::none:
        case Phase::upgrade:
        case Phase::boot:
        case Phase::call:
            break;
    }
    return budget;
}

Phase overrun_phase(std::vector<PhaseTime> phases, Phase current, Duration elapsed,
                    Duration budget) {
    Duration settle{};
    for (PhaseTime& time : phases) {
        if (time.phase == Phase::send_settle) settle = time.took;
        if (time.phase == Phase::send_receive) time.took = std::max(Duration{}, time.took - settle);
    }
    Phase worst = Phase::none;
    Duration most{};
    const auto weigh = [&](Phase phase, Duration took) {
        const Duration over = took - phase_deadline(phase, budget);
        if (over <= most) return;
        most = over;
        worst = phase;
    };
    if (current != Phase::none) weigh(current, elapsed);
    for (const PhaseTime& time : phases)
        weigh(time.phase, time.took);
    return worst;
}

Direction half_of(Phase phase) {
    switch (phase) {
        case Phase::attach_send:
        case Phase::credit:
        case Phase::send_settle:
            return Direction::send;
        case Phase::attach_recv:
        case Phase::send_receive:
        case Phase::complete_settle:
            return Direction::recv;
        case Phase::none:
        case Phase::dns:
        case Phase::tcp:
        case Phase::tls:
        case Phase::upgrade:
        case Phase::boot:
        case Phase::call:
        case Phase::sasl:
        case Phase::open:
        case Phase::cbs_attach:
        case Phase::cbs_put_token:
        case Phase::close:
            break;
    }
    return Direction::none;
}

Duration connect_time(Duration left) {
    return std::max<Duration>(left - left / 128, std::chrono::milliseconds(1));
}

void merge_longest(std::vector<PhaseTime>& into, const std::vector<PhaseTime>& other) {
    for (const PhaseTime& time : other) {
        const auto same = std::find_if(into.begin(), into.end(), [&](const PhaseTime& known) {
            return known.phase == time.phase;
        });
        if (same == into.end()) {
            into.push_back(time);
        } else {
            same->took = std::max(same->took, time.took);
        }
    }
}

}  // namespace vc
