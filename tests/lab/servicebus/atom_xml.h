// The descriptions of entities as the management feed of Service Bus writes them: Atom (RFC 4287)
// around Microsoft's elements, in the order and with the namespaces that its clients expect
// (azure-sdk for JavaScript and Python, their serializers). Pure text to values and back; the
// parser takes any prefix for a namespace and is bounded by the size of its input.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lab/servicebus/entity.h"
#include "tests/lab/servicebus/refusal.h"
#include "tests/lab/servicebus/rule.h"
#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {

// "PT1M30S", "P1DT0.5S"; for_ever is "P10675199DT2H48M5.4775807S", and so is what is too long for a
// Duration. No years or months: they have no length.
std::string to_iso(Duration duration);
std::optional<Duration> duration_of(std::string_view iso);

// Where and how an entry says it is.
struct AtomPlace {
    std::string host;   // as in the request's Host: "127.0.0.1:5671"
    std::string owner;  // the namespace's name
    std::string query;  // of the request, without the question mark
};

std::string entity_entry(const AtomPlace& place, const Entity& entity, const Counts& counts,
                         Instant now);
// `path` is the subscription's.
std::string rule_entry(const AtomPlace& place, const std::string& path, const RuleDescription& rule,
                       Instant now);
std::string namespace_entry(const AtomPlace& place, Instant created, Instant now);

// `next` is the address of the next page, empty when this is the last.
std::string feed(const AtomPlace& place, const std::string& path, const std::string& title,
                 const std::vector<std::string>& entries, const std::string& next, Instant now);
// What is answered for an entity that is not there.
std::string empty_feed(Instant now);
std::string error_body(unsigned status, const std::string& words);

// A request's body. `options` begins as the given ones, and what the body says is put over them.
struct EntityBody {
    EntityKind kind = EntityKind::Queue;
    EntityOptions options;
    std::optional<RuleDescription> first_rule;  // of a subscription
};
Answer<EntityBody> read_entity(std::string_view xml, const EntityOptions& given);
Answer<RuleDescription> read_rule(std::string_view xml);

}  // namespace vc::lab::servicebus
