// The account of transaction messages: what chargers sent, what the platform acknowledged, what the
// backend processed. A message is known by its key, "identity:message id". Ordinary chargers and
// synthetic ones (the identity begins with SYN-) are counted apart.
//
// acknowledged: the broker settled the bridge's send (or the bridge lied, under a fault).
//
// lost: acknowledged, and not processed within the grace that is asked for.
//
// duplicated: processed more than once; `extra` counts the times too many.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "tests/lab/agenda.h"

namespace boost::json {
class object;
}

namespace vc::lab {

class Ledger {
  public:
    explicit Ledger(Agenda& agenda) : agenda_(agenda) {}

    void sent(const std::string& key);
    void acknowledged(const std::string& key);
    // True when it was the first time.
    bool processed(const std::string& key);

    struct Sum {
        std::uint64_t sent = 0;
        std::uint64_t acknowledged = 0;
        std::uint64_t processed = 0;
        std::uint64_t lost = 0;
        std::uint64_t duplicated = 0;
        std::uint64_t extra = 0;
        std::uint64_t in_flight = 0;  // sent and not processed, and not counted as lost
    };
    Sum ordinary(Duration grace = {}) const;
    Sum synthetic(Duration grace = {}) const;
    boost::json::object to_json(Duration grace) const;

  private:
    struct Entry {
        bool sent = false;
        bool acknowledged = false;
        Instant acknowledged_at{};
        std::uint32_t times = 0;
    };
    struct Account {
        std::unordered_map<std::string, Entry> entries;
        std::deque<std::string> order;  // the oldest first; folded into `folded` past the limit
        Sum folded;
    };
    Account& account(const std::string& key);
    static Entry& entry(Account& account, const std::string& key);
    static void add(Sum& sum, const Entry& entry, Instant late);
    Sum total(const Account& account, Duration grace) const;

    Agenda& agenda_;
    Account ordinary_;
    Account synthetic_;
};

}  // namespace vc::lab
