// Could the standby serve? It is certified by full loops through the bridge, the standby and the
// real consumers (SC), and only while the direct probes of it (SL, SF) are good too. Judged by
// what is known at once, not by settled blocks: a doubt must count before the move, not after.
#pragma once

#include <deque>
#include <string>

#include "rules/evidence/ledger.h"

namespace vc {

struct Certificate {
    bool certified = false;
    bool refuted = false;  // something failed; neither certified nor refuted: too little seen yet
    std::string reason;    // why not, or what it rests on
};

class StandbyHealth {
  public:
    StandbyHealth(const DetectorRules& rules, const std::vector<ChannelCadence>& cadences);

    void add(const Observation& seen, Instant now);
    Certificate at(Instant now) const;

  private:
    struct Seen {
        Instant known{};
        bool bad = false;
    };
    Certificate loops(Instant now) const;
    Certificate direct_probes(Channel channel, const std::deque<Seen>& seen, Instant now) const;

    DetectorRules rules_;
    bool has_sl_ = false;
    bool has_sf_ = false;
    std::deque<Seen> sc_;  // the last `standby_loops`
    std::deque<Seen> sl_;  // of the last `standby_recent`, bounded
    std::deque<Seen> sf_;
};

}  // namespace vc
