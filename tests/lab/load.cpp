#include "tests/lab/load.h"

#include <algorithm>
#include <boost/json.hpp>

namespace vc::lab {

Load::Load(Agenda& agenda, std::uint64_t seed, std::size_t chargers, std::uint16_t bridge,
           ChargerPace pace, Ledger& ledger)
    : harm_(agenda, chargers) {
    for (std::size_t i = 0; i < chargers; ++i) {
        chargers_.push_back(
            std::make_unique<Charger>(agenda, seed, i, bridge, pace, ledger, harm_));
    }
}

void Load::pause(bool yes) {
    paused_ = yes;
    for (const auto& charger : chargers_)
        charger->pause(yes);
}

std::size_t Load::online() const {
    return static_cast<std::size_t>(std::count_if(chargers_.begin(), chargers_.end(),
                                                  [](const auto& one) { return one->online(); }));
}

boost::json::object Load::to_json() const {
    Charger::Counts sum;
    std::size_t queued = 0;
    for (const auto& charger : chargers_) {
        const Charger::Counts& counts = charger->counts();
        sum.answered += counts.answered;
        sum.errors += counts.errors;
        sum.timeouts += counts.timeouts;
        sum.reconnects += counts.reconnects;
        sum.dropped += counts.dropped;
        queued += charger->queued();
    }
    boost::json::object out{{"chargers", chargers_.size()},
                            {"connected", online()},
                            {"paused", paused_},
                            {"queued", queued},
                            {"answered", sum.answered},
                            {"errors", sum.errors},
                            {"timeouts", sum.timeouts},
                            {"reconnects", sum.reconnects},
                            {"dropped", sum.dropped}};
    for (auto& field : harm_.to_json())
        out[field.key()] = std::move(field.value());
    return out;
}

}  // namespace vc::lab
