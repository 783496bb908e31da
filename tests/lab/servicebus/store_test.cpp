#include "tests/lab/servicebus/store.h"

#include <doctest/doctest.h>

#include "tests/lab/servicebus/testing.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

// A namespace with one queue, and a clock that is turned by hand.
struct World {
    Store store{"test"};
    Instant now = noon;
    EntityId queue;
    BoxId box;
    BoxId dead;

    explicit World(EntityOptions options = {}) {
        queue = store.create(EntityKind::Queue, "q", options, now).value();
        box = store.box(parse_address("q"))->id();
        dead = store.box(parse_address("q/$DeadLetterQueue"))->id();
    }
    std::vector<Sent> send(Message message) {
        std::vector<Message> one;
        one.push_back(std::move(message));
        return store.send(queue, std::move(one), now).value();
    }
    std::optional<Delivery> receive(bool lock = true) { return store.receive(box, now, lock, 1); }
    void pass(Duration time) {
        now += time;
        store.run_due(now);
    }
    Counts counts() { return store.counts(*store.find(queue)); }
    Answer<void> settle(const Delivery& delivery, Disposition disposition) {
        Settle settle;
        settle.disposition = disposition;
        return store.settle(box, delivery.token, settle, now);
    }
};

std::string id_of(const std::optional<Delivery>& delivery) {
    return delivery ? delivery->stored.message->id : "nothing";
}

TEST_CASE("messages come out in their order, are locked, and are gone when completed") {
    World world;
    world.send(message_of("a"));
    world.send(message_of("b"));
    const auto a = world.receive();
    const auto b = world.receive();
    CHECK(id_of(a) == "a");
    CHECK(id_of(b) == "b");
    CHECK(a->stored.sequence == 1);
    CHECK(a->token != b->token);
    CHECK(a->locked_until == noon + 60s);
    CHECK_FALSE(world.receive());
    CHECK(world.settle(*a, Disposition::Complete));
    CHECK(world.counts().active == 1);
    const auto again = world.settle(*a, Disposition::Complete);
    REQUIRE_FALSE(again);
    CHECK(again.error().condition == "com.microsoft:message-lock-lost");
}

TEST_CASE("a message that is received and deleted leaves nothing behind") {
    World world;
    world.send(message_of("a"));
    const auto a = world.receive(false);
    CHECK(id_of(a) == "a");
    CHECK_FALSE(a->locked_until);
    CHECK(world.counts().total == 0);
}

TEST_CASE("a lock ends at its time unless it is renewed") {
    World world;
    world.send(message_of("a"));
    const auto a = world.receive();
    CHECK(world.store.next_due() == noon + 60s);
    world.pass(50s);
    CHECK(world.store.renew(world.box, a->token, world.now) == noon + 110s);
    world.pass(59s);
    CHECK_FALSE(world.receive());
    world.pass(1s);
    CHECK(world.store.take_changes().woke == std::vector<BoxId>{world.box});
    CHECK(world.settle(*a, Disposition::Complete).error().condition ==
          "com.microsoft:message-lock-lost");
    CHECK(world.store.renew(world.box, a->token, world.now).error().condition ==
          "com.microsoft:message-lock-lost");
    const auto second = world.receive();
    CHECK(second->stored.deliveries == 1);
}

TEST_CASE("a message that fails too often goes to the dead-letter queue, and stays there") {
    EntityOptions options;
    options.max_delivery_count = 2;
    World world(options);
    world.send(message_of("a"));
    CHECK(world.settle(*world.receive(), Disposition::Abandon));
    CHECK(world.settle(*world.receive(), Disposition::Abandon));
    CHECK_FALSE(world.receive());
    CHECK(world.counts().dead_letter == 1);
    for (int i = 0; i < 5; ++i) {
        const auto dead = world.store.receive(world.dead, world.now, true, 1);
        REQUIRE(dead);
        const std::string bytes = encode_delivery(*dead);
        CHECK(property(bytes, "DeadLetterReason") == string("MaxDeliveryCountExceeded"));
        CHECK(property(bytes, "DeadLetterErrorDescription") ==
              string("Message could not be consumed after 2 delivery attempts."));
        CHECK(world.store.settle(world.dead, dead->token, {Disposition::Abandon, {}, {}, {}},
                                 world.now));
    }
}

TEST_CASE("a message is dead-lettered with a reason and properties, or abandoned with some") {
    World world;
    world.send(message_of("a"));
    Settle abandon;
    abandon.disposition = Disposition::Abandon;
    abandon.properties = map();
    abandon.properties.add("seen", int_value(1));
    CHECK(world.store.settle(world.box, world.receive()->token, abandon, world.now));
    const auto again = world.receive();
    CHECK(property(encode_delivery(*again), "seen") == int_value(1));
    Settle dead;
    dead.disposition = Disposition::DeadLetter;
    dead.reason = "broken";
    dead.description = "cannot be read";
    CHECK(world.store.settle(world.box, again->token, dead, world.now));
    const auto letter = world.store.receive(world.dead, world.now, false, 1);
    const std::string bytes = encode_delivery(*letter);
    CHECK(property(bytes, "DeadLetterReason") == string("broken"));
    CHECK(property(bytes, "DeadLetterErrorDescription") == string("cannot be read"));
    CHECK(property(bytes, "seen") == int_value(1));
}

TEST_CASE("a message whose time is over is dropped, or dead-lettered where that is wanted") {
    for (const bool keep : {false, true}) {
        EntityOptions options;
        options.dead_letter_on_expiration = keep;
        options.default_ttl = 10s;
        World world(options);
        Parts brief;
        brief.id = "brief";
        brief.ttl_ms = 2000;
        world.send(message_of(brief));
        world.send(message_of("lasting"));
        world.pass(3s);
        CHECK(world.counts().active == 1);
        CHECK(world.counts().dead_letter == (keep ? 1 : 0));
        const auto lasting = world.receive();
        CHECK(id_of(lasting) == "lasting");
        world.pass(10s);  // its lock protects it
        CHECK(world.settle(*lasting, Disposition::Abandon));
        CHECK_FALSE(world.receive());
        CHECK(world.store.traffic().expired == 2);
        CHECK(world.counts().dead_letter == (keep ? 2 : 0));
        if (!keep) continue;
        const auto letter = world.store.receive(world.dead, world.now, false, 1);
        CHECK(property(encode_delivery(*letter), "DeadLetterReason") ==
              string("TTLExpiredException"));
    }
}

TEST_CASE("a deferred message is received by its number only") {
    World world;
    world.send(message_of("a"));
    CHECK(world.settle(*world.receive(), Disposition::Defer));
    CHECK_FALSE(world.receive());
    CHECK(world.counts().deferred == 1);
    CHECK(world.store.receive_deferred(world.box, {7}, world.now, true, 1).error().condition ==
          "com.microsoft:message-not-found");
    const auto got = world.store.receive_deferred(world.box, {1}, world.now, true, 1);
    REQUIRE(got);
    CHECK(annotation(encode_delivery(got->at(0)), "x-opt-message-state") == int_value(1));
    CHECK_FALSE(world.store.receive_deferred(world.box, {1}, world.now, true, 1));
    CHECK(world.settle(got->at(0), Disposition::Abandon));
    CHECK(world.counts().deferred == 1);
    const auto last = world.store.receive_deferred(world.box, {1, 1}, world.now, false, 1);
    REQUIRE(last);
    CHECK(last->size() == 1);
    CHECK(world.counts().total == 0);
}

TEST_CASE("a scheduled message waits for its time and then has a new number") {
    World world;
    Message later = message_of("later");
    later.scheduled = noon + 30s;
    world.send(std::move(later));
    std::vector<Message> more;
    more.push_back(message_of("cancelled"));
    more.back().scheduled = noon + 30s;
    const auto numbers = world.store.schedule(world.queue, std::move(more), world.now);
    REQUIRE(numbers);
    CHECK(*numbers == std::vector<std::int64_t>{2});
    CHECK(world.counts().scheduled == 2);
    CHECK(world.counts().active == 0);
    CHECK_FALSE(world.receive());
    CHECK(world.store.box(world.box)->peek(0, 10, {}).size() == 2);
    CHECK(world.store.cancel_scheduled(world.queue, {2}));
    CHECK(world.store.cancel_scheduled(world.queue, {2}).error().condition ==
          "com.microsoft:message-not-found");
    world.pass(30s);
    const auto got = world.receive();
    CHECK(id_of(got) == "later");
    CHECK(got->stored.sequence == 3);
    CHECK(got->stored.enqueued == noon + 30s);
}

TEST_CASE("a second message with the same id is accepted and dropped, within the window") {
    EntityOptions options;
    options.requires_duplicate_detection = true;
    options.duplicate_window = 60s;
    World world(options);
    CHECK_FALSE(world.send(message_of("a"))[0].duplicate);
    CHECK(world.send(message_of("a"))[0].duplicate);
    CHECK(world.counts().active == 1);
    world.pass(60s);
    CHECK_FALSE(world.send(message_of("a"))[0].duplicate);
}

TEST_CASE("peeking shows every message from a number on and changes nothing") {
    World world;
    for (const char* id : {"a", "b", "c"})
        world.send(message_of(id));
    world.receive();
    CHECK(world.store.box(world.box)->peek(2, 10, {}).size() == 2);
    CHECK(world.store.box(world.box)->peek(0, 1, {}).at(0).message->id == "a");
    CHECK(id_of(world.receive()) == "b");
}

TEST_CASE("what is deleted in a batch is free, active and old enough") {
    World world;
    for (const char* id : {"a", "b", "c"})
        world.send(message_of(id));
    world.receive();
    world.pass(5s);
    world.send(message_of("new"));
    CHECK(world.store.erase(world.box, 10, noon, {}) == 2);
    CHECK(id_of(world.receive()) == "new");
}

TEST_CASE("a full entity refuses, by count and by size, all of a batch or nothing") {
    EntityOptions options;
    options.message_limit = 2;
    World world(options);
    std::vector<Message> three;
    for (const char* id : {"a", "b", "c"})
        three.push_back(message_of(id));
    CHECK(world.store.send(world.queue, std::move(three), world.now).error().condition ==
          "amqp:resource-limit-exceeded");
    CHECK(world.counts().total == 0);
    options.message_limit = 100;
    options.max_size_mb = 1;
    World small(options);
    Parts large;
    large.body = std::string(200'000, 'x');
    for (int i = 0; i < 5; ++i)
        small.send(message_of(large));
    std::vector<Message> more;
    more.push_back(message_of(large));
    CHECK(small.store.send(small.queue, std::move(more), small.now).error().condition ==
          "amqp:resource-limit-exceeded");
    large.body = std::string(300'000, 'x');
    std::vector<Message> huge;
    huge.push_back(message_of(large));
    CHECK(small.store.send(small.queue, std::move(huge), small.now).error().condition ==
          "amqp:link:message-size-exceeded");
}

TEST_CASE("an entity that is disabled for sending says so") {
    World world;
    EntityOptions options;
    options.status = EntityStatus::SendDisabled;
    CHECK(world.store.update("Q", options, world.now));
    std::vector<Message> one;
    one.push_back(message_of("a"));
    CHECK(world.store.send(world.queue, std::move(one), world.now).error().condition ==
          "com.microsoft:entity-disabled");
    CHECK(world.store.take_changes().changed == std::vector<EntityId>{world.queue});
}

TEST_CASE("a lock goes with its link only where the lab wants that") {
    for (const bool with_link : {false, true}) {
        EntityOptions options;
        options.locks_end_with_link = with_link;
        World world(options);
        world.send(message_of("a"));
        const auto a = world.receive();
        world.store.release(world.box, 1, world.now);
        CHECK(bool(world.receive()) == with_link);
        CHECK(bool(world.settle(*a, Disposition::Complete)) == !with_link);
    }
}

TEST_CASE("a message that is held is out of sight until it is let go, in its old place") {
    World world;
    const Sent first = world.send(message_of("a"))[0];
    world.store.hold(first.placed[0].box, first.placed[0].sequence);
    world.send(message_of("b"));
    CHECK(world.counts().held == 1);
    world.store.let_go(first.placed[0].box, first.placed[0].sequence);
    CHECK(id_of(world.receive()) == "a");
    world.store.hold(world.box, 2);
    CHECK_FALSE(world.receive());
    world.store.let_go(world.box, 2);
    CHECK(id_of(world.receive()) == "b");
}

TEST_CASE("an entity forwards to another, and its dead letters too") {
    World world;
    EntityOptions options;
    options.forward_to = "q";
    const auto from = world.store.create(EntityKind::Queue, "from", options, world.now).value();
    std::vector<Message> one;
    one.push_back(message_of("a"));
    const auto sent = world.store.send(from, std::move(one), world.now);
    REQUIRE(sent);
    CHECK(sent->at(0).placed.at(0).box == world.box);
    CHECK(id_of(world.receive()) == "a");
    EntityOptions lost;
    lost.forward_to = "nowhere";
    const auto dead_end = world.store.create(EntityKind::Queue, "end", lost, world.now).value();
    std::vector<Message> two;
    two.push_back(message_of("b"));
    CHECK(world.store.send(dead_end, std::move(two), world.now));
    CHECK(world.store.counts(*world.store.find("end")).transfer_dead_letter == 1);

    EntityOptions letters;
    letters.forward_dead_letters_to = "q";
    letters.max_delivery_count = 1;
    const auto id = world.store.create(EntityKind::Queue, "strict", letters, world.now).value();
    std::vector<Message> three;
    three.push_back(message_of("c"));
    CHECK(world.store.send(id, std::move(three), world.now));
    const BoxId box = world.store.box(parse_address("strict"))->id();
    const auto c = world.store.receive(box, world.now, true, 1);
    CHECK(world.store.settle(box, c->token, {Disposition::Abandon, {}, {}, {}}, world.now));
    const auto letter = world.receive();
    CHECK(id_of(letter) == "c");
    CHECK(annotation(encode_delivery(*letter), "x-opt-deadletter-source") == string("strict"));
}

TEST_CASE("entities are made, changed and removed, and refuse what cannot be") {
    World world;
    Store& store = world.store;
    CHECK(store.create(EntityKind::Queue, "Q", {}, noon).error().condition ==
          "com.microsoft:entity-already-exists");
    CHECK(store.create(EntityKind::Subscription, "t/Subscriptions/s", {}, noon).error().condition ==
          "amqp:not-found");
    CHECK(store.create(EntityKind::Queue, "a b", {}, noon).error().condition ==
          "amqp:invalid-field");
    EntityOptions bad;
    bad.max_delivery_count = 0;
    CHECK(store.create(EntityKind::Queue, "x", bad, noon).error().description ==
          "MaxDeliveryCount must be from 1 to 2000.");
    CHECK(store.create(EntityKind::Topic, "t", {}, noon));
    CHECK(store.create(EntityKind::Subscription, "T/Subscriptions/s", {}, noon));
    CHECK(store.find("t/subscriptions/S")->path == "t/Subscriptions/s");
    CHECK(store.find("t/subscriptions/S")->name() == "s");
    EntityOptions sessions;
    sessions.requires_session = true;
    CHECK(store.update("q", sessions, noon).error().condition == "amqp:invalid-field");
    CHECK(store.list(EntityKind::Queue).size() == 1);
    CHECK(store.list(EntityKind::Topic).size() == 1);
    CHECK(store.remove("t"));
    CHECK(store.find("t/Subscriptions/s") == nullptr);
    CHECK(store.take_changes().gone.size() == 2);
    CHECK(store.remove("t").error().condition == "amqp:not-found");
}

TEST_CASE("an address is taken apart, whatever its case and host") {
    const Address full = parse_address("amqps://host:5671/T/subscriptions/S/$deadletterqueue");
    CHECK(full.entity == "T/Subscriptions/S");
    CHECK(full.part == Part::DeadLetter);
    CHECK_FALSE(full.management);
    const Address managed = parse_address("/q/$Transfer/$DeadLetterQueue/$management");
    CHECK(managed.entity == "q");
    CHECK(managed.part == Part::TransferDeadLetter);
    CHECK(managed.management);
    CHECK(to_text(managed) == "q/$Transfer/$DeadLetterQueue/$management");
    CHECK(parse_address("sb://host").entity.empty());
}

}  // namespace
}  // namespace vc::lab::servicebus
