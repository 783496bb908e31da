// A virtual OCPP 1.6J charge point, as a state machine over the text messages of one WebSocket at
// a time: text and time in, text and answers out. It knows nothing of attempts or budgets; its
// owner (session.h) decides when to call and when to give a call up.
//
// Promises:
// - Until the boot is accepted nothing but BootNotification is sent; a plain reconnect sends none
//   (1.6J §4.2, errata to §5.4). After SecurityError the charger boots again.
// - One CALL is outstanding at most (OCPP-J §4.1.1), and no id is used twice, across reconnects.
// - Every CALL of the peer is answered: by a short table of refusals, else NotImplemented.
// - A transaction that it started is stopped: by its owner, or else by clean_up(), also when the
//   answer with its transactionId came after the call was given up. What is remembered for that
//   is bounded; may_start() turns false before the bound is reached.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/ocpp/frame.h"
#include "rules/base/time.h"

namespace vc {

enum class CallKind : std::uint8_t { boot, heartbeat, start, meter, stop };

enum class ChargerState : std::uint8_t {
    offline,
    booting,  // BootNotification is on its way
    held,     // it was answered Pending or Rejected, or wrongly; sent again when the time has come
    ready,
};

struct ChargerOptions {
    std::string call_prefix;  // begins every message id; differs between runs of the daemon
    std::string id_tag;       // at most 20 characters
    std::string vendor = "VoltCanary";
    std::string model = "virtual charger";
    int connector = 1;
    Duration answer_timeout{};  // for the charger's own calls: boot and clean-up
};

// What came back for a call.
enum class Meaning : std::uint8_t {
    right,
    refused,    // understood and not accepted: boot Rejected, id tag not Accepted
    pending,    // boot only: not yet
    wrong,      // an answer that says something else, or a CALLERROR
    malformed,  // the peer sent what is no OCPP while the call was outstanding
};

struct Answer {
    CallKind kind = CallKind::boot;
    Meaning meaning = Meaning::right;
};

class Charger {
  public:
    explicit Charger(ChargerOptions options);

    void opened(Instant now);
    void lost(Instant now);
    void receive(std::string_view text, Instant now);
    // At or after wake_at().
    void on_time(Instant now);

    ChargerState state() const { return state_; }
    bool refused() const { return refused_; }  // the last boot was answered, but not with Accepted
    // May call() now.
    bool free() const { return state_ == ChargerState::ready && !outstanding_; }
    // So few transactions are left to be stopped that another may be started.
    bool may_start() const { return debts_.size() < most_debts; }

    // Sends a call of the owner's. Its answer is in take_answers(), unless it is given up before.
    // stop and meter belong to the transaction that the last start began.
    void call(CallKind kind, Instant now);
    // No longer waits for the owner's call; an answer until `doubt_until` is still expected to
    // come. Without effect when there is none.
    void give_up(Instant now, Instant doubt_until);
    // The owner will not stop the transaction it started; clean_up() does from now on.
    void leave_transaction(Instant now);
    // Sends a StopTransaction for what was left behind, when that is due and the line is free.
    void clean_up(Instant now);
    // Nothing to stop is left, and no start is in doubt.
    bool clean(Instant now) const;

    std::vector<std::string> take_texts();
    std::vector<Answer> take_answers();
    std::optional<Instant> wake_at() const;

    struct Counters {
        std::uint64_t late_answers = 0;
        std::uint64_t duplicates = 0;
        std::uint64_t unmatched = 0;
        std::uint64_t malformed = 0;
        std::uint64_t cleanups = 0;
        std::uint64_t cleanups_given_up = 0;
    };
    const Counters& counters() const { return counters_; }

  private:
    static constexpr std::size_t most_debts = 32;
    static constexpr std::size_t most_remembered = 64;
    static constexpr int most_refusals = 5;  // of one StopTransaction, before it is given up

    struct Call {
        std::string id;
        CallKind kind = CallKind::boot;
        std::int64_t transaction = 0;  // of stop and meter
        bool owners = false;           // else boot or clean-up
        Instant give_up_at{};          // when not the owner's
    };
    struct PastCall {
        Call call;
        bool answered = false;
        Instant doubt_until{};
    };
    // A transaction that was started and not yet stopped.
    struct Debt {
        std::int64_t transaction = 0;
        bool held = false;  // by the owner's attempt
        int refusals = 0;
        int silences = 0;
        Instant next_try{};
    };
    enum class Input : std::uint8_t {
        opened_new,
        opened_known,
        boot_accepted,
        boot_refused,
        boot_unanswered,
        retry_due,
        must_boot,
        lost,
    };
    struct Row;

    void step(Input input, Instant now);
    void send(CallKind kind, std::int64_t transaction, bool owners, Instant now);
    std::string payload_of(const Call& call, Instant now) const;
    void remember(Call call, bool answered, Instant doubt_until);
    void on_call(const Frame& frame);
    void on_answer(const Frame& frame, Instant now);
    void on_past_answer(PastCall& past, const Frame& frame, Instant now);
    void on_unknown_answer(const Frame& frame, Instant now);
    void on_malformed(const FrameFault& fault, Instant now);
    Meaning judge(const Call& call, const Frame& frame, Instant now);
    Meaning judge_boot(const Frame& frame);
    Meaning judge_start(const Frame& frame, bool held, Instant now);
    void settle_stop(std::int64_t transaction, const Frame& frame, Instant now);
    void boot_answered(Meaning meaning, Instant now);

    ChargerOptions options_;
    ChargerState state_ = ChargerState::offline;
    bool booted_ = false;
    bool refused_ = false;
    Duration boot_interval_{};
    Instant retry_at_{};
    std::uint64_t next_id_ = 1;
    std::optional<Call> outstanding_;
    std::deque<PastCall> past_;
    std::deque<Debt> debts_;
    std::vector<std::string> texts_;
    std::vector<Answer> answers_;
    Counters counters_;
};

}  // namespace vc
