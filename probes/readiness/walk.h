// Asks a namespace's management plane for all that it holds, page by page: which request comes
// next, and what its answer adds. Sans-IO; the daemon sends the requests.
//
//   while (auto target = walk.next()) { ...GET it...; walk.answer(status, body); }
//
// Bounded in requests and entities; a namespace that lists the same entity twice (or the same page
// for ever) is an error, and so is every answer but 200. What `ignore` names is neither kept nor
// asked further.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "probes/readiness/atom.h"

namespace vc {

class InventoryWalk {
  public:
    // `ignore`: patterns of paths, see fits().
    explicit InventoryWalk(std::vector<std::string> ignore);

    // The next request's path and query, the same until it is answered; none: all is read.
    std::optional<std::string> next() const;

    // The answer to next(). After an error the walk is of no more use.
    Result<void> answer(unsigned status, std::string_view body);

    // Complete once next() gives none.
    const Inventory& inventory() const { return inventory_; }
    Inventory take() && { return std::move(inventory_); }

  private:
    struct Listing {
        FeedKind kind = FeedKind::queues;
        std::string parent;      // "topic" or "topic/subscription"; empty for queues and topics
        std::size_t entity = 0;  // of rules: index into the inventory
        std::size_t skip = 0;
    };

    Result<void> take_in(FeedPage page, const Listing& listing);
    bool ignored(const std::string& path) const;

    std::vector<std::string> ignore_;
    std::deque<Listing> open_;
    std::set<std::string> seen_;  // of every listing, in lower case
    std::size_t requests_ = 0;
    Inventory inventory_;
};

// Asking again in a moment may help: the plane is throttling, or was caught in a bad moment.
bool is_passing(unsigned status);

}  // namespace vc
