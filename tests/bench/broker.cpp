#include "tests/bench/broker.h"

namespace vc::bench {

void broker(Figures& figures) {
    pace(figures);
}

}  // namespace vc::bench
