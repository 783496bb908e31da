#include "probes/readiness/walk.h"

#include <algorithm>

namespace vc {
namespace {

constexpr std::size_t page_size = 100;  // the most that the service gives
constexpr std::size_t most_requests = 5000;
constexpr std::size_t most_entities = 20'000;

// RFC 3986: everything but unreserved characters and the slash is written in hexadecimal.
std::string escaped(std::string_view path) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : path) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~' ||
                           c == '/';
        if (plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

// "topic/subscription": a topic's own name may have slashes, a subscription's has none.
std::string rules_path(std::string_view subscription) {
    const auto slash = subscription.rfind('/');
    return escaped(subscription.substr(0, slash)) + "/Subscriptions" +
           escaped(subscription.substr(slash)) + "/Rules";
}

}  // namespace

bool is_passing(unsigned status) {
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

InventoryWalk::InventoryWalk(std::vector<std::string> ignore) : ignore_(std::move(ignore)) {
    open_.push_back({.kind = FeedKind::queues, .parent = {}});
    open_.push_back({.kind = FeedKind::topics, .parent = {}});
}

std::optional<std::string> InventoryWalk::next() const {
    if (open_.empty()) return std::nullopt;
    const Listing& listing = open_.front();
    std::string target = "/";
    switch (listing.kind) {
        case FeedKind::queues:
            target += "$Resources/Queues";
            break;
        case FeedKind::topics:
            target += "$Resources/Topics";
            break;
        case FeedKind::subscriptions:
            target += escaped(listing.parent) + "/Subscriptions";
            break;
        case FeedKind::rules:
            target += rules_path(listing.parent);
            break;
    }
    return target + "?api-version=2021-05&$skip=" + std::to_string(listing.skip) +
           "&$top=" + std::to_string(page_size);
}

Result<void> InventoryWalk::answer(unsigned status, std::string_view body) {
    const std::string asked = next().value_or("/");
    const std::string where = asked.substr(0, asked.find('?'));
    if (status != 200) {
        const std::string detail = error_detail(body);
        return failure(where + " answered " + std::to_string(status) +
                       (detail.empty() ? "" : ": " + detail));
    }
    if (++requests_ > most_requests) return failure("there is no end to what it lists");
    Listing& listing = open_.front();
    const std::string topic = listing.parent;
    auto page = read_feed(listing.kind, body, topic);
    if (!page) return failure(where + ": " + page.error().message);
    const std::size_t size = page->size();
    const Listing of = listing;
    if (size >= page_size) {
        listing.skip += size;
    } else {
        open_.pop_front();
    }
    if (auto taken = take_in(std::move(*page), of); !taken) {
        return failure(where + " " + taken.error().message);
    }
    return {};
}

Result<void> InventoryWalk::take_in(FeedPage page, const Listing& listing) {
    const auto once = [&](const std::string& name) {
        return seen_
            .insert(std::to_string(static_cast<int>(listing.kind)) + listing.parent + "/" +
                    in_lower_case(name))
            .second;
    };
    for (InventoryRule& rule : page.rules) {
        if (!once(rule.name)) return failure("lists rule " + rule.name + " twice");
        inventory_.entities[listing.entity].rules.push_back(std::move(rule));
    }
    for (InventoryEntity& entity : page.entities) {
        if (!once(entity.path)) return failure("lists " + entity.path + " twice");
        if (ignored(entity.path)) {
            inventory_.ignored.insert(in_lower_case(entity.path));
            continue;
        }
        if (inventory_.entities.size() == most_entities) return failure("lists too many entities");
        if (entity.kind == InventoryKind::topic) {
            open_.push_back({.kind = FeedKind::subscriptions, .parent = entity.path});
        } else if (entity.kind == InventoryKind::subscription) {
            open_.push_back({.kind = FeedKind::rules,
                             .parent = entity.path,
                             .entity = inventory_.entities.size()});
        }
        inventory_.entities.push_back(std::move(entity));
    }
    return {};
}

bool InventoryWalk::ignored(const std::string& path) const {
    return std::any_of(ignore_.begin(), ignore_.end(),
                       [&](const std::string& pattern) { return fits(pattern, path); });
}

}  // namespace vc
