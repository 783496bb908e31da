// Reads one page of a Service Bus namespace's Atom feed (GET /$Resources/Queues, .../Topics,
// TOPIC/Subscriptions, TOPIC/Subscriptions/NAME/Rules; API version 2021-05).
//
// The text is a peer's: it is bounded (4 MiB, 1000 entries), must have no document type (there are
// no entities to expand), and whatever is not as it should be is an error that names the entry.
// Elements that nobody compares are passed over, so that a newer service is read as well.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probes/readiness/inventory.h"
#include "rules/base/error.h"

namespace vc {

enum class FeedKind : std::uint8_t { queues, topics, subscriptions, rules };

struct FeedPage {
    std::vector<InventoryEntity> entities;  // of all kinds but rules
    std::vector<InventoryRule> rules;
    std::size_t size() const { return entities.size() + rules.size(); }
};

inline constexpr std::size_t most_feed_bytes = 4 << 20;

// `topic` is the one whose subscriptions are listed.
Result<FeedPage> read_feed(FeedKind kind, std::string_view xml, const std::string& topic = "");

// What a refusal says of itself: the Detail of <Error><Code>401</Code><Detail>...</Detail></Error>,
// one bounded line without control characters; empty when there is none.
std::string error_detail(std::string_view xml);

}  // namespace vc
