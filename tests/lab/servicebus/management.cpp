#include "tests/lab/servicebus/management.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tests/lab/servicebus/management_rules.h"

namespace vc::lab::servicebus {
namespace {

constexpr std::size_t most_reply_bytes = 220 * 1024;  // so that the answer fits in a message
constexpr std::size_t most_tokens = 1000;

struct Calling {
    Store& store;
    const ManagementCall& call;
    const Value& body;
    Box* box;  // none: a topic
    EntityId entity;
};

Reply refused(const Refusal& refusal) {
    return {status_of(refusal), refusal.description, refusal.condition, {}};
}

Reply bad(const std::string& words) {
    return refused({"com.microsoft:argument-error", words});
}

Reply with(std::string_view key, Value value) {
    Reply reply;
    reply.body = map();
    reply.body.add(key, std::move(value));
    return reply;
}

Reply no_content() {
    return {204, "No Content", {}, {}};
}

std::optional<std::string> text_in(const Value& body, std::string_view key) {
    const Value* value = body.find(key);
    if (value == nullptr || !value->is_text()) return std::nullopt;
    return value->text;
}

std::int64_t number_in(const Value& body, std::string_view key, std::int64_t fallback) {
    const Value* value = body.find(key);
    return value != nullptr && value->is_integer() ? value->number : fallback;
}

std::vector<Value> items_in(const Value& body, std::string_view key) {
    const Value* value = body.find(key);
    if (value == nullptr || (value->type != Type::Array && value->type != Type::List)) return {};
    return value->items;
}

std::vector<std::int64_t> sequences_in(const Value& body) {
    std::vector<std::int64_t> out;
    for (const Value& item : items_in(body, "sequence-numbers")) {
        if (item.is_integer() && out.size() < most_tokens) out.push_back(item.number);
    }
    return out;
}

// As they are used for delivery tags. Uuids on the wire are big-endian, tags are not.
std::vector<Uuid> tokens_in(const Value& body) {
    std::vector<Uuid> out;
    for (const Value& item : items_in(body, "lock-tokens")) {
        if (item.text.size() != 16 || out.size() >= most_tokens) continue;
        Uuid token{};
        std::copy(item.text.begin(), item.text.end(), token.begin());
        out.push_back(swapped_guid(token));
    }
    return out;
}

Instant instant_of(std::int64_t unix_ms) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000;
    return Instant{std::chrono::milliseconds(std::clamp<std::int64_t>(unix_ms, 0, most))};
}

Reply renew_lock(Calling c) {
    const std::vector<Uuid> tokens = tokens_in(c.body);
    if (tokens.empty()) return bad("lock-tokens: none are given");
    std::vector<Value> ends;
    for (const Uuid& token : tokens) {
        const auto until = c.store.renew(c.box->id(), token, c.call.now);
        if (!until) return refused(until.error());
        ends.push_back(timestamp(unix_ms(*until)));
    }
    return with("expirations", array(std::move(ends)));
}

Reply peek(Calling c) {
    const std::int64_t count = number_in(c.body, "message-count", 1);
    if (count < 1) return bad("message-count: must be at least 1");
    std::vector<Value> messages;
    std::size_t bytes = 0;
    for (const Stored& stored :
         c.box->peek(number_in(c.body, "from-sequence-number", 0),
                     static_cast<std::size_t>(std::min<std::int64_t>(count, 1000)),
                     text_in(c.body, "session-id"))) {
        std::string encoded = encode_peeked(stored);
        bytes += encoded.size() + 32;
        if (!messages.empty() && bytes > most_reply_bytes) break;
        Value one = map();
        one.add("message", binary(std::move(encoded)));
        messages.push_back(std::move(one));
    }
    if (messages.empty()) return no_content();
    return with("messages", list(std::move(messages)));
}

Reply schedule(Calling c) {
    std::vector<Message> messages;
    for (const Value& item : items_in(c.body, "messages")) {
        const auto bytes = text_in(item, "message");
        const std::string id =
            text_in(item, "message-id")
                .value_or(c.call.fallback_id + "-" + std::to_string(messages.size() + 1));
        auto message = bytes ? parse_message(*bytes, id) : std::nullopt;
        if (!message) return bad("messages: one of them is no AMQP message");
        if (!message->partition_key) message->partition_key = text_in(item, "partition-key");
        messages.push_back(std::move(*message));
    }
    if (messages.empty()) return bad("messages: none are given");
    const auto sequences = c.store.schedule(c.entity, std::move(messages), c.call.now);
    if (!sequences) return refused(sequences.error());
    std::vector<Value> numbers;
    for (const std::int64_t one : *sequences)
        numbers.push_back(long_value(one));
    return with("sequence-numbers", array(std::move(numbers)));
}

Reply cancel_scheduled(Calling c) {
    const auto sequences = sequences_in(c.body);
    if (sequences.empty()) return bad("sequence-numbers: none are given");
    const auto done = c.store.cancel_scheduled(c.entity, sequences);
    return done ? Reply{} : refused(done.error());
}

Reply receive_by_sequence(Calling c) {
    const auto sequences = sequences_in(c.body);
    if (sequences.empty()) return bad("sequence-numbers: none are given");
    const bool lock = number_in(c.body, "receiver-settle-mode", 1) != 0;
    const auto got =
        c.store.receive_deferred(c.box->id(), sequences, c.call.now, lock, c.call.holder);
    if (!got) return refused(got.error());
    std::vector<Value> messages;
    for (const Delivery& delivery : *got) {
        Value one = map();
        one.add("message", binary(encode_delivery(delivery, lock)));
        one.add("lock-token", uuid(swapped_guid(delivery.token)));
        messages.push_back(std::move(one));
    }
    return with("messages", list(std::move(messages)));
}

std::optional<Disposition> disposition_of(const std::string& text) {
    if (text == "completed") return Disposition::Complete;
    if (text == "abandoned") return Disposition::Abandon;
    if (text == "defered") return Disposition::Defer;  // the protocol's own spelling
    if (text == "suspended") return Disposition::DeadLetter;
    return std::nullopt;
}

Reply update_disposition(Calling c) {
    const auto tokens = tokens_in(c.body);
    if (tokens.empty()) return bad("lock-tokens: none are given");
    const std::string name = text_in(c.body, "disposition-status").value_or("");
    const auto disposition = disposition_of(name);
    if (!disposition) return bad("disposition-status: '" + name + "' is not known");
    Settle settle;
    settle.disposition = *disposition;
    settle.reason = text_in(c.body, "deadletter-reason").value_or("");
    settle.description = text_in(c.body, "deadletter-description").value_or("");
    if (const Value* changes = c.body.find("properties-to-modify"); changes != nullptr) {
        if (changes->type == Type::Map) settle.properties = *changes;
    }
    for (const Uuid& token : tokens) {
        const auto done = c.store.settle(c.box->id(), token, settle, c.call.now);
        if (!done) return refused(done.error());
    }
    return {};
}

Reply renew_session(Calling c) {
    const auto session = text_in(c.body, "session-id");
    if (!session) return bad("session-id: is missing");
    const auto until = c.store.renew_session(c.box->id(), *session, c.call.now);
    if (!until) return refused(until.error());
    return with("expiration", timestamp(unix_ms(*until)));
}

Reply get_state(Calling c) {
    const auto session = text_in(c.body, "session-id");
    if (!session) return bad("session-id: is missing");
    const auto state = c.box->session_state(*session);
    return with("session-state", state ? binary(*state) : Value{});
}

Reply set_state(Calling c) {
    const auto session = text_in(c.body, "session-id");
    if (!session) return bad("session-id: is missing");
    const auto done = c.store.set_session_state(c.box->id(), *session,
                                                text_in(c.body, "session-state"), c.call.now);
    return done ? Reply{} : refused(done.error());
}

Reply get_sessions(Calling c) {
    const std::int64_t skip = std::max<std::int64_t>(0, number_in(c.body, "skip", 0));
    const std::int64_t top = std::clamp<std::int64_t>(number_in(c.body, "top", 100), 0, 1000);
    std::vector<Value> ids;
    for (std::string& id :
         c.box->sessions(instant_of(number_in(c.body, "last-updated-time", 0)),
                         static_cast<std::size_t>(skip), static_cast<std::size_t>(top))) {
        ids.push_back(string(std::move(id)));
    }
    if (ids.empty()) return no_content();
    const auto next = static_cast<std::int32_t>(skip + static_cast<std::int64_t>(ids.size()));
    Reply reply = with("sessions-ids", array(std::move(ids)));
    reply.body.add("skip", int_value(next));
    return reply;
}

Reply batch_delete(Calling c) {
    const std::int64_t count = number_in(c.body, "message-count", 0);
    if (count < 1 || count > 4000) return bad("message-count: must be from 1 to 4000");
    const Instant before = instant_of(number_in(c.body, "enqueued-time-utc", unix_ms(c.call.now)));
    const std::size_t erased = c.store.erase(c.box->id(), static_cast<std::size_t>(count), before,
                                             text_in(c.body, "session-id"));
    if (erased == 0) return no_content();
    return with("message-count", int_value(static_cast<std::int32_t>(erased)));
}

Reply add_rule(Calling c) {
    const Value* described = c.body.find("rule-description");
    const auto name = text_in(c.body, "rule-name");
    if (!name || described == nullptr) return bad("rule-name or rule-description: is missing");
    auto rule = read_rule(*name, *described);
    if (!rule) return refused(rule.error());
    const auto done = c.store.add_rule(c.call.address.entity, std::move(*rule), c.call.now);
    return done ? Reply{} : refused(done.error());
}

Reply remove_rule(Calling c) {
    const auto name = text_in(c.body, "rule-name");
    if (!name) return bad("rule-name: is missing");
    const auto done = c.store.remove_rule(c.call.address.entity, *name);
    return done ? Reply{} : refused(done.error());
}

Reply list_rules(Calling c) {
    const std::int64_t top = number_in(c.body, "top", 100);
    std::int64_t skip = number_in(c.body, "skip", 0);
    std::vector<Value> rules;
    for (const Rule& rule : c.store.find(c.entity)->rules) {
        if (skip-- > 0 || static_cast<std::int64_t>(rules.size()) >= top) continue;
        Value one = map();
        one.add("rule-description", describe_rule(rule.description()));
        rules.push_back(std::move(one));
    }
    if (rules.empty()) return no_content();
    return with("rules", list(std::move(rules)));
}

struct Operation {
    const char* name;
    Needs needs;
    bool of_messages;  // needs a place where messages wait: not a topic
    Reply (*call)(Calling);
};

constexpr std::array<Operation, 15> operations{{
    {"com.microsoft:renew-lock", Needs::Listen, true, renew_lock},
    {"com.microsoft:peek-message", Needs::Listen, true, peek},
    {"com.microsoft:schedule-message", Needs::Send, false, schedule},
    {"com.microsoft:cancel-scheduled-message", Needs::Send, false, cancel_scheduled},
    {"com.microsoft:receive-by-sequence-number", Needs::Listen, true, receive_by_sequence},
    {"com.microsoft:update-disposition", Needs::Listen, true, update_disposition},
    {"com.microsoft:renew-session-lock", Needs::Listen, true, renew_session},
    {"com.microsoft:get-session-state", Needs::Listen, true, get_state},
    {"com.microsoft:set-session-state", Needs::Listen, true, set_state},
    {"com.microsoft:get-message-sessions", Needs::Listen, true, get_sessions},
    {"com.microsoft:batch-delete-messages", Needs::Listen, true, batch_delete},
    {"com.microsoft:add-rule", Needs::Manage, false, add_rule},
    {"com.microsoft:remove-rule", Needs::Manage, false, remove_rule},
    {"com.microsoft:enumerate-rules", Needs::Manage, false, list_rules},
    // The name that some older clients have for it.
    {"com.microsoft:get-rules", Needs::Manage, false, list_rules},
}};

const Operation* operation_of(const std::string& name) {
    const auto at = std::find_if(operations.begin(), operations.end(),
                                 [&](const Operation& one) { return name == one.name; });
    return at == operations.end() ? nullptr : at;
}

}  // namespace

Needs needs_of(const std::string& name) {
    const Operation* operation = operation_of(name);
    return operation == nullptr ? Needs::Manage : operation->needs;
}

int status_of(const Refusal& refusal) {
    struct Known {
        const char* condition;
        int status;
    };
    static constexpr std::array<Known, 13> known{{{"amqp:not-found", 404},
                                                  {"com.microsoft:message-not-found", 404},
                                                  {"com.microsoft:message-lock-lost", 410},
                                                  {"com.microsoft:session-lock-lost", 410},
                                                  {"com.microsoft:session-cannot-be-locked", 410},
                                                  {"com.microsoft:entity-already-exists", 409},
                                                  {"com.microsoft:entity-disabled", 400},
                                                  {"amqp:resource-limit-exceeded", 403},
                                                  {"amqp:unauthorized-access", 401},
                                                  {"amqp:not-implemented", 501},
                                                  {"com.microsoft:server-busy", 503},
                                                  {"com.microsoft:timeout", 408},
                                                  {"amqp:internal-error", 500}}};
    for (const Known& one : known) {
        if (refusal.condition == one.condition) return one.status;
    }
    return 400;
}

Reply manage(Store& store, const ManagementCall& call, const Request& request) {
    const Entity* entity = store.find(call.address.entity);
    if (entity == nullptr) {
        return refused({"amqp:not-found",
                        "The messaging entity '" + call.address.entity + "' could not be found."});
    }
    const Operation* operation = operation_of(request.operation);
    if (operation == nullptr) {
        return refused(
            {"amqp:not-implemented", "The operation '" + request.operation + "' is not known."});
    }
    if (entity->options.status == EntityStatus::Disabled) {
        return refused({"com.microsoft:entity-disabled",
                        "Messaging entity '" + entity->path + "' is currently disabled."});
    }
    Box* box = store.box(call.address);
    if (operation->of_messages && box == nullptr) {
        // A topic: what it holds itself are scheduled messages, which may be looked at.
        const bool peeks = request.operation == "com.microsoft:peek-message";
        if (!peeks || entity->main == nullptr) {
            return refused({"amqp:not-allowed", "A topic has no messages to receive."});
        }
        box = entity->main.get();
    }
    return operation->call({store, call, request.body, box, entity->id});
}

}  // namespace vc::lab::servicebus
