#include "tests/lab/servicebus/management.h"

#include <doctest/doctest.h>

#include "tests/lab/servicebus/testing.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

struct Desk {
    Store store{"test"};
    Instant now = noon;
    EntityId queue;
    BoxId box;

    explicit Desk(bool sessions = false) {
        EntityOptions options;
        options.requires_session = sessions;
        queue = store.create(EntityKind::Queue, "q", options, noon).value();
        box = store.box(parse_address("q"))->id();
    }
    void send(const std::string& id, const std::string& session = {}) {
        std::vector<Message> one;
        one.push_back(message_of(id, session));
        CHECK(store.send(queue, std::move(one), now));
    }
    // Through the bytes, as a client's request goes.
    Reply ask(const std::string& operation, Value body, const std::string& address = "q") {
        Request request;
        request.message_id = string("r1");
        request.reply_to = "me";
        request.operation = "com.microsoft:" + operation;
        request.body = std::move(body);
        const auto read = parse_request(encode_request(request));
        REQUIRE(read);
        CHECK(read->reply_to == "me");
        const ManagementCall call{parse_address(address), now, 0, "given"};
        const auto reply = parse_reply(encode_reply(*read, manage(store, call, *read)));
        REQUIRE(reply);
        CHECK(reply->correlation_id == string("r1"));
        return reply->reply;
    }
};

Value with(const std::string& key, Value value) {
    Value made = map();
    made.add(key, std::move(value));
    return made;
}

Value tokens(const Delivery& delivery) {
    return with("lock-tokens", array({uuid(swapped_guid(delivery.token))}));
}

TEST_CASE("a message lock is renewed by its token, and lost ones are told") {
    Desk desk;
    desk.send("a");
    const auto a = desk.store.receive(desk.box, desk.now, true, 1);
    desk.now += 30s;
    const Reply reply = desk.ask("renew-lock", tokens(*a));
    CHECK(reply.status == 200);
    CHECK(reply.body.find("expirations")->items.at(0) == timestamp(unix_ms(noon + 90s)));
    desk.now += 60s;
    desk.store.run_due(desk.now);
    const Reply lost = desk.ask("renew-lock", tokens(*a));
    CHECK(lost.status == 410);
    CHECK(lost.error_condition == "com.microsoft:message-lock-lost");
    CHECK(desk.ask("renew-lock", map()).error_condition == "com.microsoft:argument-error");
}

TEST_CASE("peeking gives whole messages from a number on, and 204 when there are none") {
    Desk desk;
    for (const char* id : {"a", "b", "c"})
        desk.send(id);
    Value body = with("from-sequence-number", long_value(2));
    body.add("message-count", int_value(10));
    const Reply reply = desk.ask("peek-message", body);
    REQUIRE(reply.body.find("messages")->items.size() == 2);
    const std::string bytes = reply.body.find("messages")->items[0].find("message")->text;
    CHECK(parse_message(bytes, "")->id == "b");
    CHECK(annotation(bytes, "x-opt-sequence-number") == long_value(2));
    body.items[1] = long_value(4);
    CHECK(desk.ask("peek-message", body).status == 204);
    body.items[3] = int_value(0);
    CHECK(desk.ask("peek-message", body).status == 400);
}

TEST_CASE("an answer to a peek is cut where it would no longer fit in a message") {
    Desk desk;
    Parts large;
    large.body = std::string(100'000, 'x');
    for (int i = 0; i < 5; ++i) {
        std::vector<Message> one;
        one.push_back(message_of(large));
        CHECK(desk.store.send(desk.queue, std::move(one), desk.now));
    }
    Value body = with("from-sequence-number", long_value(0));
    body.add("message-count", int_value(100));
    CHECK(desk.ask("peek-message", body).body.find("messages")->items.size() == 2);
}

TEST_CASE("messages are scheduled and cancelled") {
    Desk desk;
    Parts parts;
    parts.annotations.items = {symbol("x-opt-scheduled-enqueue-time"),
                               timestamp(unix_ms(noon + 60s))};
    Value one = with("message", binary(bytes_of(parts)));
    one.add("message-id", string("s1"));
    const Reply reply = desk.ask("schedule-message", with("messages", list({one, one})));
    REQUIRE(reply.status == 200);
    CHECK(*reply.body.find("sequence-numbers") == array({long_value(1), long_value(2)}));
    CHECK(desk.store.counts(*desk.store.find("q")).scheduled == 2);
    const Value numbers = with("sequence-numbers", array({long_value(1)}));
    CHECK(desk.ask("cancel-scheduled-message", numbers).status == 200);
    CHECK(desk.ask("cancel-scheduled-message", numbers).error_condition ==
          "com.microsoft:message-not-found");
    desk.store.run_due(noon + 60s);
    CHECK(desk.store.receive(desk.box, noon + 60s, true, 1)->stored.message->id == "s1");
    CHECK(desk.ask("schedule-message", with("messages", list())).status == 400);
    const Value broken = with("messages", list({with("message", binary("x"))}));
    CHECK(desk.ask("schedule-message", broken).status == 400);
}

TEST_CASE("deferred messages are received by number and settled by token") {
    Desk desk;
    desk.send("a");
    const auto a = desk.store.receive(desk.box, desk.now, true, 1);
    Value defer = tokens(*a);
    defer.add("disposition-status", string("defered"));
    CHECK(desk.ask("update-disposition", defer).status == 200);
    Value numbers = with("sequence-numbers", array({long_value(1)}));
    numbers.add("receiver-settle-mode", uint_value(1));
    const Reply reply = desk.ask("receive-by-sequence-number", numbers);
    REQUIRE(reply.status == 200);
    const Value& got = reply.body.find("messages")->items.at(0);
    CHECK(parse_message(got.find("message")->text, "")->id == "a");
    const Value* token = got.find("lock-token");
    REQUIRE(token->type == Type::Uuid);
    CHECK(section_value(got.find("message")->text, 0x71).find("x-opt-lock-token")->text ==
          token->text);
    CHECK(desk.ask("receive-by-sequence-number", numbers).status == 404);

    Value dead = with("lock-tokens", array({*token}));
    dead.add("disposition-status", string("suspended"));
    dead.add("deadletter-reason", string("why"));
    dead.add("properties-to-modify", with("n", int_value(1)));
    CHECK(desk.ask("update-disposition", dead).status == 200);
    CHECK(desk.ask("update-disposition", dead).status == 410);
    Value peek = with("from-sequence-number", long_value(0));
    peek.add("message-count", int_value(1));
    const Reply letters = desk.ask("peek-message", peek, "q/$DeadLetterQueue/$management");
    const std::string bytes = letters.body.find("messages")->items.at(0).find("message")->text;
    CHECK(property(bytes, "DeadLetterReason") == string("why"));
    CHECK(property(bytes, "n") == int_value(1));
    dead.items[3] = string("eaten");
    CHECK(desk.ask("update-disposition", dead).description ==
          "disposition-status: 'eaten' is not known");
}

TEST_CASE("a session's lock and state are renewed, set and told, and sessions are listed") {
    Desk desk(true);
    desk.send("a", "s");
    const Value session = with("session-id", string("s"));
    CHECK(desk.ask("renew-session-lock", session).status == 410);
    desk.store.accept_session(desk.box, "s", 1, noon);
    CHECK(*desk.ask("renew-session-lock", session).body.find("expiration") ==
          timestamp(unix_ms(noon + 60s)));
    CHECK(desk.ask("get-session-state", session).body.find("session-state")->null());
    Value state = session;
    state.add("session-state", binary("half"));
    CHECK(desk.ask("set-session-state", state).status == 200);
    CHECK(*desk.ask("get-session-state", session).body.find("session-state") == binary("half"));
    state.items[3] = {};
    CHECK(desk.ask("set-session-state", state).status == 200);
    CHECK(desk.ask("get-session-state", session).body.find("session-state")->null());
    Value listing = with("last-updated-time", timestamp(0));
    listing.add("skip", int_value(0));
    listing.add("top", int_value(10));
    CHECK(*desk.ask("get-message-sessions", listing).body.find("sessions-ids") ==
          array({string("s")}));
    listing.items[3] = int_value(1);
    CHECK(desk.ask("get-message-sessions", listing).status == 204);
    CHECK(desk.ask("get-session-state", map()).description == "session-id: is missing");
}

TEST_CASE("messages are deleted in a batch") {
    Desk desk;
    desk.send("a");
    desk.send("b");
    Value body = with("message-count", int_value(10));
    body.add("enqueued-time-utc", timestamp(unix_ms(noon + 1s)));
    CHECK(*desk.ask("batch-delete-messages", body).body.find("message-count") == int_value(2));
    CHECK(desk.ask("batch-delete-messages", body).status == 204);
    body.items[1] = int_value(5000);
    CHECK(desk.ask("batch-delete-messages", body).status == 400);
}

TEST_CASE("rules are added, listed as Microsoft's clients read them, and removed") {
    Desk desk;
    desk.store.create(EntityKind::Topic, "t", {}, noon);
    desk.store.create(EntityKind::Subscription, "t/Subscriptions/s", {}, noon);
    const std::string address = "t/Subscriptions/s/$management";
    Value add = with("rule-name", string("red"));
    Value description = with("sql-filter", with("expression", string("colour = 'red'")));
    description.add("correlation-filter", {});
    description.add("sql-rule-action", with("expression", string("SET a = 1")));
    add.add("rule-description", description);
    CHECK(desk.ask("add-rule", add, address).status == 200);
    CHECK(desk.ask("add-rule", add, address).status == 409);
    Value correlation = with("rule-name", string("label"));
    correlation.add("rule-description", with("correlation-filter", with("label", string("CP-1"))));
    CHECK(desk.ask("add-rule", correlation, address).status == 200);
    Value broken = with("rule-name", string("x"));
    broken.add("rule-description", with("sql-filter", with("expression", string("=="))));
    CHECK(desk.ask("add-rule", broken, address).status == 400);
    broken.items[3] = map();
    CHECK(desk.ask("add-rule", broken, address).description ==
          "rule-description: has neither sql-filter nor correlation-filter");

    Value listing = with("top", int_value(10));
    listing.add("skip", int_value(1));
    const Reply rules = desk.ask("enumerate-rules", listing, address);
    REQUIRE(rules.body.find("rules")->items.size() == 2);
    const Value& red = *rules.body.find("rules")->items[0].find("rule-description");
    CHECK(red.items[0] == ulong_value(1335734829060));
    CHECK(red.items[1].items[0].items[0] == ulong_value(83483426822));
    CHECK(red.items[1].items[0].items[1].items[0] == string("colour = 'red'"));
    CHECK(red.items[1].items[1].items[0] == ulong_value(1335734829062));
    CHECK(red.items[1].items[2] == string("red"));
    const Value& label = *rules.body.find("rules")->items[1].find("rule-description");
    CHECK(label.items[1].items[0].items[1].items[4] == string("CP-1"));

    const Value name = with("rule-name", string("red"));
    CHECK(desk.ask("remove-rule", name, address).status == 200);
    CHECK(desk.ask("remove-rule", name, address).status == 404);
    CHECK(desk.ask("add-rule", add, "q").status == 400);
}

TEST_CASE("what cannot be asked is answered with a status and why") {
    Desk desk;
    desk.store.create(EntityKind::Topic, "t", {}, noon);
    CHECK(desk.ask("sing", map()).status == 501);
    CHECK(desk.ask("peek-message", map(), "nowhere").status == 404);
    CHECK(desk.ask("renew-lock", map(), "t").error_condition == "amqp:not-allowed");
    EntityOptions disabled;
    disabled.status = EntityStatus::Disabled;
    CHECK(desk.store.update("q", disabled, noon));
    CHECK(desk.ask("peek-message", map()).error_condition == "com.microsoft:entity-disabled");
    CHECK_FALSE(parse_request("nonsense"));
    CHECK_FALSE(parse_request(bytes_of(Parts{"no operation"})));
    CHECK_FALSE(parse_reply(bytes_of(Parts{"no status"})));
    CHECK(needs_of("com.microsoft:schedule-message") == Needs::Send);
    CHECK(needs_of("com.microsoft:peek-message") == Needs::Listen);
    CHECK(needs_of("anything else") == Needs::Manage);
}

}  // namespace
}  // namespace vc::lab::servicebus
