// One ordinary charger of the load: connects to the bridge, boots once, sends heartbeats and runs
// transactions for ever (start, meter values, stop, pause). One CALL at a time. Its messages are
// numbered: "CP-0001:000042" is the message id on the wire, and "CP-0001:CP-0001:000042" the key in
// the ledger.
//
// A transaction message is sent again with the same id until it is answered (after 10 s, and after
// a reconnect) and keeps its place in the queue; others are sent again with a new id.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/lab/harm.h"
#include "tests/lab/ledger.h"
#include "tests/lab/random.h"
#include "tests/lab/ws.h"

namespace vc::lab {

struct ChargerPace {
    Duration heartbeat = std::chrono::seconds(30);
    Duration meter = std::chrono::seconds(5);
    Duration transaction = std::chrono::seconds(60);
    Duration pause = std::chrono::seconds(10);
    Duration spread = std::chrono::seconds(5);  // of the first connects
};

class Charger {
  public:
    struct Counts {
        std::uint64_t answered = 0;
        std::uint64_t errors = 0;    // CALLERRORs
        std::uint64_t timeouts = 0;  // unanswered for 10 s
        std::uint64_t reconnects = 0;
        std::uint64_t dropped = 0;  // meter values given up because the queue was full
    };

    Charger(Agenda& agenda, std::uint64_t seed, std::size_t number, std::uint16_t bridge,
            ChargerPace pace, Ledger& ledger, Harm& harm);
    ~Charger();
    Charger(const Charger&) = delete;
    Charger& operator=(const Charger&) = delete;

    // Paused: makes no new messages; what is queued is still sent.
    void pause(bool yes) { paused_ = yes; }
    bool online() const { return online_; }
    const Counts& counts() const { return counts_; }
    std::size_t queued() const { return queue_.size(); }

  private:
    struct Call {
        std::string action;
        std::string payload;
        std::string id;
        Instant first_sent{};
    };
    void connect();
    void opened();
    void closed();
    void enqueue(const std::string& action, const std::string& payload);
    void send_head();
    void timed_out();
    void received(const std::string& text);
    void answered(const Call& call, const std::string& payload);
    void heartbeat_later(Duration wait);
    void begin_transaction();
    void transaction_started(long long transaction);
    void meter();
    void stop_transaction();
    void judge();
    std::string timestamp() const;

    Agenda& agenda_;
    Random random_;
    std::size_t number_;
    std::string identity_;
    std::uint16_t bridge_;
    ChargerPace pace_;
    Ledger& ledger_;
    Harm& harm_;
    Counts counts_;
    std::shared_ptr<WsConnection> socket_;  // as Asio wants it, see ws.h
    std::deque<Call> queue_;
    bool in_call_ = false;
    bool online_ = false;
    bool was_online_ = false;
    bool failing_ = false;
    bool overdue_ = false;
    bool paused_ = false;
    std::size_t backoff_ = 0;
    std::uint64_t next_id_ = 1;
    long long transaction_ = 0;  // 0: none runs
    long long meter_wh_ = 0;
    Timer reconnect_, answer_, overdue_timer_, heartbeat_, transaction_timer_, meter_timer_;
};

}  // namespace vc::lab
