#include "tests/lab/ledger.h"

#include <boost/json.hpp>

namespace vc::lab {
namespace {

constexpr std::size_t most_entries = 500'000;

boost::json::object json_of(const Ledger::Sum& sum) {
    return {{"sent", sum.sent},
            {"acknowledged", sum.acknowledged},
            {"processed", sum.processed},
            {"lost", sum.lost},
            {"duplicated", sum.duplicated},
            {"extra", sum.extra},
            {"in_flight", sum.in_flight}};
}

}  // namespace

Ledger::Account& Ledger::account(const std::string& key) {
    return key.starts_with("SYN-") ? synthetic_ : ordinary_;
}

Ledger::Entry& Ledger::entry(Account& account, const std::string& key) {
    const auto [found, fresh] = account.entries.try_emplace(key);
    if (fresh) {
        account.order.push_back(key);
        if (account.order.size() > most_entries) {
            const auto oldest = account.entries.extract(account.order.front());
            account.order.pop_front();
            if (!oldest.empty()) add(account.folded, oldest.mapped(), Instant::max());
        }
    }
    return found->second;
}

void Ledger::sent(const std::string& key) {
    entry(account(key), key).sent = true;
}

void Ledger::acknowledged(const std::string& key) {
    Entry& one = entry(account(key), key);
    if (one.acknowledged) return;
    one.acknowledged = true;
    one.acknowledged_at = agenda_.now();
}

bool Ledger::processed(const std::string& key) {
    return ++entry(account(key), key).times == 1;
}

void Ledger::add(Sum& sum, const Entry& entry, Instant late) {
    if (entry.sent) ++sum.sent;
    if (entry.acknowledged) ++sum.acknowledged;
    if (entry.times > 0) ++sum.processed;
    if (entry.times > 1) ++sum.duplicated;
    if (entry.times > 1) sum.extra += entry.times - 1;
    if (entry.times > 0) return;
    if (entry.acknowledged && entry.acknowledged_at <= late) {
        ++sum.lost;
    } else {
        ++sum.in_flight;
    }
}

Ledger::Sum Ledger::total(const Account& account, Duration grace) const {
    Sum sum = account.folded;
    const Instant late = agenda_.now() - grace;
    for (const auto& [key, entry] : account.entries)
        add(sum, entry, late);
    return sum;
}

Ledger::Sum Ledger::ordinary(Duration grace) const {
    return total(ordinary_, grace);
}
Ledger::Sum Ledger::synthetic(Duration grace) const {
    return total(synthetic_, grace);
}

boost::json::object Ledger::to_json(Duration grace) const {
    boost::json::object out = json_of(ordinary(grace));
    out["grace_s"] = seconds(grace);
    out["synthetic"] = json_of(synthetic(grace));
    return out;
}

}  // namespace vc::lab
