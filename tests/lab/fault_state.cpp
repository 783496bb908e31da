#include "tests/lab/fault_state.h"

#include <algorithm>
#include <cmath>

namespace vc::lab {
namespace {

using namespace std::chrono_literals;

constexpr double message_credits = 1;
constexpr double management_credits = 10;
constexpr Duration longest_wait = 60s;  // what a hidden throttle makes anybody wait
constexpr double fullest = 0.98;        // of a capacity, so that a delay stays finite
constexpr double rate_memory_s = 10;

bool meets(FaultDir fault, FaultDir asked) {
    return fault == FaultDir::Both || asked == FaultDir::Both || fault == asked;
}

double seconds(Duration time) {
    return std::chrono::duration<double>(time).count();
}

Duration duration(double s) {
    return Duration{static_cast<std::int64_t>(s * 1e9)};
}

// SplitMix64: a number in [0, 1) that is the same for the same connection and fault.
double ratio_of(std::uint64_t number) {
    std::uint64_t mixed = number + 0x9E3779B97F4A7C15ull;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBull;
    return static_cast<double>((mixed ^ (mixed >> 31)) >> 11) * 0x1.0p-53;
}

bool below(std::string_view entity, std::string_view top) {
    if (top.empty()) return true;
    return entity.starts_with(top) && (entity.size() == top.size() || entity[top.size()] == '/');
}

}  // namespace

const char* to_text(FaultKind kind) {
    switch (kind) {
        case FaultKind::Delay:
            return "delay";
        case FaultKind::Stall:
            return "stall";
        case FaultKind::Drop:
            return "drop";
        case FaultKind::Refuse:
            return "refuse";
        case FaultKind::AcceptLose:
            return "accept_lose";
        case FaultKind::Cut:
            return "cut";
        case FaultKind::SettleDelay:
            return "settle_delay";
        case FaultKind::SettleStall:
            return "settle_stall";
        case FaultKind::PeriodicStall:
            return "periodic_stall";
        case FaultKind::DeliverDelay:
            return "deliver_delay";
        case FaultKind::DeliverStall:
            return "deliver_stall";
        case FaultKind::SilentReceiver:
            return "silent_receiver";
        case FaultKind::CreditStarve:
            return "credit_starve";
        case FaultKind::Duplicate:
            return "duplicate";
        case FaultKind::Reorder:
            return "reorder";
        case FaultKind::ServerBusy:
            return "server_busy";
        case FaultKind::Throttle:
            return "throttle";
        case FaultKind::EntitySick:
            return "entity_sick";
        case FaultKind::CountsZero:
            return "counts_zero";
        case FaultKind::ManagementDown:
            return "management_down";
        case FaultKind::MgmtSlow:
            return "mgmt_slow";
        case FaultKind::Freeze:
            return "freeze";
        case FaultKind::HeartbeatOnly:
            return "heartbeat_only";
        case FaultKind::AcceptBacklog:
            return "accept_backlog";
        case FaultKind::TlsStall:
            return "tls_stall";
        case FaultKind::SaslStall:
            return "sasl_stall";
        case FaultKind::OpenStall:
            return "open_stall";
        case FaultKind::CbsStall:
            return "cbs_stall";
        case FaultKind::Cbs401:
            return "cbs_401";
        case FaultKind::AttachStall:
            return "attach_stall";
        case FaultKind::Certificate:
            return "certificate";
    }
    return "?";
}

double FaultState::share(const Live& live) const {
    if (live.fault.ramp <= Duration::zero()) return live.fault.p;
    const double grown = seconds(now() - live.fault.since) / seconds(live.fault.ramp);
    return live.fault.p * std::clamp(grown, 0.0, 1.0);
}

bool FaultState::concerns(const Fault& fault, const FaultAsk& ask) const {
    if (!below(ask.entity, fault.entity)) return false;
    if (fault.role != FaultRole::Any && fault.role != ask.role) return false;
    switch (fault.only) {
        case FaultOnly::All:
            return true;
        case FaultOnly::New:
            return ask.born >= fault.since;
        case FaultOnly::Existing:
            return ask.born < fault.since;
    }
    return true;
}

bool FaultState::sticky(const Live& live, const FaultAsk& ask) const {
    const double least = share(live);
    return least >= 1 || ratio_of(live.salt ^ (ask.key * 0x9E3779B97F4A7C15ull)) < least;
}

bool FaultState::hits(FaultKind kind, const FaultAsk& ask) {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Live& live = entry.second;
        return live.fault.kind == kind && concerns(live, ask) && sticky(live, ask);
    });
}

bool FaultState::message_hit(FaultKind kind, const FaultAsk& ask) {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Live& live = entry.second;
        return live.fault.kind == kind && concerns(live, ask) && drawn(live);
    });
}

bool FaultState::any(FaultKind kind) const {
    return std::any_of(faults_.begin(), faults_.end(),
                       [&](const auto& entry) { return entry.second.fault.kind == kind; });
}

// As a queue with one server and random arrivals: twice as long at half of the capacity, without
// bound near all of it.
double FaultState::crowding(Live& live) {
    const double passed = seconds(now() - live.counted);
    live.counted = now();
    live.rate = live.rate * std::exp(-passed / rate_memory_s) + 1 / rate_memory_s;
    if (live.fault.capacity <= 0) return 1;
    return 1 / (1 - std::min(live.rate / live.fault.capacity, fullest));
}

Duration FaultState::drawn_delay(Live& live) {
    const Fault& fault = live.fault;
    const double crowd = crowding(live);
    double ns = 0;
    switch (fault.shape) {
        case DelayShape::Fixed:
            ns = static_cast<double>(fault.scale.count());
            break;
        case DelayShape::Lognormal: {
            const double radius = std::sqrt(-2 * std::log(1 - random_.ratio()));
            const double normal = radius * std::cos(6.283185307179586 * random_.ratio());
            ns = static_cast<double>(fault.scale.count()) * std::exp(fault.sigma * normal);
            break;
        }
        case DelayShape::Pareto:
            ns = static_cast<double>(random_.pareto(fault.scale, fault.alpha, fault.cap).count());
            break;
    }
    return std::min(fault.cap, Duration{static_cast<std::int64_t>(
                                   std::min(ns * crowd, static_cast<double>(fault.cap.count())))});
}

Duration FaultState::spend(Live& live, double credits) {
    const double rate = live.fault.credits;
    live.tokens = std::min(rate, live.tokens + seconds(now() - live.counted) * rate);
    live.counted = now();
    if (!live.fault.hidden && live.tokens < credits) return longest_wait;
    live.tokens = std::max(live.tokens - credits, -rate * seconds(longest_wait));
    return live.tokens >= 0 ? Duration{} : duration(-live.tokens / rate);
}

Duration FaultState::lateness(Live& live, FaultDir dir) {
    const Fault& fault = live.fault;
    switch (fault.kind) {
        case FaultKind::Delay:
        case FaultKind::SettleDelay:
        case FaultKind::DeliverDelay:
        case FaultKind::EntitySick:
            return meets(fault.dir, dir) && drawn(live) ? drawn_delay(live) : Duration{};
        case FaultKind::PeriodicStall: {
            if (!meets(fault.dir, dir) || !drawn(live)) return {};
            const Duration phase = (now() - fault.since) % fault.every;
            return phase < fault.pause ? fault.pause - phase : Duration{};
        }
        case FaultKind::Throttle:
            return fault.hidden && dir != FaultDir::Both ? spend(live, message_credits)
                                                         : Duration{};
        default:
            return {};
    }
}

Duration FaultState::delay(FaultDir dir, const FaultAsk& ask) {
    Duration sum{};
    for (auto& [id, live] : faults_) {
        if (concerns(live, ask)) sum += lateness(live, dir);
    }
    return sum;
}

bool FaultState::stalls(FaultDir dir, const FaultAsk& ask) {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Fault& fault = entry.second.fault;
        return fault.kind == FaultKind::Stall && meets(fault.dir, dir) &&
               concerns(entry.second, ask) && drawn(entry.second);
    });
}

bool FaultState::stalled(FaultDir dir) const {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Fault& fault = entry.second.fault;
        return fault.kind == FaultKind::Stall && meets(fault.dir, dir) &&
               share(entry.second) >= 1 && fault.entity.empty() && fault.role == FaultRole::Any &&
               fault.only == FaultOnly::All;
    });
}

bool FaultState::any_stall(FaultDir dir) const {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        const Fault& fault = entry.second.fault;
        return fault.kind == FaultKind::Stall && meets(fault.dir, dir);
    });
}

bool FaultState::loses(const FaultAsk& ask) {
    return message_hit(FaultKind::AcceptLose, ask);
}

bool FaultState::duplicates(const FaultAsk& ask) {
    return message_hit(FaultKind::Duplicate, ask);
}

bool FaultState::reorders(const FaultAsk& ask) {
    return message_hit(FaultKind::Reorder, ask);
}

bool FaultState::never_settles(const FaultAsk& ask) {
    return message_hit(FaultKind::SettleStall, ask);
}

std::optional<AmqpError> FaultState::refusal(const FaultAsk& ask) {
    const bool management = ask.role == FaultRole::Management;
    for (auto& [id, live] : faults_) {
        if (!concerns(live, ask)) continue;
        const bool busy = live.fault.kind == FaultKind::ServerBusy && drawn(live);
        const bool spent =
            live.fault.kind == FaultKind::Throttle && !live.fault.hidden &&
            spend(live, management ? management_credits : message_credits) > Duration::zero();
        if (!busy && !spent) continue;
        return AmqpError{"com.microsoft:server-busy",
                         "The request was terminated because the namespace " + component_ +
                             " is being throttled. Error code: 50009. Please wait 2 seconds and "
                             "try again."};
    }
    return std::nullopt;
}

bool FaultState::starves(const FaultAsk& ask) {
    return hits(FaultKind::DeliverStall, ask) || hits(FaultKind::SilentReceiver, ask);
}

bool FaultState::withholds_credit(const FaultAsk& ask) {
    return hits(FaultKind::CreditStarve, ask);
}

bool FaultState::management_down(const FaultAsk& ask) {
    return message_hit(FaultKind::ManagementDown, ask);
}

Duration FaultState::management_delay(const FaultAsk& ask) {
    Duration sum{};
    for (auto& [id, live] : faults_) {
        if (!concerns(live, ask)) continue;
        if (live.fault.kind == FaultKind::MgmtSlow && drawn(live)) sum += drawn_delay(live);
        if (live.fault.kind == FaultKind::Throttle && live.fault.hidden) {
            sum += spend(live, management_credits);
        }
    }
    return sum;
}

bool FaultState::counts_zero(const FaultAsk& ask) {
    return message_hit(FaultKind::CountsZero, ask);
}

bool FaultState::stalls_connections() const {
    return std::any_of(faults_.begin(), faults_.end(), [](const auto& entry) {
        const Fault& fault = entry.second.fault;
        return fault.kind == FaultKind::Stall && fault.new_connections;
    });
}

bool FaultState::refuses_all() const {
    return std::any_of(faults_.begin(), faults_.end(), [&](const auto& entry) {
        return entry.second.fault.kind == FaultKind::Refuse && share(entry.second) >= 1;
    });
}

bool FaultState::refuses() {
    return message_hit(FaultKind::Refuse, {});
}

TlsFace FaultState::face() const {
    for (const auto& [id, live] : faults_) {
        if (live.fault.kind == FaultKind::Certificate) return live.fault.face;
    }
    return TlsFace::Good;
}

bool FaultState::cut() const {
    return any(FaultKind::Cut);
}

void FaultState::log(const char* what, std::string_view entity, std::string_view message_id,
                     Duration delay) {
    if (fates_ == nullptr) return;
    fates_->add({component_, std::string(entity), std::string(message_id), what, delay, now()});
}

}  // namespace vc::lab
