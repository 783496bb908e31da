// The load: ordinary chargers of the lab, and what they suffer.
#pragma once

#include <memory>
#include <vector>

#include "tests/lab/charger.h"

namespace vc::lab {

class Load {
  public:
    Load(Agenda& agenda, std::uint64_t seed, std::size_t chargers, std::uint16_t bridge,
         ChargerPace pace, Ledger& ledger);

    void pause(bool yes);
    bool paused() const { return paused_; }
    std::size_t online() const;
    const Harm& harm() const { return harm_; }
    boost::json::object to_json() const;

  private:
    Harm harm_;
    std::vector<std::unique_ptr<Charger>> chargers_;
    bool paused_ = false;
};

}  // namespace vc::lab
