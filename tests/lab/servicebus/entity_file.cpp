#include "tests/lab/servicebus/entity_file.h"

#include <boost/json.hpp>

#include "tests/lab/servicebus/store.h"

namespace vc::lab::servicebus {
namespace {

namespace json = boost::json;

// Takes the keys that it knows out of an object, so that what is left over is an error.
class Fields {
  public:
    Fields(const json::value& value, std::string where) : where_(std::move(where)) {
        if (value.is_object()) {
            fields_ = value.as_object();
        } else {
            wrong("", "an object");
        }
    }
    void read(const char* key, bool& to) {
        if (const json::value* value = take(key)) {
            if (value->is_bool())
                to = value->as_bool();
            else
                wrong(key, "true or false");
        }
    }
    void read(const char* key, std::string& to) {
        if (const json::value* value = take(key)) {
            if (value->is_string())
                to = std::string(value->as_string());
            else
                wrong(key, "a text");
        }
    }
    template <class Integer>
    void read(const char* key, Integer& to) {
        if (const json::value* value = take(key)) {
            if (value->is_int64() && value->as_int64() >= 0 && value->as_int64() <= 1'000'000'000) {
                to = static_cast<Integer>(value->as_int64());
            } else {
                wrong(key, "a whole number");
            }
        }
    }
    void read(const char* key, Duration& to) {
        if (const json::value* value = take(key)) {
            const double seconds = value->is_number() ? value->to_number<double>() : -1;
            if (seconds >= 0 && seconds <= 1e9) {
                to = Duration{static_cast<std::int64_t>(seconds * 1e9)};
            } else {
                wrong(key, "a number of seconds");
            }
        }
    }
    void read(const char* key, EntityStatus& to) {
        std::string text = to_text(to);
        read(key, text);
        if (const auto status = status_of(text))
            to = *status;
        else
            wrong(key, "Active, Disabled, SendDisabled or ReceiveDisabled");
    }
    // The items of a list, each with its place for errors; empty when there is none.
    std::vector<std::pair<json::value, std::string>> list(const char* key, bool* given = nullptr) {
        std::vector<std::pair<json::value, std::string>> items;
        const json::value* value = take(key);
        if (value == nullptr) return items;
        if (given != nullptr) *given = true;
        if (!value->is_array()) wrong(key, "a list");
        if (value->is_array()) {
            for (const json::value& item : value->as_array())
                items.emplace_back(item, where_ + key + "[" + std::to_string(items.size()) + "].");
        }
        return items;
    }
    std::string error() const {
        if (!error_.empty() || fields_.empty()) return error_;
        return where_ + std::string(fields_.begin()->key()) + ": is not known";
    }

  private:
    const json::value* take(const char* key) {
        const auto found = fields_.find(key);
        if (found == fields_.end()) return nullptr;
        taken_ = std::move(found->value());
        fields_.erase(found);
        return &taken_;
    }
    void wrong(const char* key, const char* words) {
        const std::string place = where_ + key;
        if (error_.empty()) error_ = (place.empty() ? "this" : place + ":") + " must be " + words;
    }

    json::object fields_;
    json::value taken_;
    std::string where_;
    std::string error_;
};

void read_options(Fields& in, EntityOptions& to) {
    in.read("lock_duration_s", to.lock_duration);
    in.read("max_delivery_count", to.max_delivery_count);
    in.read("requires_session", to.requires_session);
    in.read("requires_duplicate_detection", to.requires_duplicate_detection);
    in.read("duplicate_window_s", to.duplicate_window);
    in.read("default_ttl_s", to.default_ttl);
    in.read("dead_letter_on_expiration", to.dead_letter_on_expiration);
    in.read("max_size_mb", to.max_size_mb);
    in.read("message_limit", to.message_limit);
    in.read("forward_to", to.forward_to);
    in.read("forward_dead_letters_to", to.forward_dead_letters_to);
    in.read("status", to.status);
    in.read("locks_end_with_link", to.locks_end_with_link);
}

class Reader {
  public:
    void read(const std::string& text) {
        json::error_code failed;
        const json::value root = json::parse(text, failed);
        if (failed) {
            error_ = "this is no JSON";
            return;
        }
        Fields in(root, "");
        for (const auto& [item, where] : in.list("queues"))
            entity(item, where, EntityKind::Queue, "");
        for (const auto& [item, where] : in.list("topics"))
            entity(item, where, EntityKind::Topic, "");
        note(in);
    }
    std::vector<EntitySpec> specs_;
    std::string error_;

  private:
    void entity(const json::value& item, const std::string& where, EntityKind kind,
                const std::string& above) {
        Fields in(item, where);
        EntitySpec spec;
        spec.kind = kind;
        std::string name;
        in.read("name", name);
        spec.path = above + name;
        read_options(in, spec.options);
        std::vector<std::pair<json::value, std::string>> below;
        if (kind == EntityKind::Topic) below = in.list("subscriptions");
        if (kind == EntityKind::Subscription) {
            for (const auto& [one, place] : in.list("rules", &spec.own_rules))
                spec.rules.push_back(rule(one, place));
        }
        note(in);
        const std::string path = spec.path + "/Subscriptions/";
        specs_.push_back(std::move(spec));
        for (const auto& [one, place] : below)
            entity(one, place, EntityKind::Subscription, path);
    }
    RuleDescription rule(const json::value& item, const std::string& where) {
        Fields in(item, where);
        RuleDescription rule;
        SqlFilter filter{"1=1"};
        in.read("name", rule.name);
        in.read("sql", filter.expression);
        in.read("action", rule.action);
        rule.filter = std::move(filter);
        note(in);
        return rule;
    }
    void note(const Fields& in) {
        if (error_.empty()) error_ = in.error();
    }
};

}  // namespace

Result<std::vector<EntitySpec>> read_entities(const std::string& text) {
    Reader reader;
    reader.read(text);
    if (!reader.error_.empty()) return failure(reader.error_);
    Store tried("");  // what a store refuses is refused here
    if (const auto made = make_entities(tried, reader.specs_, Instant{}); !made) {
        return tl::unexpected<Error>(made.error());
    }
    return std::move(reader.specs_);
}

Result<void> make_entities(Store& store, const std::vector<EntitySpec>& specs, Instant now) {
    for (const EntitySpec& spec : specs) {
        const auto made = store.create(spec.kind, spec.path, spec.options, now);
        if (!made) return failure(spec.path + ": " + made.error().description);
        if (spec.own_rules) {
            const auto removed = store.remove_rule(spec.path, "$Default");
            if (!removed) return failure(spec.path + ": " + removed.error().description);
        }
        for (const RuleDescription& rule : spec.rules) {
            const auto added = store.add_rule(spec.path, rule, now);
            if (!added) return failure(spec.path + ": " + added.error().description);
        }
    }
    return {};
}

}  // namespace vc::lab::servicebus
