#include <algorithm>

#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_entities = 10'000;
constexpr std::size_t most_subscriptions = 2000;  // of one topic
constexpr std::size_t most_rules = 2000;          // of one subscription
constexpr std::string_view middle = "/Subscriptions/";

std::uint64_t hash(std::string_view text) {  // FNV-1a
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const char c : text)
        sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return sum;
}

bool good_name(std::string_view name, std::size_t most) {
    if (name.empty() || name.size() > most || name.front() == '/' || name.back() == '/') {
        return false;
    }
    return std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/' || c == '~';
    });
}

tl::unexpected<Refusal> invalid(const std::string& words) {
    return refuse("amqp:invalid-field", words);
}

tl::unexpected<Refusal> missing(const std::string& path) {
    return refuse("amqp:not-found", "The messaging entity '" + path + "' could not be found.");
}

Answer<void> check_options(const EntityOptions& options) {
    if (options.lock_duration <= Duration::zero() || options.lock_duration > 5min) {
        return invalid("LockDuration must be more than nothing and at most 5 minutes.");
    }
    if (options.max_delivery_count < 1 || options.max_delivery_count > 2000) {
        return invalid("MaxDeliveryCount must be from 1 to 2000.");
    }
    if (options.default_ttl <= Duration::zero()) {
        return invalid("DefaultMessageTimeToLive must be more than nothing.");
    }
    if (options.duplicate_window <= Duration::zero() || options.duplicate_window > 24h * 7) {
        return invalid("DuplicateDetectionHistoryTimeWindow must be at most 7 days.");
    }
    if (options.max_size_mb < 1 || options.max_size_mb > 81920) {
        return invalid("MaxSizeInMegabytes must be from 1 to 81920.");
    }
    return {};
}

bool hands_on(const Entity& entity) {
    return entity.kind == EntityKind::Topic || !entity.options.forward_to.empty();
}

}  // namespace

std::string Entity::name() const {
    const auto at = path.rfind(middle);
    return kind == EntityKind::Subscription && at != std::string::npos
               ? path.substr(at + middle.size())
               : path;
}

Store::Store(const std::string& name) : token_seed_(hash(name)) {}
Store::~Store() = default;

std::unique_ptr<Box> Store::make_box(Entity& entity, Part part) {
    const BoxId id{next_id_++};
    Address address{entity.path, part, false};
    auto box = std::make_unique<Box>(id, to_text(address), entity.options, part != Part::Main);
    box->token_seed = token_seed_;
    box->hands_on_scheduled = part == Part::Main && hands_on(entity);
    boxes_[id] = {box.get(), entity.id, part, Instant::max()};
    return box;
}

Answer<EntityId> Store::create(EntityKind kind, const std::string& path, EntityOptions options,
                               Instant now) {
    if (entities_.size() >= most_entities) {
        return refuse("amqp:resource-limit-exceeded", "The namespace has too many entities.");
    }
    if (by_path_.count(lowered(path)) > 0) {
        return refuse("com.microsoft:entity-already-exists",
                      "The messaging entity '" + path + "' already exists.");
    }
    if (const auto checked = check_options(options); !checked) {
        return tl::unexpected<Refusal>(checked.error());
    }
    Entity* topic = nullptr;
    if (kind == EntityKind::Subscription) {
        const auto at = path.rfind(middle);
        if (at == std::string::npos) return invalid("A subscription is 'TOPIC/Subscriptions/NAME'");
        const auto found = by_path_.find(lowered(path.substr(0, at)));
        if (found != by_path_.end()) topic = find(found->second);
        if (topic == nullptr || topic->kind != EntityKind::Topic) {
            return missing(path.substr(0, at));
        }
        const std::string name = path.substr(at + middle.size());
        if (!good_name(name, 50) || name.find('/') != std::string::npos) {
            return invalid("'" + name + "' cannot be the name of a subscription.");
        }
        if (topic->subscriptions.size() >= most_subscriptions) {
            return refuse("amqp:resource-limit-exceeded", "The topic has too many subscriptions.");
        }
    } else if (!good_name(path, 260)) {
        return invalid("'" + path + "' cannot be the name of a queue or a topic.");
    }
    auto entity = std::make_unique<Entity>();
    entity->id = EntityId{next_id_++};
    entity->kind = kind;
    entity->path = topic == nullptr ? path : topic->path + path.substr(path.rfind(middle));
    entity->options = std::move(options);
    entity->created = entity->updated = entity->accessed = now;
    entity->main = make_box(*entity, Part::Main);
    if (kind != EntityKind::Topic) {
        entity->dead = make_box(*entity, Part::DeadLetter);
        entity->transfer_dead = make_box(*entity, Part::TransferDeadLetter);
    }
    if (topic != nullptr) {
        entity->topic = topic->id;
        const auto before = [this](EntityId a, EntityId b) {
            return lowered(find(a)->path) < lowered(find(b)->path);
        };
        by_path_[lowered(entity->path)] = entity->id;
        const EntityId id = entity->id;
        RuleDescription all;
        all.name = "$Default";
        all.created = now;
        entity->rules.push_back(std::move(*Rule::compile(std::move(all))));
        entities_[id] = std::move(entity);
        auto& ids = topic->subscriptions;
        ids.insert(std::upper_bound(ids.begin(), ids.end(), id, before), id);
        return id;
    }
    const EntityId id = entity->id;
    by_path_[lowered(entity->path)] = id;
    entities_[id] = std::move(entity);
    return id;
}

Answer<void> Store::update(const std::string& path, EntityOptions options, Instant now) {
    const auto found = by_path_.find(lowered(path));
    if (found == by_path_.end()) return missing(path);
    Entity& entity = *find(found->second);
    if (const auto checked = check_options(options); !checked) return checked;
    const EntityOptions& old = entity.options;
    if (options.requires_session != old.requires_session ||
        options.requires_duplicate_detection != old.requires_duplicate_detection ||
        options.partitioned != old.partitioned) {
        return invalid(
            "RequiresSession, RequiresDuplicateDetection and EnablePartitioning cannot be changed "
            "once '" +
            entity.path + "' exists.");
    }
    // What is the lab's own is nothing that a description speaks of.
    options.message_limit = old.message_limit;
    options.locks_end_with_link = old.locks_end_with_link;
    options.subscriptions_made_on_attach = old.subscriptions_made_on_attach;
    entity.options = std::move(options);
    entity.updated = now;
    entity.main->hands_on_scheduled = hands_on(entity);
    changes_.changed.push_back(entity.id);
    return {};
}

void Store::erase_entity(EntityId id) {
    const auto at = entities_.find(id);
    Entity& entity = *at->second;
    for (const Box* box : {entity.main.get(), entity.dead.get(), entity.transfer_dead.get()}) {
        if (box == nullptr) continue;
        const auto one = boxes_.find(box->id());
        due_.erase({one->second.due, box->id()});
        woke_.erase(box->id());
        boxes_.erase(one);
    }
    if (Entity* topic = find(entity.topic)) std::erase(topic->subscriptions, id);
    by_path_.erase(lowered(entity.path));
    changes_.gone.push_back(id);
    entities_.erase(at);
}

Answer<void> Store::remove(const std::string& path) {
    const auto found = by_path_.find(lowered(path));
    if (found == by_path_.end()) return missing(path);
    const EntityId id = found->second;
    const std::vector<EntityId> subscriptions = find(id)->subscriptions;
    for (const EntityId one : subscriptions)
        erase_entity(one);
    erase_entity(id);
    return {};
}

const Entity* Store::find(const std::string& path) const {
    const auto found = by_path_.find(lowered(path));
    return found == by_path_.end() ? nullptr : find(found->second);
}

const Entity* Store::find(EntityId id) const {
    const auto found = entities_.find(id);
    return found == entities_.end() ? nullptr : found->second.get();
}

Entity* Store::find(EntityId id) {
    const auto found = entities_.find(id);
    return found == entities_.end() ? nullptr : found->second.get();
}

std::vector<const Entity*> Store::list(EntityKind kind) const {
    std::vector<const Entity*> out;
    for (const auto& [path, id] : by_path_) {
        if (const Entity* entity = find(id); entity->kind == kind) out.push_back(entity);
    }
    return out;
}

std::vector<const Entity*> Store::subscriptions(const Entity& topic) const {
    std::vector<const Entity*> out;
    for (const EntityId id : topic.subscriptions)
        out.push_back(find(id));
    return out;
}

Counts Store::counts(const Entity& entity) const {
    Counts counts = entity.main->counts();
    if (entity.kind == EntityKind::Topic) {
        for (const EntityId id : entity.subscriptions)
            counts.bytes += find(id)->main->counts().bytes;
        return counts;
    }
    const Counts dead = entity.dead->counts();
    const Counts transfer = entity.transfer_dead->counts();
    counts.dead_letter = dead.total;
    counts.transfer_dead_letter = transfer.total;
    counts.total += dead.total + transfer.total;
    counts.bytes += dead.bytes + transfer.bytes;
    return counts;
}

Answer<void> Store::check_rule_place(const std::string& path, Entity** entity) {
    const auto found = by_path_.find(lowered(path));
    if (found == by_path_.end()) return missing(path);
    *entity = find(found->second);
    if ((*entity)->kind == EntityKind::Subscription) return {};
    return refuse("amqp:not-allowed", "Only a subscription has rules, not '" + path + "'.");
}

Answer<void> Store::add_rule(const std::string& path, RuleDescription rule, Instant now) {
    Entity* entity = nullptr;
    if (const auto placed = check_rule_place(path, &entity); !placed) return placed;
    const bool known = std::any_of(
        entity->rules.begin(), entity->rules.end(),
        [&](const Rule& one) { return lowered(one.description().name) == lowered(rule.name); });
    if (known) {
        return refuse("com.microsoft:entity-already-exists",
                      "The rule '" + rule.name + "' already exists.");
    }
    if (rule.name.empty() || rule.name.size() > 50) return invalid("A rule needs a name.");
    if (entity->rules.size() >= most_rules) {
        return refuse("amqp:resource-limit-exceeded", "The subscription has too many rules.");
    }
    rule.created = now;
    auto compiled = Rule::compile(std::move(rule));
    if (!compiled) return tl::unexpected<Refusal>(compiled.error());
    entity->rules.push_back(std::move(*compiled));
    return {};
}

Answer<void> Store::remove_rule(const std::string& path, const std::string& name) {
    Entity* entity = nullptr;
    if (const auto placed = check_rule_place(path, &entity); !placed) return placed;
    const auto erased = std::erase_if(entity->rules, [&](const Rule& one) {
        return lowered(one.description().name) == lowered(name);
    });
    if (erased > 0) return {};
    return refuse("amqp:not-found",
                  "The messaging entity '" + path + "|" + name + "' could not be found.");
}

Answer<void> Store::replace_rule(const std::string& path, RuleDescription rule, Instant now) {
    Entity* entity = nullptr;
    if (const auto placed = check_rule_place(path, &entity); !placed) return placed;
    auto compiled = Rule::compile(std::move(rule));
    if (!compiled) return tl::unexpected<Refusal>(compiled.error());
    for (Rule& one : entity->rules) {
        if (lowered(one.description().name) != lowered(compiled->description().name)) continue;
        one = std::move(*compiled);
        entity->updated = now;
        return {};
    }
    return refuse("amqp:not-found", "The messaging entity '" + path + "|" +
                                        compiled->description().name + "' could not be found.");
}

Store::BoxEntry* Store::entry(BoxId id) {
    const auto found = boxes_.find(id);
    return found == boxes_.end() ? nullptr : &found->second;
}

Box* Store::box(const Address& address) {
    const auto found = by_path_.find(lowered(address.entity));
    if (found == by_path_.end()) return nullptr;
    Entity& entity = *find(found->second);
    if (entity.kind == EntityKind::Topic) return nullptr;
    switch (address.part) {
        case Part::Main:
            return entity.main.get();
        case Part::DeadLetter:
            return entity.dead.get();
        case Part::TransferDeadLetter:
            return entity.transfer_dead.get();
    }
    return nullptr;
}

Box* Store::box(BoxId id) {
    BoxEntry* one = entry(id);
    return one == nullptr ? nullptr : one->box;
}

const Entity* Store::owner(BoxId id) const {
    const auto found = boxes_.find(id);
    return found == boxes_.end() ? nullptr : find(found->second.entity);
}

}  // namespace vc::lab::servicebus
