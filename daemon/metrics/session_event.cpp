#include "daemon/metrics/metrics.h"

namespace vc {

std::string_view to_text(SessionEvent event) {
    switch (event) {
        case SessionEvent::connect:
            return "connect";
        case SessionEvent::drop:
            return "drop";
        case SessionEvent::late_answer:
            return "late_answer";
        case SessionEvent::duplicate:
            return "duplicate";
        case SessionEvent::out_of_order:
            return "out_of_order";
        case SessionEvent::unmatched:
            return "unmatched";
        case SessionEvent::malformed:
            return "malformed";
        case SessionEvent::cleanup:
            return "cleanup";
        case SessionEvent::cleanup_given_up:
            return "cleanup_given_up";
    }
    return "?";
}

}  // namespace vc
