// Does the standby have what the primary has? The answers of the audits (queues, topics,
// subscriptions and rules of both brokers, compared over their management planes), and what they
// are worth for a move.
//
// Two harms are weighed. Moving a platform to a broker that lacks a queue loses everything sent to
// it, so a standby that was found unfit is not moved to until an audit finds it fit. But a
// management plane may be sick, throttled or out of reach while the broker itself serves: full
// loops prove that, and the last good answer stands for a while (`audit_good_for`). Without any,
// nobody knows what the loops do not cross, and a person is told that the move waits for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/base/ids.h"
#include "rules/base/time.h"
#include "rules/policy_rules.h"

namespace vc {

enum class AuditVerdict : std::uint8_t {
    ready,        // nothing that a move needs is missing or different
    unfit,        // something is: `unfit` names it
    unreachable,  // no comparison could be made: `detail` says why
};
std::string_view to_text(AuditVerdict verdict);

// One comparison of the two brokers. Texts are whole sentences' parts, such as "queue ocpp-in:
// RequiresSession true on the primary, false on the standby".
struct StandbyAudit {
    std::uint64_t number = 0;  // of the order that asked for it
    AuditVerdict verdict = AuditVerdict::unreachable;
    std::vector<std::string> unfit{};  // what stands in the way of a move
    std::vector<std::string> told{};   // differences that a move survives
    std::string detail{};              // one line
};

// How the brokers are audited; absent from the rules when no audit is configured.
struct AuditCadence {
    Duration every = std::chrono::minutes{10};
    Duration deadline = std::chrono::seconds{30};  // of one audit, from order to answer
};

// What the audits say of a move.
enum class AuditStanding : std::uint8_t {
    ready,
    unfit,
    unaudited,  // no answer that still counts
    pending,    // one is under way, and a move waits for it, though not for long
};
std::string_view to_text(AuditStanding standing);

// The audits on record, and who was told of what they found. A fold over records, see memory.h.
class AuditMemory {
  public:
    void fold(const StandbyAudit& audit, Instant at);
    void fold_page(Instant at);  // of the audits' own: no incident's

    // Whether an answer is worth a record: a conclusion always is, "unreachable" when it is news.
    bool worth_recording(const StandbyAudit& audit) const;

    // What the newest conclusion is worth at `now`: never `pending`.
    AuditStanding standing(Instant now, const PolicyRules& policy) const;

    // What a person should be told now, or nothing: an unfit standby, or one that could not be
    // audited for long, is a hole in the safety net long before it is needed.
    std::optional<std::string> to_tell(Instant now, const PolicyRules& policy) const;

    const std::optional<StandbyAudit>& last() const { return last_; }
    Instant last_at() const { return last_at_; }
    const std::optional<StandbyAudit>& conclusion() const { return conclusion_; }
    Instant concluded_at() const { return concluded_at_; }
    // "queue a: missing on the standby; and 2 more", of the newest conclusion.
    std::string lacks() const;

  private:
    bool told_all() const;

    std::optional<StandbyAudit> last_;
    Instant last_at_{};
    std::optional<StandbyAudit> conclusion_;  // the newest that is ready or unfit
    Instant concluded_at_{};
    Instant unreachable_since_{};  // zero: it is not
    std::vector<std::string> told_;
    bool told_of_silence_ = false;
    std::optional<Instant> told_at_;
};

// When the next audit is to be asked for, and which answer is awaited. Not on record: a restart
// asks anew.
class AuditOrders {
  public:
    void begin(Instant now);

    // The number of an order that is due by the schedule, or because a move is near (`wished`) and
    // the last answer is not fresh; one that found the standby wanting is asked for again soon.
    // `last_number` is the highest on record.
    std::optional<std::uint64_t> due(Instant now, bool wished, std::uint64_t last_number,
                                     const AuditCadence& cadence, const PolicyRules& policy);

    bool awaits(std::uint64_t number) const { return open_ && open_->number == number; }
    void answered(Instant now, AuditVerdict verdict, const AuditCadence& cadence,
                  const PolicyRules& policy);

    // A move waits: nothing was answered lately, and what was ordered (or is about to be) may
    // still be answered in time.
    bool pending(Instant now, const PolicyRules& policy) const;

  private:
    struct Open {
        std::uint64_t number = 0;
        Instant at{};
    };
    bool recent(Instant now, const PolicyRules& policy) const;

    std::optional<Open> open_;
    std::optional<Instant> answered_;
    bool ready_ = false;  // the last answer
    std::uint64_t highest_ = 0;
    Instant next_{};
};

}  // namespace vc
