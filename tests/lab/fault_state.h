// The faults that are on a component, as the questions that it asks at each decision: is this
// message stalled, how late is it, is it lost. Owned by the component; Faults (faults.h) puts
// faults in and takes them out.
//
// An ask says what it is about. A fault with an `entity` hits that entity and what lies below it
// ("t" hits "t/Subscriptions/s"); with a `role` only asks of that role; `only` compares when the
// connection began with when the fault did. A fault's share `p` is drawn per message, or, where a
// connection or link is hit as a whole, once per connection and fault. With a ramp, p grows evenly
// from 0. Draws come from the component's own random stream, so a run is repeated by its seed.
// Durations are the rules' time. The throttle counts as Service Bus does: 1 credit for a message,
// 10 for a management operation.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tests/lab/agenda.h"
#include "tests/lab/amqp_types.h"
#include "tests/lab/fates.h"
#include "tests/lab/random.h"
#include "tests/lab/tls.h"

namespace vc::lab {

enum class FaultKind {
    Delay,
    Stall,
    Drop,
    Refuse,
    AcceptLose,
    Cut,
    SettleDelay,
    SettleStall,
    PeriodicStall,
    DeliverDelay,
    DeliverStall,
    SilentReceiver,
    CreditStarve,
    Duplicate,
    Reorder,
    ServerBusy,
    Throttle,
    EntitySick,
    CountsZero,
    ManagementDown,
    MgmtSlow,
    Freeze,
    HeartbeatOnly,
    AcceptBacklog,
    TlsStall,
    SaslStall,
    OpenStall,
    CbsStall,
    Cbs401,
    AttachStall,
    Certificate,
};
// In: what comes to the component (a broker's settles); Out: what it hands on (deliveries).
enum class FaultDir { In, Out, Both };
enum class FaultRole { Any, Send, Receive, Management, Cbs };
enum class FaultOnly { All, New, Existing };
enum class DelayShape { Fixed, Lognormal, Pareto };
enum class DropMode { Rst, Fin, Forced, Detach };

struct Fault {
    FaultKind kind = FaultKind::Delay;
    FaultDir dir = FaultDir::Both;
    double p = 1;        // per message, per connection, per link
    Duration scale{};    // a delay: fixed, the median, or Pareto's scale
    double alpha = 1.5;  // Pareto's exponent
    double sigma = 1;    // of lognormal
    Duration cap{};      // no delay is longer
    DelayShape shape = DelayShape::Pareto;
    double capacity = 0;           // messages a second at which delays grow without bound; 0: never
    bool new_connections = false;  // stall: new connections get no answer either
    double share = 1;              // drop: of the connections there are
    DropMode mode = DropMode::Rst;
    TlsFace face = TlsFace::Good;  // certificate
    Duration every{};              // drop, periodic_stall: again and again; 0 for once
    Duration doubles{};            // drop: by chance, and twice as often after each such time
    Duration pause{};              // periodic_stall: how long each is
    double credits = 1000;         // throttle: a second
    bool hidden = false;           // throttle: late instead of refused
    std::string entity;            // empty: all
    FaultRole role = FaultRole::Any;
    FaultOnly only = FaultOnly::All;
    Duration ramp{};
    Duration length{};  // clears itself after; 0 for never
    Instant since{};    // when it was put on
};

const char* to_text(FaultKind kind);

struct FaultAsk {
    std::string_view entity = {};
    FaultRole role = FaultRole::Any;
    Instant born{};         // when the connection or the link began
    std::uint64_t key = 0;  // of the connection; the same for all asks about it
};

class FaultState {
  public:
    FaultState(std::uint64_t seed, std::string component)
        : random_(seed, "faults/" + component), seed_(seed), component_(std::move(component)) {}

    const std::string& component() const { return component_; }

    // Messages. `dir` In: before a send or an outcome is settled (roles send and receive); Out:
    // before a message is handed out (role receive).
    Duration delay(FaultDir dir, const FaultAsk& ask = {});
    // This message stays until the fault is cleared, then moves.
    bool stalls(FaultDir dir, const FaultAsk& ask = {});
    // Nothing moves at all (a stall with p = 1 and no narrowing).
    bool stalled(FaultDir dir) const;
    bool any_stall(FaultDir dir) const;
    bool loses(const FaultAsk& ask = {});  // accepted and dropped
    bool duplicates(const FaultAsk& ask);  // stored twice
    bool reorders(const FaultAsk& ask);    // handed out after the one behind it
    bool never_settles(const FaultAsk& ask);
    // server-busy or a visible throttle: reject a send, detach a receiver, 503 for management.
    std::optional<AmqpError> refusal(const FaultAsk& ask);

    // Links, asked whenever they would move; the answer stays the same while a fault is on.
    bool starves(const FaultAsk& ask);           // a receiver that gets nothing
    bool withholds_credit(const FaultAsk& ask);  // a sender that gets no credit

    // Management and the Atom feed.
    bool management_down(const FaultAsk& ask);
    Duration management_delay(const FaultAsk& ask);
    bool counts_zero(const FaultAsk& ask);

    // Connections.
    bool stalls_connections() const;
    bool refuses_all() const;
    bool refuses();  // this connection
    bool cut() const;
    bool picked(double share) { return random_.chance(share); }
    // Whether a fault of this kind is on for what is asked about, drawn once per connection.
    bool hits(FaultKind kind, const FaultAsk& ask);
    bool any(FaultKind kind) const;
    TlsFace face() const;  // what a new TLS connection is shown
    // Whether an ask is among those that a fault is narrowed to.
    bool concerns(const Fault& fault, const FaultAsk& ask) const;

    std::size_t active() const { return faults_.size(); }
    // Writes down what became of a message; a no-op while nobody keeps a log.
    void log(const char* what, std::string_view entity, std::string_view message_id,
             Duration delay = {});

  private:
    friend class Faults;
    struct Live {
        Fault fault;
        std::uint64_t salt = 0;  // for draws per connection
        double tokens = 0;       // throttle
        double rate = 0;         // of messages, smoothed over ten seconds
        Instant counted{};
    };
    Instant now() const { return agenda_ == nullptr ? Instant{} : agenda_->now(); }
    double share(const Live& live) const;
    bool concerns(const Live& live, const FaultAsk& ask) const { return concerns(live.fault, ask); }
    bool drawn(const Live& live) { return random_.chance(share(live)); }
    bool sticky(const Live& live, const FaultAsk& ask) const;
    bool message_hit(FaultKind kind, const FaultAsk& ask);
    Duration lateness(Live& live, FaultDir dir);
    Duration drawn_delay(Live& live);
    double crowding(Live& live);
    Duration spend(Live& live, double credits);

    std::map<std::string, Live> faults_;
    Random random_;
    std::uint64_t seed_;
    std::string component_;
    const Agenda* agenda_ = nullptr;  // set when it is added to Faults; before that nothing is on
    Fates* fates_ = nullptr;
};

}  // namespace vc::lab
