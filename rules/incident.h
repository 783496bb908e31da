// One incident, from first suspicion to the end of its quarantine, as the records tell it, and the
// moves that time alone brings: quiet, probation, the end of quarantine.
//
//   suspected --worth a page--> confirmed --move--> migrating --verified--> quarantine --> closed
//       |                        |     ^                |
//       +--quiet--> closed       |     +---- move failed or rolled back
//                                +--quiet--> probation --72 h or ack--> closed
//                                      ^---- relapse ----+
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/evidence/ledger.h"
#include "rules/policy_rules.h"
#include "rules/record.h"

namespace vc {

// A block that was not plainly good.
struct NotedBlock {
    Instant from{};
    Counts counts = no_counts();
    bool bad = false;
    bool blind = false;
    bool control_bad = false;
    bool standby_bad = false;
    Instant first_bad{};
    Instant last_bad{};

    bool sign() const { return bad || control_bad || standby_bad; }
};

struct Incident {
    IncidentId id;
    IncidentState state = IncidentState::suspected;
    Instant opened{};
    Instant state_since{};

    // What it showed.
    Instant last_sign{};      // end of the last block with any sign of trouble
    Instant last_platform{};  // end of the last block that was bad for the platform; zero: none
    Instant first_bad{};
    Instant last_bad{};
    std::uint32_t episodes = 0;
    bool relapsed = false;

    // What was recorded of it last.
    DiagnosisMade diagnosis;
    DecisionMade decision;
    bool moved = false;  // a migration was proposed for it

    // Since it began, relapsed, was moved, or was bad again after a quiet.
    std::uint32_t pages = 0;
    Instant paged_at{};
    std::string paged_diagnosis;
    Severity paged_severity = Severity::high;
    bool paged_hold = false;
    bool told_of_hold = false;  // any of these pages said that a move is called for and not made

    void note(const NotedBlock& block, Duration length, const PolicyRules& rules);
    void fold(const IncidentMoved& moved, Instant at);
    void fold(const PageRaised& page, Instant at);

    // One episode, short, and no more than that.
    bool transient(const PolicyRules& rules) const;

  private:
    void forget_pages();
};

// The move that is due at `now` without anything new having happened, if any. Quiet is only what
// was watched: it cannot be older than `watched_since`.
std::optional<IncidentMoved> due_move(const Incident& incident, Instant now, Instant watched_since,
                                      const PolicyRules& rules);

}  // namespace vc
