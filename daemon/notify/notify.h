// Takes pages to people: each to every configured target, one after the other per target, tried
// again with growing pauses until it is taken or too old. Owned by the App, on its thread; a
// target that hangs holds up nobody but itself. Queues are bounded: when one is full, its oldest
// page that is not under way is given up and counted.
//
// A page on its way when the daemon dies is lost here; that it was raised is in the journal, and so
// is, by on_settled, until when all pages are done with: the next daemon sends the rest again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/hooks/command.h"
#include "daemon/host/clock.h"
#include "rules/record.h"

namespace boost::asio {
class io_context;
}

namespace vc {

struct NotifyOptions {
    Duration timeout = std::chrono::seconds(10);     // of one try
    Duration first_pause = std::chrono::seconds(1);  // doubled after each failure
    Duration longest_pause = std::chrono::minutes(2);
    Duration give_up_after = std::chrono::hours(1);  // since it was raised: by then it is history
    std::size_t queue_max = 100;                     // pages per target
};

struct NotifyCounts {
    std::uint64_t sent = 0;     // taken by a target
    std::uint64_t retried = 0;  // tries that failed and were followed by another
    std::uint64_t failed = 0;   // given up
    std::uint64_t queued = 0;   // not taken yet, those under way included
};

class Notifier {
  public:
    // Told of every failed try and every page given up: "page to target 1: ...". For the log.
    using Trouble = std::function<void(const std::string& words)>;

    Notifier(boost::asio::io_context& io, Clock clock, std::vector<HookCommand> targets,
             NotifyOptions options = {});
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    // A request gets the JSON object {"incident":42,"severity":"high","text":"..."} unless it has
    // a body of its own; a program gets the same as VOLTCANARY_INCIDENT, _SEVERITY and _TEXT. The
    // header Idempotency-Key, or VOLTCANARY_IDEMPOTENCY_KEY, is the same for every try. `raised`:
    // the time of the page's record, which also names it: a page that is sent again after a
    // restart has the same key. Never before that of the last page.
    void page(const PageRaised& page, Instant raised);

    void on_trouble(Trouble trouble);
    // Every page raised until then has been taken or given up by every target.
    using Settled = std::function<void(Instant until)>;
    void on_settled(Settled settled);
    NotifyCounts counts() const;

  private:
    struct State;
    // Shared with the tries in flight, which may end after the Notifier.
    std::shared_ptr<State> state_;
};

}  // namespace vc
