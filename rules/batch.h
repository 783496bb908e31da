// What one step of the core gives back: records to be written and actions to be taken, in that
// order. The order is a type: actions come out only against the token that the journal gives once
// the records are on disk.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "rules/base/check.h"
#include "rules/record.h"

namespace vc {

struct RunHook {
    MigrationPlan plan;
    HookRun run;
    std::string key;  // idempotency key
};

struct NotifyPage {
    PageRaised page;
};

// Compare what the two brokers have; answered by an AuditFinished of the same number.
struct AuditStandby {
    std::uint64_t number = 0;
};

using Action = std::variant<RunHook, NotifyPage, AuditStandby>;

// Proof that the records of batch `number` are durable. Only a journal can make one.
class SyncedToken {
  public:
    std::uint64_t number() const { return number_; }

  private:
    friend class Journal;
    explicit SyncedToken(std::uint64_t number) : number_(number) {}
    std::uint64_t number_;
};

class Batch {
  public:
    Batch(std::uint64_t number, std::vector<Record> records, std::vector<Action> actions)
        : number_(number), records_(std::move(records)), actions_(std::move(actions)) {}

    std::uint64_t number() const { return number_; }
    const std::vector<Record>& records() const { return records_; }
    bool empty() const { return records_.empty() && actions_.empty(); }

    std::vector<Action> release(const SyncedToken& token) && {
        VC_CHECK(token.number() == number_, "actions are released by their own batch's token");
        return std::move(actions_);
    }

  private:
    std::uint64_t number_;
    std::vector<Record> records_;
    std::vector<Action> actions_;
};

}  // namespace vc
