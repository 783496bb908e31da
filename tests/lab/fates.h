// What the faults did to each message, by message-id: the ground truth that a probe's figures are
// compared with. Bounded in memory (the oldest half goes); written to a file when one is named.
//
// Only messages that a fault touched are here. `delay` is what really passed between the moment the
// message could have moved and the moment it did, not what was planned; times are the rules' time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>

#include "rules/base/error.h"
#include "rules/base/time.h"

namespace vc::lab {

struct Fate {
    std::string component;  // the namespace
    std::string entity;
    std::string message_id;  // empty for what is no message (a management request)
    // settle, deliver, complete, management: late by `delay`. lost, duplicated, reordered, refused,
    // stalled: it happened, and `delay` says nothing.
    std::string what;
    Duration delay{};
    Instant at{};
};

class Fates {
  public:
    // Appends to `path` as JSON lines; fails when it cannot be opened.
    Result<void> log_to(const std::string& path);

    void add(Fate fate);

    // JSON lines {"n", "at_ns", "component", "entity", "message_id", "what", "delay_ns"} from the
    // number `from` on, at most `most`.
    std::string lines(std::uint64_t from, std::size_t most) const;
    std::uint64_t count() const { return first_ + fates_.size(); }  // ever

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::deque<Fate> fates_;
    std::uint64_t first_ = 0;  // the number of the oldest that is kept
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace vc::lab
