#include "tests/bench/broker.h"

namespace vc::bench {

void broker(Figures& figures) {
    pace(figures);
    truth(figures);
    fleet(figures);
}

}  // namespace vc::bench
