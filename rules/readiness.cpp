#include "rules/readiness.h"

#include <algorithm>

namespace vc {
namespace {

// The daemon answers every order by its deadline; one that the journal never released is given up
// after this much longer.
constexpr Duration grace = std::chrono::minutes{1};

}  // namespace

std::string_view to_text(AuditStanding standing) {
    switch (standing) {
        case AuditStanding::ready:
            return "ready";
        case AuditStanding::unfit:
            return "unfit";
        case AuditStanding::unaudited:
            return "unaudited";
        case AuditStanding::pending:
            return "pending";
    }
    return "?";
}

void AuditMemory::fold(const StandbyAudit& audit, Instant at) {
    last_ = audit;
    last_at_ = at;
    if (audit.verdict == AuditVerdict::unreachable) {
        if (unreachable_since_ == Instant{}) unreachable_since_ = at;
        return;
    }
    unreachable_since_ = {};
    told_of_silence_ = false;
    if (audit.verdict == AuditVerdict::ready) told_.clear();
    conclusion_ = audit;
    concluded_at_ = at;
}

void AuditMemory::fold_page(Instant at) {
    told_at_ = at;
    if (conclusion_ && conclusion_->verdict == AuditVerdict::unfit) told_ = conclusion_->unfit;
    told_of_silence_ = unreachable_since_ != Instant{};
}

bool AuditMemory::worth_recording(const StandbyAudit& audit) const {
    if (audit.verdict != AuditVerdict::unreachable || !last_) return true;
    return last_->verdict != AuditVerdict::unreachable || last_->detail != audit.detail;
}

AuditStanding AuditMemory::standing(Instant now, const PolicyRules& policy) const {
    if (!conclusion_) return AuditStanding::unaudited;
    // Looking away mends nothing: what was found unfit stays so until it is found fit.
    if (conclusion_->verdict == AuditVerdict::unfit) return AuditStanding::unfit;
    return now - concluded_at_ <= policy.audit_good_for ? AuditStanding::ready
                                                        : AuditStanding::unaudited;
}

std::optional<std::string> AuditMemory::to_tell(Instant now, const PolicyRules& policy) const {
    const AuditStanding now_is = standing(now, policy);
    const bool unfit = now_is == AuditStanding::unfit;
    const bool silent = now_is == AuditStanding::unaudited && unreachable_since_ != Instant{} &&
                        now - unreachable_since_ >= policy.audit_silence;
    if (!unfit && !silent) return std::nullopt;
    const bool news = unfit ? !told_all() : !told_of_silence_;
    if (told_at_ && now - *told_at_ < (news ? policy.audit_tell_every : policy.audit_remind)) {
        return std::nullopt;
    }
    if (unfit) return "the standby could not take over: " + lacks();
    return "it is not known whether the standby could take over: no audit has succeeded since " +
           to_text(unreachable_since_) + " (" + last_->detail + "); no move will be made";
}

bool AuditMemory::told_all() const {
    return std::all_of(conclusion_->unfit.begin(), conclusion_->unfit.end(),
                       [&](const std::string& difference) {
                           return std::find(told_.begin(), told_.end(), difference) != told_.end();
                       });
}

std::string AuditMemory::lacks() const {
    constexpr std::size_t most_named = 5;
    std::string text;
    if (!conclusion_) return text;
    const std::vector<std::string>& unfit = conclusion_->unfit;
    for (std::size_t i = 0; i < std::min(unfit.size(), most_named); ++i)
        text += (i == 0 ? "" : "; ") + unfit[i];
    if (unfit.size() > most_named) {
        text += "; and " + std::to_string(unfit.size() - most_named) + " more";
    }
    return text;
}

void AuditOrders::begin(Instant now) {
    open_.reset();
    answered_.reset();
    next_ = now;
}

bool AuditOrders::recent(Instant now, const PolicyRules& policy) const {
    return answered_ && now - *answered_ < policy.audit_recent;
}

std::optional<std::uint64_t> AuditOrders::due(Instant now, bool wished, std::uint64_t last_number,
                                              const AuditCadence& cadence,
                                              const PolicyRules& policy) {
    if (open_ && now - open_->at < cadence.deadline + grace) return std::nullopt;
    // Once it is mended, the move should not wait for long.
    const Duration fresh = ready_ ? policy.audit_recent : policy.audit_retry;
    const bool near = wished && !(answered_ && now - *answered_ < fresh);
    if (now < next_ && !near) return std::nullopt;
    highest_ = std::max(highest_, last_number) + 1;
    open_ = Open{highest_, now};
    next_ = now + cadence.every;
    return highest_;
}

void AuditOrders::answered(Instant now, AuditVerdict verdict, const AuditCadence& cadence,
                           const PolicyRules& policy) {
    open_.reset();
    answered_ = now;
    ready_ = verdict == AuditVerdict::ready;
    if (verdict == AuditVerdict::unreachable) {
        next_ = std::min(next_, now + std::min(cadence.every, policy.audit_retry));
    }
}

bool AuditOrders::pending(Instant now, const PolicyRules& policy) const {
    if (recent(now, policy)) return false;
    return !open_ || now - open_->at < policy.audit_wait;
}

}  // namespace vc
