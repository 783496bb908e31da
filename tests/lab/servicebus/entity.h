// Queues, topics and subscriptions as they are described, and the addresses that name them.
// Durations are the rules' time; the defaults are those of Service Bus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rules/base/ids.h"
#include "rules/base/time.h"

namespace vc::lab::servicebus {

using EntityId = Id<struct EntityTag>;
using BoxId = Id<struct BoxTag>;  // one place where messages wait

enum class EntityKind { Queue, Topic, Subscription };
enum class EntityStatus { Active, Disabled, SendDisabled, ReceiveDisabled };

constexpr Duration for_ever = Duration::max();

struct EntityOptions {
    Duration lock_duration = std::chrono::seconds(60);
    int max_delivery_count = 10;
    bool requires_session = false;
    bool requires_duplicate_detection = false;
    Duration duplicate_window = std::chrono::minutes(10);
    Duration default_ttl = for_ever;
    Duration auto_delete_on_idle = for_ever;  // kept and told, never acted on
    bool dead_letter_on_expiration = false;
    bool dead_letter_on_filter_error = true;  // told only: a filter here cannot fail
    std::int64_t max_size_mb = 1024;
    std::int64_t max_message_kb = 256;
    bool partitioned = false;  // told only
    bool batched_operations = true;
    bool express = false;
    bool ordered = false;  // SupportOrdering
    std::string forward_to;
    std::string forward_dead_letters_to;
    EntityStatus status = EntityStatus::Active;
    std::string user_metadata;

    // The lab's own, not of Service Bus.
    std::size_t message_limit = 100'000;        // then amqp:resource-limit-exceeded
    bool locks_end_with_link = false;           // given back at once, not at the lock's end
    bool subscriptions_made_on_attach = false;  // topic: a reader makes its own subscription
};

struct Counts {
    std::size_t active = 0, dead_letter = 0, scheduled = 0, transfer = 0, transfer_dead_letter = 0;
    std::size_t deferred = 0, locked = 0, held = 0;  // locked and held are among the active
    std::size_t total = 0;                           // what MessageCount says
    std::size_t bytes = 0;
};

enum class Part { Main, DeadLetter, TransferDeadLetter };

// "amqps://host/T/subscriptions/s/$deadletterqueue/$management", taken apart. A leading scheme,
// host and slash are dropped; the fixed words are known in any case.
struct Address {
    std::string entity;  // "q", "t", "t/Subscriptions/s"
    Part part = Part::Main;
    bool management = false;
};
Address parse_address(std::string_view text);
std::string to_text(const Address& address);

// Entity names are the same in any case.
std::string lowered(std::string_view text);

const char* to_text(EntityStatus status);
std::optional<EntityStatus> status_of(std::string_view text);

}  // namespace vc::lab::servicebus
