#include "tests/lab/servicebus/message.h"

#include <doctest/doctest.h>

#include "tests/lab/random.h"
#include "tests/lab/servicebus/testing.h"

namespace vc::lab::servicebus {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a message keeps what its sender wrote and says what the broker knows") {
    Parts parts;
    parts.id = "m1";
    parts.subject = "CP-1";
    parts.session = "s";
    parts.ttl_ms = 5000;
    parts.properties.add("colour", string("red"));
    parts.annotations.items = {symbol("x-opt-partition-key"),
                               string("p"),
                               symbol("x-opt-sequence-number"),
                               long_value(99),
                               symbol("x-mine"),
                               int_value(3)};
    const Message message = message_of(parts);
    CHECK(message.id == "m1");
    CHECK(message.session == "s");
    CHECK(message.ttl == 5s);
    CHECK(message.partition_key == "p");

    BrokerProperties broker;
    broker.delivery_count = 2;
    broker.sequence = 7;
    broker.enqueued_sequence = 6;
    broker.enqueued = noon;
    broker.locked_until = noon + 60s;
    broker.dead_letter_source = "elsewhere";
    broker.state = 1;
    const std::string bytes = encode_message(message, broker);
    CHECK(section_value(bytes, 0x70).items[2] == uint_value(5000));
    CHECK(section_value(bytes, 0x70).items[4] == uint_value(2));
    CHECK(annotation(bytes, "x-opt-sequence-number") == long_value(7));
    CHECK(annotation(bytes, "x-opt-enqueue-sequence-number") == long_value(6));
    CHECK(annotation(bytes, "x-opt-enqueued-time") == timestamp(unix_ms(noon)));
    CHECK(annotation(bytes, "x-opt-locked-until") == timestamp(unix_ms(noon + 60s)));
    CHECK(annotation(bytes, "x-opt-partition-key") == string("p"));
    CHECK(annotation(bytes, "x-opt-deadletter-source") == string("elsewhere"));
    CHECK(annotation(bytes, "x-opt-message-state") == int_value(1));
    CHECK(annotation(bytes, "x-mine") == int_value(3));
    CHECK(property(bytes, "colour") == string("red"));
    CHECK(section_value(bytes, 0x75) == binary("hello"));
    CHECK(section_value(bytes, 0x73).items[3] == string("CP-1"));
}

TEST_CASE("a message without an id gets one, and keeps its other properties") {
    Parts parts;
    parts.subject = "CP-1";
    const Message message = parse_message(bytes_of(parts), "given").value();
    CHECK(message.id == "given");
    const std::string bytes = encode_message(message, {});
    CHECK(section_value(bytes, 0x73).items[0] == string("given"));
    CHECK(section_value(bytes, 0x73).items[3] == string("CP-1"));
    std::string bare;
    put_value(bare, described(0x77, string("x")));
    CHECK(parse_message(bare, "given")->id == "given");
}

TEST_CASE("a batch is taken apart, by its format or by what is in it") {
    std::string batch;
    for (const char* id : {"a", "", "c"}) {
        Parts parts;
        parts.id = id;
        put_value(batch, described(0x75, binary(bytes_of(parts))));
    }
    for (const std::uint32_t format : {0u, batch_format}) {
        const auto messages = parse_transfer(batch, format, "x");
        REQUIRE(messages);
        REQUIRE(messages->size() == 3);
        CHECK((*messages)[0].id == "a");
        CHECK((*messages)[1].id == "x-2");
        CHECK((*messages)[2].id == "c");
    }
    std::string one;
    put_value(one, described(0x75, binary(bytes_of(Parts{"only"}))));
    CHECK(parse_transfer(one, batch_format, "x")->at(0).id == "only");
    CHECK(parse_transfer(one, 0, "x")->at(0).id == "x");  // a message that holds a message
    std::string sections;
    put_value(sections, described(0x75, binary("plain")));
    put_value(sections, described(0x75, binary("text")));
    REQUIRE(parse_transfer(sections, 0, "x"));
    CHECK(parse_transfer(sections, 0, "x")->size() == 1);
    CHECK_FALSE(parse_transfer(sections, batch_format, "x"));
    CHECK_FALSE(parse_transfer("", batch_format, "x"));
}

TEST_CASE("what is no message is told from one, whatever the bytes") {
    CHECK_FALSE(parse_message("", "x"));
    CHECK_FALSE(parse_message("hello", "x"));
    CHECK_FALSE(parse_message(std::string("\0\x53\x01\x45", 4), "x"));
    Parts parts;
    parts.id = "m";
    parts.properties.add("a", string("b"));
    const std::string good = bytes_of(parts);
    Random random(11, "messages");
    for (int round = 0; round < 5000; ++round) {
        std::string bytes = good;
        for (int i = 0; i < 3; ++i)
            bytes[static_cast<std::size_t>(random.ratio() * static_cast<double>(bytes.size()))] =
                static_cast<char>(random.ratio() * 256);
        if (const auto message = parse_message(bytes, "x")) {
            encode_message(*message, {});
            application_properties(*message);
            property_fields(*message);
        }
        parse_transfer(bytes, batch_format, "x");
    }
}

TEST_CASE("properties are set, replaced and removed") {
    Message message = message_of("m");
    Value changes = map();
    changes.add("a", int_value(1));
    set_application_properties(message, changes);
    changes.items[1] = int_value(2);
    changes.add("b", string("x"));
    set_application_properties(message, changes);
    CHECK(*application_properties(message).find("a") == int_value(2));
    remove_application_property(message, "a");
    CHECK(application_properties(message).find("a") == nullptr);
    CHECK(*application_properties(message).find("b") == string("x"));
}

TEST_CASE("a lock token turns into a uuid and back") {
    const Uuid token{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const Uuid swapped{4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16};
    CHECK(swapped_guid(token) == swapped);
    CHECK(swapped_guid(swapped) == token);
}

}  // namespace
}  // namespace vc::lab::servicebus
