// What is known of single entities of the two brokers, and of kept connections that were lost.
// Private to daemon/metrics.
//
// Two hundred entities on two brokers, each with every outcome of every channel, would be tens of
// thousands of series for what is nearly always `ok`. So an entity has two series from the start
// (its attempts, and when one was last ok), and one more for each outcome that it has met and that
// was not ok, over all its channels: the channels and phases tell what kind of fault it is, and the
// entities where.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "daemon/metrics/metrics.h"
#include "daemon/metrics/series.h"

namespace vc {

class BrokerMetrics {
  public:
    explicit BrokerMetrics(Registry& registry);

    // The entities in the order of Observation::target.
    void expect(const std::vector<std::string>& primary, const std::vector<std::string>& standby);
    void finished(const Observation& seen);
    void reconnect(const Reconnect& one);

  private:
    struct Entity {
        std::string broker;
        std::string name;
        Counter* attempts = nullptr;
        Meter* last_ok = nullptr;
        std::map<Outcome, Counter*> failures;  // made when first seen
    };
    using Kind = std::tuple<Channel, Direction, Outcome, bool>;

    void add(const char* broker, const std::vector<std::string>& names, std::vector<Entity>& to);
    Histogram& series(const Kind& kind);

    Family<Counter>& attempts_;
    Family<Counter>& failures_;
    Family<Meter>& last_ok_;
    Family<Histogram>& reconnects_;
    std::vector<Entity> primary_;
    std::vector<Entity> standby_;
    std::map<Kind, Histogram*> kinds_;
};

}  // namespace vc
